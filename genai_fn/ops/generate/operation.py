"""The operation of content generation, whole or streamed, on each backend, and the body that it sends."""

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, cast

from msgspec import field
from msgspec.structs import replace

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.request_parts import as_type, copy_fields, omit_if_empty
from genai_fn.ops.tool_config import merge_function_declarations
from genai_fn.request import POST, Call, Operation, Request, read_events, read_json
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.content import Content
from genai_fn.schema.contents import ContentsLike, as_contents
from genai_fn.schema.convert import as_struct
from genai_fn.schema.generation import (
    GenerateContentConfig,
    GenerationConfig,
    GenerationOutputConfig,
    ImageConfig,
    ImageConfigImageOutputOptions,
    ModelArmorConfig,
    ModelSelectionConfig,
    ProminentPeople,
    ServiceTier,
)
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.schema.reusable import derive_once
from genai_fn.schema.safety import SafetySetting
from genai_fn.schema.schema_tree import locate_subschemas
from genai_fn.schema.schemas import Schema
from genai_fn.schema.tools import Tool, ToolConfig, is_function
from genai_fn.wire.resource_names import ResourceName, check_model_name, complete_resource_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import GenerateContentConfigLike

__all__ = [
    "GenerateBody",
    "GenerateContent",
    "StreamGenerateContent",
    "WireGenerationConfig",
    "as_generate_config",
    "build_request",
    "refuse_automatic_calling",
    "refuse_uncalled_functions",
]


class GenerateContent(Operation[GenerateContentResponse]):
    """Generate the response of a model to a conversation."""

    op: ClassVar = "generate"
    has_text: ClassVar = True
    takes_functions: ClassVar = True

    model: str
    contents: tuple[Content, ...]
    config: GenerateContentConfig = GenerateContentConfig()

    def gemini(self, at: Gemini) -> Call[GenerateContentResponse]:
        return POST(
            f"{resolve_model_name(at, self.model)}:generateContent",
            _encode_body(self, at),
            read_json(GenerateContentResponse),
        )

    def vertex(self, at: Vertex) -> Call[GenerateContentResponse]:
        return POST(
            f"{resolve_model_name(at, self.model)}:generateContent",
            _encode_body(self, at),
            read_json(GenerateContentResponse),
        )

    def get_streaming_operation(self) -> "StreamGenerateContent":
        return StreamGenerateContent(model=self.model, contents=self.contents, config=self.config)


class StreamGenerateContent(GenerateContent):
    """Generate a response and stream it in chunks."""

    op: ClassVar = "generate.stream"

    def gemini(self, at: Gemini) -> Call[GenerateContentResponse]:
        path = f"{resolve_model_name(at, self.model)}:streamGenerateContent"
        return POST(path, _encode_body(self, at), read_events(GenerateContentResponse), query=(("alt", "sse"),))

    def vertex(self, at: Vertex) -> Call[GenerateContentResponse]:
        path = f"{resolve_model_name(at, self.model)}:streamGenerateContent"
        return POST(path, _encode_body(self, at), read_events(GenerateContentResponse), query=(("alt", "sse"),))


def build_request(
    model: str, contents: "ContentsLike", config: "GenerateContentConfigLike | None" = None
) -> Request[GenerateContentResponse]:
    """Convert the arguments of `generate`."""
    return Request(
        GenerateContent(
            model=check_model_name(model),
            contents=as_contents(contents),
            config=as_generate_config(config),
        )
    )


# The body: some fields of the config are part of ``generationConfig``, the others are fields of the body


class _WireImageConfig(OpenMessage):
    aspect_ratio: str | None = None
    image_size: str | None = None
    person_generation: str | None = None
    prominent_people: ProminentPeople | None = None
    image_output_options: ImageConfigImageOutputOptions | None = None


class WireGenerationConfig(GenerationConfig):
    """A `GenerationConfig` as it is sent."""

    model_selection_config: ModelSelectionConfig | None = field(default=None, name="modelConfig")
    image_config: _WireImageConfig | None = None


class GenerateBody(Message):
    """Body of a generate request; a batch and a token count send it, too."""

    contents: tuple[Content, ...]
    generation_config: WireGenerationConfig | None = None
    system_instruction: Content | None = None
    safety_settings: tuple[SafetySetting, ...] | None = None
    tools: tuple[Tool, ...] | None = None
    tool_config: ToolConfig | None = None
    cached_content: str | None = None
    labels: Mapping[str, str] | None = None
    model_armor_config: ModelArmorConfig | None = None
    service_tier: ServiceTier | None = None
    continuation_token: str | None = None
    generation_output_config: GenerationOutputConfig | None = field(default=None, name="outputConfig")
    store: bool | None = None


def as_generate_config(given: "GenerateContentConfigLike | Mapping[str, Any] | None") -> GenerateContentConfig:
    """
    Convert what a caller passes to a `GenerateContentConfig`.

    Raises:
        InvalidRequest: If a field is unknown or has the wrong type, or a tool is a Python function that nothing calls.
    """
    if given is None:
        return _NO_CONFIG
    if isinstance(given, Mapping) and isinstance(tools := _get_tools(given), Iterator):
        given = {**cast("Any", given), "tools": tuple(cast("Any", tools))}  # they are read twice
    config = as_struct(GenerateContentConfig, given, "config")
    refuse_uncalled_functions(given, config)
    return config


