"""Tools of a model: functions, code execution, computer use, MCP servers, and their configuration."""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, cast

from msgspec.structs import replace

from genai_fn.schema.annotations import OptionalOf, classify_annotation, get_defined_fields
from genai_fn.schema.base import Coerce, ConversionError, GeminiOnly, Message, OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.convert import as_value
from genai_fn.schema.retrieval import Retrieval
from genai_fn.schema.schemas import Schema
from genai_fn.schema.search_tools import (
    EnterpriseWebSearch,
    FileSearch,
    GoogleMaps,
    GoogleSearch,
    GoogleSearchRetrieval,
    ToolExaAiSearch,
    ToolParallelAiSearch,
    UrlContext,
)
from genai_fn.schema.secret_fields import SecretMessage


class Behavior(OpenEnum):
    """Whether the model waits for the response of a function."""

    UNSPECIFIED = "UNSPECIFIED"
    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


class Environment(OpenEnum):
    """Environment that the model operates."""

    ENVIRONMENT_UNSPECIFIED = "ENVIRONMENT_UNSPECIFIED"
    ENVIRONMENT_BROWSER = "ENVIRONMENT_BROWSER"
    ENVIRONMENT_MOBILE = "ENVIRONMENT_MOBILE"
    ENVIRONMENT_DESKTOP = "ENVIRONMENT_DESKTOP"


class SafetyPolicy(OpenEnum):
    """A policy that restricts what the model does on a computer."""

    SAFETY_POLICY_UNSPECIFIED = "SAFETY_POLICY_UNSPECIFIED"
    FINANCIAL_TRANSACTIONS = "FINANCIAL_TRANSACTIONS"
    SENSITIVE_DATA_MODIFICATION = "SENSITIVE_DATA_MODIFICATION"
    COMMUNICATION_TOOL = "COMMUNICATION_TOOL"
    ACCOUNT_CREATION = "ACCOUNT_CREATION"
    DATA_MODIFICATION = "DATA_MODIFICATION"
    USER_CONSENT_MANAGEMENT = "USER_CONSENT_MANAGEMENT"
    LEGAL_TERMS_AND_AGREEMENTS = "LEGAL_TERMS_AND_AGREEMENTS"


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

    behavior: Behavior | None = None
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


def is_mcp_session(value: object) -> bool:
    """Whether a tool is a client session with an MCP server, which has methods to list and to call the tools."""
    methods = (getattr(value, "list_tools", None), getattr(value, "call_tool", None))
    return not isinstance(value, type) and not callable(value) and all(map(callable, methods))


class ComputerUse(OpenMessage):
    """Computer use."""

    environment: Environment | None = None
    excluded_predefined_functions: tuple[str, ...] | None = None
    enable_prompt_injection_detection: bool | None = None
    """Whether screenshots are searched for instructions to the model."""
    disabled_safety_policies: tuple[SafetyPolicy, ...] | None = None


class ToolCodeExecution(OpenMessage):
    """Execution of Python code that the model writes."""


class StreamableHttpTransport(SecretMessage):
    """Address of an MCP server, and how the service calls it."""

    secret_fields = ("headers",)

    headers: Mapping[str, str] | None = None
    """Headers of the service's requests, such as credentials."""
    sse_read_timeout: str | None = None
    """Timeout for reading events, such as ``"30s"``."""
    terminate_on_close: bool | None = None
    """Whether the session ends when the transport closes."""
    timeout: str | None = None
    """Timeout of other operations, such as ``"30s"``."""
    url: str | None = None


class McpServer(OpenMessage):
    """An MCP server that the service calls."""

    name: GeminiOnly[str | None] = None
    streamable_http_transport: GeminiOnly[StreamableHttpTransport | None] = None


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
    parallel_ai_search: VertexOnly[ToolParallelAiSearch | None] = None
    mcp_servers: tuple[McpServer, ...] | None = None
    exa_ai_search: VertexOnly[ToolExaAiSearch | None] = None

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        if isinstance(value, FunctionDeclaration):
            return cls(function_declarations=(value,))
        if is_function(value):
            return cls(function_declarations=(FunctionDeclaration(**_declare_function(value)),))
        if isinstance(value, McpServer):
            return cls(mcp_servers=(value,))
        if is_mcp_session(value):  # its repr may contain the environment of its server
            raise ConversionError(type(value), "a Tool; calling(…) and with_tools(…) take the session of an MCP server")
        name = _find_fields_by_type().get(type(cast("object", value)))
        return NotImplemented if name is None else cls(**{name: value})


@functools.cache
def _find_fields_by_type() -> dict[Any, str]:
    """Map the type of each field of a `Tool` to the name of the field."""
    annotations = ((classify_annotation(each.type), each.name) for each in get_defined_fields(Tool))
    return {found.inner: name for found, name in annotations if isinstance(found, OptionalOf)}


if TYPE_CHECKING:
    from genai_fn.schema.foreign_values import GoogleGenaiValue

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
        | ToolParallelAiSearch
        | McpServer
        | ToolExaAiSearch
        | GoogleGenaiValue
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
    include_server_side_tool_invocations: GeminiOnly[bool | None] = None
    """Whether responses contain the calls to tools of the service; needed to combine these with functions."""


class AutomaticFunctionCallingConfig(Message):
    """Automatic function calling of google-genai; here, `calling` enables it."""

    disable: bool | None = None
    maximum_remote_calls: int | None = None
    ignore_call_history: bool | None = None
