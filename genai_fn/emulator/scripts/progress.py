"""Which steps of a script are left, and which one answers a request."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from genai_fn import codec
from genai_fn.emulator.fake_model.replies import find_question, join_text
from genai_fn.emulator.scripts.script import (
    EmulatorScript,
    ScriptedRequest,
    ScriptFunction,
    ScriptStep,
    StepCondition,
)
from genai_fn.emulator.server.faults import make_failed_precondition
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content
from genai_fn.values import Value


class PendingStep(Value):
    """A step with its number in the script, from 1, and the number of requests that it still answers."""

    number: int
    step: ScriptStep
    times: int | None


class ScriptProgress(Value):
    """A script or function, and how far it has come."""

    script: EmulatorScript | ScriptFunction
    pending: tuple[PendingStep, ...]
    count: int = 0
    """Number of requests so far."""


def start_script(script: EmulatorScript | ScriptFunction) -> ScriptProgress:
    """Return the progress of a script that has answered nothing yet."""
    return ScriptProgress(script, _list_steps(script))


def _list_steps(script: EmulatorScript | ScriptFunction) -> tuple[PendingStep, ...]:
    steps = script.steps if isinstance(script, EmulatorScript) else ()
    return tuple(PendingStep(number, each, each.times) for number, each in enumerate(steps, 1))


class PromptSummary(Value):
    """What the conditions of a script and its function know of a request."""

    model: str
    path: str
    contents: tuple[Content, ...]
    system: Content | None
    body: Message


def count_request(progress: ScriptProgress) -> ScriptProgress:
    """Count a request, which thereby has a number."""
    return replace(progress, count=progress.count + 1)


def build_scripted_request(number: int, prompt: PromptSummary) -> ScriptedRequest:
    """Build what the function of a script receives."""
    return ScriptedRequest(
        number=number,
        model=prompt.model,
        path=prompt.path,
        question=find_question(prompt.contents),
        body=codec.decode(codec.encode(prompt.body)),
    )


def take_step(
    progress: ScriptProgress, script: EmulatorScript, prompt: PromptSummary
) -> tuple[ScriptProgress, PendingStep | None]:
    """
    Return the step that answers a request and the progress after it; no step if the fake model should answer.

    Raises:
        EmulatedFault: If no step fits.
    """
    pending = progress.pending
    found = _find_step(pending, prompt)
    if found is None and script.otherwise == "repeat":
        pending = _list_steps(script)
        found = _find_step(pending, prompt)
    if found is not None:
        return replace(count_request(progress), pending=_use_step(pending, found)), found
    if script.otherwise == "fake":
        return count_request(progress), None
    raise make_failed_precondition(_describe_missing_step(script, pending, prompt))


def _find_step(pending: Sequence[PendingStep], prompt: PromptSummary) -> PendingStep | None:
    return next((each for each in pending if not any(_list_mismatches(each.step.when, prompt))), None)


def _use_step(pending: Sequence[PendingStep], used: PendingStep) -> tuple[PendingStep, ...]:
    """Count one use of a step, and remove it after the last."""
    left = used if used.times is None else replace(used, times=used.times - 1)
    return tuple(left if each is used else each for each in pending if each is not used or left.times != 0)


def _list_mismatches(when: StepCondition, prompt: PromptSummary) -> Iterator[str]:
    """List the conditions that a request does not fulfil."""
    if when.model is not None and when.model.removeprefix("models/") != prompt.model:
        yield f"model {when.model!r}"
    if when.text is not None and when.text not in find_question(prompt.contents):
        yield f"text {when.text!r}"
    if when.system is not None and when.system not in join_text(prompt.system):
        yield f"system {when.system!r}"
    if when.function_response is not None and when.function_response not in _list_response_names(prompt.contents):
        yield f"function_response {when.function_response!r}"
    if when.path is not None and when.path not in prompt.path:
        yield f"path {when.path!r}"


def _list_response_names(contents: Sequence[Content]) -> list[str | None]:
    parts = contents[-1].parts or () if contents else ()
    return [part.function_response.name for part in parts if part.function_response is not None]


def _describe_missing_step(script: EmulatorScript, pending: Sequence[PendingStep], prompt: PromptSummary) -> str:
    question = find_question(prompt.contents)[:_MAX_SHOWN]
    request = f"a request for {prompt.model} with the question {question!r}"
    if not pending:
        return f"The script of the emulator has no step left for {request}: its {len(script.steps)} step(s) are used."
    reasons = "; ".join(
        f"step {each.number} expects {', '.join(_list_mismatches(each.step.when, prompt))}"
        for each in pending[:_MAX_STEPS]
    )
    return f"No step of the emulator's script that is left fits {request}: {reasons}."


_MAX_SHOWN = 200
_MAX_STEPS = 5
