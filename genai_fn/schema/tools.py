"""What a model may use: functions, search, code, maps, a computer."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, cast

from msgspec.structs import replace

from genai_fn.schema.base import Coerce, GeminiOnly, Message, OpenEnum, VertexOnly
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
    """Whether the model waits for a function."""

    UNSPECIFIED = "UNSPECIFIED"
    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


class Mode(OpenEnum):
    """When to search: the older name of `DynamicRetrievalConfigMode`."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    MODE_DYNAMIC = "MODE_DYNAMIC"


class DynamicRetrievalConfigMode(OpenEnum):
    """Whether the model decides by itself when to search."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    MODE_DYNAMIC = "MODE_DYNAMIC"


class Environment(OpenEnum):
    """What kind of computer the model operates."""

    ENVIRONMENT_UNSPECIFIED = "ENVIRONMENT_UNSPECIFIED"
    ENVIRONMENT_BROWSER = "ENVIRONMENT_BROWSER"


class PhishBlockThreshold(OpenEnum):
    """From which suspicion of phishing on a page is left out."""

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
    """It must call one."""
    NONE = "NONE"
    """It must call none."""
    VALIDATED = "VALIDATED"
    """It decides, and calls are held to their schema."""


class FunctionDeclaration(Message):
    """A function that the model may ask to be called."""

    behavior: GeminiOnly[Behavior | None] = None
    description: str | None = None
    name: str | None = None
    parameters: Schema | None = None
    """The arguments as a `Schema` of type ``OBJECT``; in its place ``parameters_json_schema``."""
    parameters_json_schema: Any = None
    """The arguments as plain JSON Schema, sent as it stands."""
    response: Schema | None = None
    """The answer as a `Schema`; in its place ``response_json_schema``."""
    response_json_schema: Any = None
    """The answer as plain JSON Schema, sent as it stands."""

    @classmethod
    def from_callable(cls, *, callable: Callable[..., Any], behavior: Behavior | str | None = None) -> Self:
        """
        Declare a Python function by its name, signature and docstring; nothing is called.

        The docstring is the description; what it says of a parameter goes along with the parameter. The answer is not
        described.

        Args:
            callable: A function, a bound method, a ``functools.partial``, or an object with ``__call__``. The
                parameters become ``parameters``, or ``parameters_json_schema`` if a `Schema` cannot say one of them.

            behavior: Whether the model waits for it.

        >>> def weather(city: str, days: int = 1) -> str: ...
        >>> FunctionDeclaration.from_callable(callable=weather).parameters.required
        ('city',)
        """
        function: Self = as_value(Annotated[cls, Coerce(_declare_function)], callable, "callable")
        return function if behavior is None else replace(function, behavior=Behavior(behavior))

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        return _declare_function(value) if _is_function(value) else NotImplemented


def _declare_function(function: Any) -> Any:
    from genai_fn.schema.function_declarations import declare_function  # noqa: PLC0415  # which loads inspect

    return declare_function(function)


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, type)  # a type is a tool whose () was forgotten


class DynamicRetrievalConfig(Message):
    """When the model searches by itself."""

    mode: DynamicRetrievalConfigMode | None = None
    dynamic_threshold: float | None = None
    """The score from which on it does."""


class GoogleSearchRetrieval(Message):
    """Google Search for the older models."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = None


class ComputerUse(Message):
    """A computer that the model operates."""

    environment: Environment | None = None
    excluded_predefined_functions: tuple[str, ...] | None = None


class FileSearch(Message):
    """Passages out of file search stores."""

    file_search_store_names: tuple[str, ...] | None = None
    """``fileSearchStores/…`` each."""
    top_k: int | None = None
    metadata_filter: str | None = None
    """A condition in AIP-160 syntax."""


class ToolCodeExecution(Message):
    """Python that the model writes and runs by itself."""


class EnterpriseWebSearch(Message):
    """Web search that keeps to the rules of regulated industries."""

    exclude_domains: tuple[str, ...] | None = None
    """At most 2,000."""
    blocking_confidence: PhishBlockThreshold | None = None


class GoogleMaps(Message):
    """Places from Google Maps."""

    auth_config: VertexOnly[AuthConfig | None] = None
    enable_widget: bool | None = None
    """Whether a token for the Maps widget comes along."""


class Interval(Message):
    """A stretch of time, its start included, its end not."""

    end_time: datetime | None = None
    start_time: datetime | None = None


class GoogleSearch(Message):
    """Google Search."""

    exclude_domains: VertexOnly[tuple[str, ...] | None] = None
    """At most 2,000."""
    blocking_confidence: VertexOnly[PhishBlockThreshold | None] = None
    time_range_filter: Interval | None = None
    """Only pages of that time; set both ends or neither."""


class UrlContext(Message):
    """Pages that the model opens by itself."""


class Tool(Message):
    """One or several things that the model may use."""

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
        if _is_function(value):
            return cls(function_declarations=(FunctionDeclaration(**_declare_function(value)),))
        held = _TOOL_FIELD_BY_TYPE.get(type(cast("object", value)))
        return NotImplemented if held is None else cls(**{held: value})


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
    """A `Tool`, what a `Tool` holds, or a function to declare."""
else:
    ToolLike = Tool


class FunctionCallingConfig(Message):
    """Whether and which functions the model may call."""

    mode: FunctionCallingConfigMode | None = None
    allowed_function_names: tuple[str, ...] | None = None
    """Only for the modes ``ANY`` and ``VALIDATED``."""
    stream_function_call_arguments: VertexOnly[bool | None] = None


class LatLng(Message):
    """A place on earth, in degrees."""

    latitude: float | None = None
    longitude: float | None = None


class RetrievalConfig(Message):
    """For whom things are looked up: where they are and what they speak."""

    lat_lng: LatLng | None = None
    language_code: str | None = None
    """BCP 47, such as ``en-US``."""


class ToolConfig(Message):
    """How tools are used."""

    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: RetrievalConfig | None = None


class AutomaticFunctionCallingConfig(Message):
    """google-genai's switches for calling functions by itself; here `calling` asks for it."""

    disable: bool | None = None
    maximum_remote_calls: int | None = None
    ignore_call_history: bool | None = None
