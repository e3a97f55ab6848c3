"""Tools of a model: functions, search, code execution, maps, computer use."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, cast

from msgspec.structs import replace

from genai_fn.schema.base import Coerce, GeminiOnly, Message, OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.convert import as_value
from genai_fn.schema.retrieval import AuthConfig, Retrieval
from genai_fn.schema.schemas import Schema

__all__ = [
    "AutomaticFunctionCallingConfig",
    "Behavior",
    "ComputerUse",
    "DynamicRetrievalConfig",
    "DynamicRetrievalConfigMode",
    "EnterpriseWebSearch",
    "Environment",
    "FileSearch",
    "FunctionCallingConfig",
    "FunctionCallingConfigMode",
    "FunctionDeclaration",
    "GoogleMaps",
    "GoogleSearch",
    "GoogleSearchRetrieval",
    "Interval",
    "LatLng",
    "Mode",
    "PhishBlockThreshold",
    "RetrievalConfig",
    "Tool",
    "ToolCodeExecution",
    "ToolConfig",
    "UrlContext",
]


class Behavior(OpenEnum):
    """Whether the model waits for the response of a function."""

    UNSPECIFIED = "UNSPECIFIED"
    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


class Mode(OpenEnum):
    """Older name of `DynamicRetrievalConfigMode`."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    MODE_DYNAMIC = "MODE_DYNAMIC"


class DynamicRetrievalConfigMode(OpenEnum):
    """Whether the model decides when to search."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    MODE_DYNAMIC = "MODE_DYNAMIC"


class Environment(OpenEnum):
    """Environment that the model operates."""

    ENVIRONMENT_UNSPECIFIED = "ENVIRONMENT_UNSPECIFIED"
    ENVIRONMENT_BROWSER = "ENVIRONMENT_BROWSER"


class PhishBlockThreshold(OpenEnum):
    """Confidence of phishing from which a page is excluded."""

    PHISH_BLOCK_THRESHOLD_UNSPECIFIED = "PHISH_BLOCK_THRESHOLD_UNSPECIFIED"
    BLOCK_LOW_AND_ABOVE = "BLOCK_LOW_AND_ABOVE"
    BLOCK_MEDIUM_AND_ABOVE = "BLOCK_MEDIUM_AND_ABOVE"
    BLOCK_HIGH_AND_ABOVE = "BLOCK_HIGH_AND_ABOVE"
    BLOCK_HIGHER_AND_ABOVE = "BLOCK_HIGHER_AND_ABOVE"
    BLOCK_VERY_HIGH_AND_ABOVE = "BLOCK_VERY_HIGH_AND_ABOVE"
    BLOCK_ONLY_EXTREMELY_HIGH = "BLOCK_ONLY_EXTREMELY_HIGH"


class FunctionCallingConfigMode(OpenEnum):
    """Whether the model may, must or must not call functions."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    AUTO = "AUTO"
    """The model decides."""
    ANY = "ANY"
    """The model must call a function."""
    NONE = "NONE"
    """The model must not call functions."""
    VALIDATED = "VALIDATED"
    """The model decides, and calls are validated against their schemas."""


class FunctionDeclaration(OpenMessage):
    """Declaration of a function that the model may call."""

    behavior: GeminiOnly[Behavior | None] = None
    description: str | None = None
    name: str | None = None
    parameters: Schema | None = None
    """Parameters as a `Schema` of type ``OBJECT``. Set this or ``parameters_json_schema``."""
    parameters_json_schema: Any = None
    """Parameters as plain JSON Schema, sent unchanged."""
    response: Schema | None = None
    """Response as a `Schema`. Set this or ``response_json_schema``."""
    response_json_schema: Any = None
    """Response as plain JSON Schema, sent unchanged."""

    @classmethod
    def from_callable(cls, *, callable: Callable[..., Any], behavior: Behavior | str | None = None) -> Self:
        """
        Declare a Python function by its name, signature and docstring. The function is not called.

        The docstring becomes the description, the parameters ``parameters_json_schema``, and the return type
        ``response_json_schema``.

        Args:
            callable: A function, a bound method, a ``functools.partial``, or an object with ``__call__``.

            behavior: Whether the model waits for the response.

        Raises:
            InvalidRequest: If a parameter has no annotation, or one that JSON Schema cannot describe.

        >>> def weather(city: str, days: int = 1) -> str: ...
        >>> FunctionDeclaration.from_callable(callable=weather).parameters_json_schema["required"]
        ['city']
        """
        function: Self = as_value(Annotated[cls, Coerce(_declare_function)], callable, "callable")
        return function if behavior is None else replace(function, behavior=Behavior(behavior))

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        return _declare_function(value) if is_function(value) else NotImplemented


def _declare_function(function: Any) -> Any:
    from genai_fn.schema.function_declarations import declare_function  # noqa: PLC0415  # loads `inspect` and `msgspec.inspect`

    return declare_function(function)


def is_function(value: object) -> bool:
    """Whether a tool is a Python function, or an object that is callable like one."""
    return callable(value) and not isinstance(value, type)  # a type is a tool class that was not instantiated


