"""Tokens: what prompts come to, and which they are."""

from collections.abc import Mapping
from typing import Any, ClassVar, overload

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.generate import GenerateBody, GenerateContent, encode_generation_config
from genai_fn.ops.request_parts import as_type, copy_fields
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema import (
    ComputeTokensResponse,
    Content,
    CountTokensConfig,
    CountTokensResponse,
    GenerateContentResponse,
    GenerationConfig,
    Tool,
)
from genai_fn.schema.base import Message
from genai_fn.schema.content import ContentsLike
from genai_fn.schema.contents import as_contents
from genai_fn.schema.convert import as_struct
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

__all__ = ["ComputeTokens", "CountRequestTokens", "CountTokens", "compute", "count"]


class CountTokens(Operation[CountTokensResponse]):
    """Count the tokens of contents."""

    op: ClassVar = "tokens.count"

    model: str
    contents: tuple[Content, ...]
    config: CountTokensConfig = CountTokensConfig()

    def gemini(self, at: Gemini) -> Call[CountTokensResponse]:
        return POST(
            f"{resolve_model_name(at, self.model)}:countTokens", _encode_count(self), read_json(CountTokensResponse)
        )

    def vertex(self, at: Vertex) -> Call[CountTokensResponse]:
        return POST(
            f"{resolve_model_name(at, self.model)}:countTokens", _encode_count(self), read_json(CountTokensResponse)
        )


class CountRequestTokens(Operation[CountTokensResponse]):
    """Count the tokens of a whole request to ``generate``."""

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
    model: str, contents: ContentsLike, config: CountTokensConfig | Mapping[str, Any] | None = None
) -> Request[CountTokensResponse]: ...
def count(
    model: str | Request[GenerateContentResponse], contents: Any = None, config: Any = None
) -> Request[CountTokensResponse]:
    """
    Count the tokens of contents, or of a request to ``generate`` as it stands, with its options.

    On Gemini only a whole request can be counted with its system instruction and tools. On Vertex a request cannot be
    counted with safety settings, a tool config, a cache or labels: unset them with ``with_config`` first.

    Args:
        model: As in ``generate``; or a request to ``generate``, and nothing else.

        contents: As in ``generate``.

        config: What counts besides the contents; Vertex alone.

    >>> count("gemini-2.5-flash", "Why is the sky blue?").operation.op
    'tokens.count'
    >>> from genai_fn import generate
    >>> count(generate("gemini-2.5-flash", "Why?", {"system_instruction": "Be brief."})).operation.op
    'tokens.count.request'
    """
    if isinstance(model, Request):
        if contents is not None or config is not None:
            raise InvalidRequest("contents", contents or config, "nothing beside a request")
        return _count_request(model)
    return Request(
        CountTokens(
            model=check_model_name(model), contents=as_contents(contents), config=as_struct(CountTokensConfig, config)
        )
    )


def _count_request(request: Request[GenerateContentResponse]) -> Request[CountTokensResponse]:
    operation, options = request.operation, request.options
    if not isinstance(operation, GenerateContent):
        raise InvalidRequest("request", operation.op, "a request to generate")
    if options.extra_body is not None:  # made for another body than a count's
        raise InvalidRequest("request.options.extra_body", options.extra_body, "none; say it of the count itself")
    return Request(CountRequestTokens(request=operation), replace(options, with_http_response=False))


class _CountTokensBody(Message):
    contents: tuple[Content, ...]
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None
    generation_config: GenerationConfig | None = None


def _encode_count(operation: CountTokens) -> _CountTokensBody:
    config = operation.config
    how = config.generation_config
    return _CountTokensBody(
        contents=operation.contents,
        system_instruction=as_type(Content, config.system_instruction),
        tools=config.tools,
        generation_config=None if how is None else encode_generation_config(how),
    )


class _GenerateBodyWithModel(GenerateBody):
    model: str


class _CountRequestBody(Message):
    generate_content_request: _GenerateBodyWithModel


def _to_countable_body(body: GenerateBody, at: Vertex) -> _CountTokensBody:
    """Take what Vertex counts out of a body, and refuse the rest."""
    rest = [name for name in _UNCOUNTED_FIELDS if getattr(body, name) is not None]
    if rest:
        raise Unsupported(at.title, tuple(f"request.config.{name}" for name in rest), "no count takes it")
    return copy_fields(_CountTokensBody, body)


_UNCOUNTED_FIELDS = tuple(
    name for name in GenerateBody.__struct_fields__ if name not in _CountTokensBody.__struct_fields__
)


class ComputeTokens(Operation[ComputeTokensResponse]):
    """Tell the tokens of contents."""

    op: ClassVar = "tokens.compute"

    model: str
    contents: tuple[Content, ...]

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("only Vertex AI tells the tokens themselves; tokens.count says how many there are")

    def vertex(self, at: Vertex) -> Call[ComputeTokensResponse]:
        body = _ComputeTokensBody(contents=self.contents)
        return POST(f"{resolve_model_name(at, self.model)}:computeTokens", body, read_json(ComputeTokensResponse))


def compute(model: str, contents: ContentsLike) -> Request[ComputeTokensResponse]:
    """
    Tell the tokens of contents and their ids, turn by turn. Vertex only.

    Args:
        model: As in ``generate``.

        contents: As in ``generate``; texts alone have tokens to be told.
    """
    return Request(ComputeTokens(model=check_model_name(model), contents=as_contents(contents)))


class _ComputeTokensBody(Message):
    contents: tuple[Content, ...]
