"""Tokens: how many tokens contents have, and which."""

from typing import TYPE_CHECKING, Any, ClassVar, overload

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.generate import GenerateBody, GenerateContent, WireGenerationConfig
from genai_fn.ops.request_parts import copy_fields
from genai_fn.request import POST, Call, Flow, Operation, Refusal, Request, Stream, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content
from genai_fn.schema.contents import ContentsLike, as_contents
from genai_fn.schema.convert import as_struct
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.schema.tokens import ComputeTokensResponse, CountTokensConfig, CountTokensResponse
from genai_fn.schema.tools import Tool
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import CountTokensConfigLike

__all__ = ["ComputeTokens", "CountRequestTokens", "CountTokens", "compute", "count"]


class CountTokens(Operation[CountTokensResponse]):
    """Count the tokens of contents."""

    op: ClassVar = "tokens.count"

    model: str
    contents: tuple[Content, ...]
    config: CountTokensConfig = CountTokensConfig()

    def gemini(self, at: Gemini) -> Call[CountTokensResponse]:
        uncounted = [name for name in CountTokensConfig.__struct_fields__ if getattr(self.config, name) is not None]
        if uncounted:
            paths = tuple(f"config.{name}" for name in uncounted)
            raise Unsupported(at.title, paths, "tokens.count(generate(…)) counts a request with its config")
        body = copy_fields(_CountTokensBody, self.config, contents=self.contents)
        return POST(f"{resolve_model_name(at, self.model)}:countTokens", body, read_json(CountTokensResponse))

    def vertex(self, at: Vertex) -> Call[CountTokensResponse]:
        body = copy_fields(_CountTokensBody, self.config, contents=self.contents)
        return POST(f"{resolve_model_name(at, self.model)}:countTokens", body, read_json(CountTokensResponse))


class CountRequestTokens(Operation[CountTokensResponse]):
    """Count the tokens of a whole ``generate`` request."""

    op: ClassVar = "tokens.count.request"

    request: GenerateContent

    def gemini(self, at: Gemini) -> Call[CountTokensResponse]:
        model = resolve_model_name(at, self.request.model)
        body = _CountRequestBody(
            generate_content_request=copy_fields(_GenerateBodyWithModel, self.request.gemini(at).body, model=model)
        )
        return POST(f"{model}:countTokens", body, read_json(CountTokensResponse))

    def vertex(self, at: Vertex) -> Call[CountTokensResponse]:
        body = _to_countable_body(self.request.vertex(at).body, at)
        return POST(f"{resolve_model_name(at, self.request.model)}:countTokens", body, read_json(CountTokensResponse))


@overload
def count(model: Request[GenerateContentResponse], /) -> Request[CountTokensResponse]: ...
@overload
def count(
    model: str, contents: "ContentsLike", config: "CountTokensConfigLike | None" = None
) -> Request[CountTokensResponse]: ...
def count(
    model: str | Request[GenerateContentResponse], contents: Any = None, config: Any = None
) -> Request[CountTokensResponse]:
    """
    Count the tokens of contents, or of a whole ``generate`` request with its config.

    On Gemini, pass a request to count its system instruction and tools. On Vertex AI, a request cannot be counted if
    it has safety settings, a tool config, a cache or labels: unset them with ``with_config`` first.

    Args:
        model: A model name, as in ``generate``; or a ``generate`` request, and no other argument.

        contents: As in ``generate``.

        config: System instruction, tools and generation config, to count with the contents; Vertex AI only.

    Raises:
        InvalidRequest: If the model name is empty or invalid, the contents cannot be converted, a field of ``config``
            is unknown or has the wrong type, or the request is not a ``generate`` request.

    Fails with:
        Unsupported: If the backend does not count a field that is set; the error lists the paths.

        ClientError: If the model does not exist (404).

    >>> count("gemini-2.5-flash", "Why is the sky blue?").operation.op
    'tokens.count'
    >>> from genai_fn import generate
    >>> count(generate("gemini-2.5-flash", "Why?", {"system_instruction": "Be brief."})).operation.op
    'tokens.count.request'
    """
    if isinstance(model, Request):
        if contents is not None or config is not None:
            raise InvalidRequest(
                "contents", config if contents is None else contents, "no contents and no config beside a request"
            )
        return _count_request(model)
    if isinstance(model, Flow | Stream):
        raise InvalidRequest(
            "request", model, "a request to generate without modifiers of its answer, such as text, streamed or calling"
        )
    return Request(
        CountTokens(
            model=check_model_name(model), contents=as_contents(contents), config=as_struct(CountTokensConfig, config)
        )
    )


def _count_request(request: Request[GenerateContentResponse]) -> Request[CountTokensResponse]:
    operation, options = request.operation, request.options
    if not isinstance(operation, GenerateContent):
        raise InvalidRequest("request", operation.op, "a request to generate")
    if options.extra_body is not None:  # it was written for the body of generate
        raise InvalidRequest(
            "request.options.extra_body", options.extra_body, "none: set extra_body on the count request itself"
        )
    return Request(CountRequestTokens(request=operation), replace(options, with_http_response=False))


class _CountTokensBody(Message):
    contents: tuple[Content, ...]
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    generation_config: WireGenerationConfig | None = None


class _GenerateBodyWithModel(GenerateBody):
    model: str


class _CountRequestBody(Message):
    generate_content_request: _GenerateBodyWithModel


def _to_countable_body(body: GenerateBody, at: Vertex) -> _CountTokensBody:
    """Copy the fields that Vertex AI counts, and refuse the others."""
    uncounted = [name for name in _UNCOUNTED_FIELDS if getattr(body, name) is not None]
    if uncounted:
        raise Unsupported(
            at.title, tuple(f"request.config.{name}" for name in uncounted), "tokens.count does not take it"
        )
    return copy_fields(_CountTokensBody, body)


_UNCOUNTED_FIELDS = tuple(
    name for name in GenerateBody.__struct_fields__ if name not in _CountTokensBody.__struct_fields__
)


class ComputeTokens(Operation[ComputeTokensResponse]):
    """Compute the tokens of contents and their ids."""

    op: ClassVar = "tokens.compute"

    model: str
    contents: tuple[Content, ...]

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("only Vertex AI computes tokens; tokens.count returns their number")

    def vertex(self, at: Vertex) -> Call[ComputeTokensResponse]:
        body = _ComputeTokensBody(contents=self.contents)
        return POST(f"{resolve_model_name(at, self.model)}:computeTokens", body, read_json(ComputeTokensResponse))


def compute(model: str, contents: "ContentsLike") -> Request[ComputeTokensResponse]:
    """
    Compute the tokens of contents and their ids, for each turn. Vertex AI only.

    Args:
        model: As in ``generate``.

        contents: As in ``generate``; only texts have tokens that can be computed.

    Raises:
        InvalidRequest: If the model name is empty or invalid, or the contents cannot be converted.

    Fails with:
        Unsupported: On the Gemini Developer API.

        ClientError: If the model does not exist (404), or contents are not text (400).

    >>> from genai_fn import Offline, Vertex
    >>> run = Offline(Vertex("my-project", "us-central1"))
    >>> [info.token_ids for info in run(compute("gemini-2.5-flash", "a cat")).unwrap().tokens_info]
    [(181896, 72353)]
    >>> Offline()(compute("gemini-2.5-flash", "a cat"))
    <Failure: not on the Gemini Developer API: tokens.compute (only Vertex AI computes tokens; ...)>
    """
    return Request(ComputeTokens(model=check_model_name(model), contents=as_contents(contents)))


class _ComputeTokensBody(Message):
    contents: tuple[Content, ...]