class DynamicRetrievalConfig(OpenMessage):
    """When the model searches."""

    mode: DynamicRetrievalConfigMode | None = None
    dynamic_threshold: float | None = None
    """Score from which the model searches."""


class GoogleSearchRetrieval(OpenMessage):
    """Google Search for older models."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = None


class ComputerUse(OpenMessage):
    """Computer use."""

    environment: Environment | None = None
    excluded_predefined_functions: tuple[str, ...] | None = None


class FileSearch(OpenMessage):
    """Retrieval from file search stores."""

    file_search_store_names: tuple[str, ...] | None = None
    """Names of stores, ``fileSearchStores/…``."""
    top_k: int | None = None
    metadata_filter: str | None = None
    """Filter expression (AIP-160)."""


class ToolCodeExecution(OpenMessage):
    """Execution of Python code that the model writes."""


class EnterpriseWebSearch(OpenMessage):
    """Web search that complies with the requirements of regulated industries."""

    exclude_domains: tuple[str, ...] | None = None
    """At most 2,000 domains."""
    blocking_confidence: PhishBlockThreshold | None = None


class GoogleMaps(OpenMessage):
    """Grounding with Google Maps."""

    auth_config: VertexOnly[AuthConfig | None] = None
    enable_widget: bool | None = None
    """Whether to return a token for the Maps widget."""


class Interval(OpenMessage):
    """An interval of time; the start is included, the end is not."""

    end_time: datetime | None = None
    start_time: datetime | None = None


class GoogleSearch(OpenMessage):
    """Google Search."""

    exclude_domains: VertexOnly[tuple[str, ...] | None] = None
    """At most 2,000 domains."""
    blocking_confidence: VertexOnly[PhishBlockThreshold | None] = None
    time_range_filter: Interval | None = None
    """Restricts results to this interval; set both ends or neither."""


class UrlContext(OpenMessage):
    """Retrieval of pages whose URLs are in the prompt."""


class Tool(OpenMessage):
    """One or more tools that the model may use."""

    function_declarations: tuple[FunctionDeclaration, ...] | None = None
    retrieval: VertexOnly[Retrieval | None] = None
    google_search_retrieval: GoogleSearchRetrieval | None = None
    computer_use: ComputerUse | None = None
    file_search: GeminiOnly[FileSearch | None] = None
    code_execution: ToolCodeExecution | None = None
    enterprise_web_search: VertexOnly[EnterpriseWebSearch | None] = None
    google_maps: GoogleMaps | None = None
    google_search: GoogleSearch | None = None
    url_context: UrlContext | None = None

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        if isinstance(value, FunctionDeclaration):
            return cls(function_declarations=(value,))
        if is_function(value):
            return cls(function_declarations=(FunctionDeclaration(**_declare_function(value)),))
        name = _TOOL_FIELD_BY_TYPE.get(type(cast("object", value)))
        return NotImplemented if name is None else cls(**{name: value})


_TOOL_FIELD_BY_TYPE: dict[type, str] = {
    Retrieval: "retrieval",
    GoogleSearchRetrieval: "google_search_retrieval",
    ComputerUse: "computer_use",
    FileSearch: "file_search",
    ToolCodeExecution: "code_execution",
    EnterpriseWebSearch: "enterprise_web_search",
    GoogleMaps: "google_maps",
    GoogleSearch: "google_search",
    UrlContext: "url_context",
}

if TYPE_CHECKING:
    from collections.abc import Mapping

    ToolLike: TypeAlias = (
        Tool
        | FunctionDeclaration
        | Callable[..., Any]
        | Retrieval
        | GoogleSearchRetrieval
        | ComputerUse
        | FileSearch
        | ToolCodeExecution
        | EnterpriseWebSearch
        | GoogleMaps
        | GoogleSearch
        | UrlContext
        | Mapping[str, Any]
    )
    """A `Tool`, the value of one of its fields, or a function to declare."""
else:
    ToolLike = Tool


class FunctionCallingConfig(OpenMessage):
    """Whether the model calls functions, and which."""

    mode: FunctionCallingConfigMode | None = None
    allowed_function_names: tuple[str, ...] | None = None
    """Names of functions, for the modes ``ANY`` and ``VALIDATED`` only."""
    stream_function_call_arguments: VertexOnly[bool | None] = None


class LatLng(OpenMessage):
    """Latitude and longitude in degrees."""

    latitude: float | None = None
    longitude: float | None = None


class RetrievalConfig(OpenMessage):
    """Location and language of the user, for retrieval."""

    lat_lng: LatLng | None = None
    language_code: str | None = None
    """BCP 47 code, such as ``en-US``."""


class ToolConfig(OpenMessage):
    """Configuration of tool use."""

    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: RetrievalConfig | None = None


class AutomaticFunctionCallingConfig(Message):
    """Automatic function calling of google-genai; here, `calling` enables it."""

    disable: bool | None = None
    maximum_remote_calls: int | None = None
    ignore_call_history: bool | None = None