def _get_tools(given: Any) -> Any:
    return cast("Any", given).get("tools") if isinstance(given, Mapping) else getattr(given, "tools", None)


_NO_CONFIG = as_struct(GenerateContentConfig, None)


def refuse_uncalled_functions(given: Any, config: GenerateContentConfig) -> None:
    """
    Refuse Python functions among the tools of a config. google-genai would call them, and `calling` does that here.

    They are accepted if automatic calling is disabled, as google-genai then only declares them, too.
    """
    automatic = config.automatic_function_calling
    if config.tools is None or (automatic is not None and automatic.disable):
        return
    tools = _get_tools(given)
    for index, tool in enumerate(cast("Any", tools) if isinstance(tools, Iterable) else ()):
        if is_function(tool):
            expected = "calling(…) after the request, which calls functions, or with_tools(…), which only declares them"
            raise InvalidRequest(f"config.tools[{index}]", tool, expected)


def refuse_automatic_calling(config: GenerateContentConfig) -> None:
    """Refuse a config that enables automatic calling, where no calling loop runs, or automatic continuation."""
    automatic = config.automatic_function_calling
    if automatic is not None and not automatic.disable:
        expected = "the modifier calling(…), which runs the calling loop"
        raise InvalidRequest("config.automatic_function_calling", automatic, expected)
    if config.automatic_continuation:
        expected = "the modifier continued(), which requests the rest of a response"
        raise InvalidRequest("config.automatic_continuation", config.automatic_continuation, expected)


def _encode_body(operation: GenerateContent, at: Backend) -> GenerateBody:
    return replace(_encode_config(operation.config, at.name), contents=operation.contents)


@derive_once
def _encode_config(config: GenerateContentConfig, backend: str) -> GenerateBody:
    """Encode a config as a body without contents."""
    refuse_automatic_calling(config)
    if backend == Gemini.name and isinstance(config.response_schema, Schema):
        _refuse_additional_properties(config.response_schema)
    return GenerateBody(
        contents=(),
        generation_config=_encode_config_fields(config),
        system_instruction=as_type(Content, config.system_instruction),
        safety_settings=config.safety_settings,
        tools=merge_function_declarations(config.tools),
        tool_config=config.tool_config,
        cached_content=_resolve_cache_name(config.cached_content, backend),
        labels=config.labels,
        model_armor_config=config.model_armor_config,
        service_tier=config.service_tier,
        continuation_token=config.continuation_token,
        generation_output_config=config.generation_output_config,
        store=config.store,
    )


def _encode_config_fields(config: GenerateContentConfig) -> WireGenerationConfig | None:
    values: tuple[Any, ...] = _get_generation_values(config)
    given = {name: value for name, value in zip(_GENERATION_FIELDS, values, strict=True) if value is not None}
    if config.image_config is not None:
        given["image_config"] = _encode_image_config(config.image_config)
    return WireGenerationConfig(**given) if given else None


_GENERATION_FIELDS = tuple(
    name for name in GenerationConfig.__struct_fields__ if name in GenerateContentConfig.__struct_fields__
)
_get_generation_values = attrgetter(*_GENERATION_FIELDS)


def _encode_image_config(config: ImageConfig) -> _WireImageConfig:
    options = omit_if_empty(
        ImageConfigImageOutputOptions(
            mime_type=config.output_mime_type, compression_quality=config.output_compression_quality
        )
    )
    if options is not None and config.image_output_options is not None:
        expected = "nothing beside output_mime_type and output_compression_quality, which are sent in its place"
        raise InvalidRequest("config.image_config.image_output_options", config.image_output_options, expected)
    return copy_fields(_WireImageConfig, config, image_output_options=config.image_output_options or options)


def _resolve_cache_name(name: str | None, backend: str) -> str | None:
    if name is None:
        return None
    if backend == Vertex.name:
        return ResourceName(complete_resource_name("projects/{project}/locations/{location}/cachedContents", name))
    return complete_resource_name("cachedContents", name)


def _refuse_additional_properties(schema: Schema) -> None:
    """Refuse ``additional_properties``: Gemini takes it in function declarations, but not in a response schema."""
    if paths := _find_additional_properties(schema):
        raise Unsupported(Gemini.title, tuple(f"config.response_schema{path}" for path in paths))


def _find_additional_properties(schema: Schema) -> list[str]:
    found = [".additional_properties"] if schema.additional_properties else []
    if not any(_get_subschemas(schema)):  # most schemas are leaves
        return found
    keywords = {keyword: inner for keyword, name in _FIELD_BY_KEYWORD.items() if (inner := getattr(schema, name))}
    for keyword, place, each in locate_subschemas(keywords):
        found += [f".{_FIELD_BY_KEYWORD[keyword]}{place}{path}" for path in _find_additional_properties(each)]
    return found


_FIELD_BY_KEYWORD = {"items": "items", "properties": "properties", "anyOf": "any_of", "defs": "defs"}
_get_subschemas = attrgetter(*_FIELD_BY_KEYWORD.values())
