"""The values that a script consists of. A script in JSON has the same names."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import UNSET, Meta

from genai_fn.schema.content import Part
from genai_fn.schema.responses import FinishReason, GenerateContentResponse, GenerateContentResponseUsageMetadata
from genai_fn.schema.safety import BlockedReason
from genai_fn.values import Value

MAX_STEPS: Final = 10_000
"""Limit of the steps of a script."""
_MAX_SECONDS = 3600


class ScriptedCall(Value, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A function call of the model."""

    name: Annotated[str, Meta(min_length=1)]
    args: Mapping[str, Any] = {}
    id: str | None = None
    """Default: an ID that differs for each call."""


class ScriptedError(Value, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An error response. After content in a stream, it ends the stream in the way of Google's servers."""

    status: Annotated[int, Meta(ge=400, le=599)]
    """Status code, such as 429 or 503."""
    message: str | None = None
    """Default: the API's message for this code."""
    retry: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """Seconds in the ``RetryInfo`` of the error."""
    details: tuple[Mapping[str, Any], ...] = ()
    """More details, each with its ``@type``."""
    body: Any = UNSET
    """A whole body in place of the API's error: a text as it is, any other value as JSON."""


class StepCondition(Value, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which requests a step answers: those that fulfil all of the conditions."""

    model: str | None = None
    """ID of the model, such as ``gemini-2.5-flash``."""
    text: str | None = None
    """Part of the question: of the text of the last turn of the user that has any."""
    system: str | None = None
    """Part of the text of the system instruction."""
    function_response: str | None = None
    """Name of a function whose response is in the last turn."""
    path: str | None = None
    """Part of the path, such as ``:streamGenerateContent``."""


class ScriptedAnswer(Value, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An answer of the model. Its content is `parts`, then `text` or `json`, then `calls`."""

    text: str | tuple[str, ...] | None = None
    """A text, or its chunks: a stream sends each of them in an event of its own."""
    json: Any = UNSET
    """Any value, which the model writes as JSON."""
    parts: tuple[Part, ...] = ()
    """Parts in the API's JSON; a stream sends each of them in an event of its own."""
    calls: tuple[ScriptedCall, ...] = ()
    """Function calls, all in one event."""
    finish: FinishReason | None = None
    """Finish reason; ``STOP`` by default."""
    usage: GenerateContentResponseUsageMetadata | None = None
    """Token counts in the API's JSON; those that are not given are computed."""
    block: BlockedReason | None = None
    """Why the prompt is blocked; then there are no candidates."""
    response: GenerateContentResponse | None = None
    """A whole response in the API's JSON, in place of all of the above."""
    error: ScriptedError | None = None
    """An error in place of the response; in a stream, after the content, if there is any."""
    drop: bool = False
    """Whether the connection is dropped: in a stream after the content, otherwise within the body."""
    delay: Annotated[float, Meta(ge=0, le=_MAX_SECONDS)] = 0.0
    """Seconds before the response begins."""
    pause: Annotated[float, Meta(ge=0, le=_MAX_SECONDS)] = 0.0
    """Seconds between the events of a stream."""


EMPTY_ANSWER: Final = ScriptedAnswer()
"""An answer that changes nothing: the response is sent at once and as a whole."""


class ScriptStep(ScriptedAnswer, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A step: an answer, and the requests that get it."""

    when: StepCondition = StepCondition()
    """Which requests the step answers; all by default."""
    times: Annotated[int, Meta(ge=1)] | None = 1
    """Number of requests that the step answers; ``null`` is any number."""


Otherwise: TypeAlias = Literal["fail", "repeat", "fake"]


class EmulatorScript(Value, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A script: each request for content is answered by the first step that is left and fits."""

    steps: Annotated[tuple[ScriptStep, ...], Meta(max_length=MAX_STEPS)]
    otherwise: Otherwise = "fail"
    """If no step is left that fits: an error that describes why, the steps from the beginning, or the fake model."""


class ScriptedRequest(Value, kw_only=True):
    """
    A request for content, as the function of a script receives it.

    >>> from genai_fn import Offline, generate, text
    >>> run = Offline(script=lambda request: f"{request.number}: {request.model} was asked {request.question!r}")
    >>> run(generate("gemini-2.5-flash", "Why?") | text)
    <Success: 1: gemini-2.5-flash was asked 'Why?'>
    """

    number: int
    """Number of the request, from 1, counted since the script was set."""
    model: str
    """ID of the model, such as ``gemini-2.5-flash``."""
    path: str
    question: str
    """Text of the last turn of the user that has any."""
    body: Mapping[str, Any]
    """Body of the request in the API's JSON, with the contents of its cache."""


ScriptFunction: TypeAlias = Callable[[ScriptedRequest], Any]
"""Returns the answer to a request: a text, an answer as a mapping, or None for an answer of the fake model."""
