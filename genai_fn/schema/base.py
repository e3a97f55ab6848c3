"""Base classes of the API's types: frozen messages, open enums, and field annotations."""

from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Self, TypeAlias, TypeVar, cast, dataclass_transform

import msgspec
from msgspec import Struct, StructMeta, field

from genai_fn.codec import EXTRA_JSON_NAME, MAX_DEPTH, ExtraFields, is_too_deep
from genai_fn.errors import InvalidRequest

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _KeywordOnlyMeta(StructMeta):
    """Sets ``kw_only`` on every subclass, as msgspec does not inherit it."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "_KeywordOnlyMeta":
        options.setdefault("kw_only", True)
        return super().__new__(mcs, name, bases, namespace, **options)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Message(Struct, metaclass=_KeywordOnlyMeta, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """
    Base of all types of the API: frozen and keyword-only; JSON has camelCase names and omits unset fields.

    ``gc=False`` is safe, because a tree of frozen values has no cycles.
    """

    def __repr__(self) -> str:
        # Inherited fields come first, and ``extra`` is one, but it is shown last
        names = sorted(self.__struct_fields__, key="extra".__eq__)
        set_fields = ((name, getattr(self, name)) for name in names)
        shown = ", ".join(
            f"{name}={_format_value(value)}" for name, value in set_fields if value is not None and value != ()
        )
        return f"{type(self).__name__}({shown})"

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in _ATTRIBUTE_HINTS]

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        """
        Convert a value of another type that is accepted in place of this one, such as a text for a `Part`.

        Returns an instance, a mapping of fields, or NotImplemented if the value is not accepted.
        """
        return NotImplemented


_ATTRIBUTE_HINTS = {
    **dict.fromkeys(("model_dump", "dict", "asdict", "to_dict", "to_json_dict"), "genai_fn.to_dict(…) returns a dict"),
    **dict.fromkeys(("model_dump_json", "json", "to_json"), "genai_fn.to_json(…) returns a text"),
    **dict.fromkeys(("model_copy", "copy"), "msgspec.structs.replace(value, field=…) returns a changed copy"),
    "parsed": "a request | returning(YourType) returns the parsed value",
    "sdk_http_response": "a request | with_http_response returns the headers, too",
    **dict.fromkeys(("choices", "output_text", "output_parsed"), "the text of a response is its text"),
}
"""What to use in place of attributes of pydantic and of other libraries, which newcomers look for."""


class _MissingAttribute:
    """
    An attribute that newcomers look for: reading it raises AttributeError that names what to use.

    A ``__getattr__`` of `Message` could do this, but slows down reading every field: CPython does not specialize it.
    """

    def __init__(self, name: str, hint: str) -> None:
        self._name = name
        self._hint = hint

    def __get__(self, value: Any, owner: type) -> Any:
        raise _build_attribute_error(owner, self._name, self._hint, value)


def _build_attribute_error(kind: type, name: str, hint: str, value: Any) -> AttributeError:
    message = f"{kind.__name__!r} object has no attribute {name!r}"
    return AttributeError(f"{message}: {hint}" if hint else message, name=name, obj=value)


for _name, _hint in _ATTRIBUTE_HINTS.items():
    setattr(Message, _name, _MissingAttribute(_name, _hint))


def _format_value(value: Any) -> str:
    if isinstance(value, bytes) and len(value) > _MAX_SHOWN_BYTES:
        return f"<{len(value)} bytes {value[:8]!r}…>"
    return repr(value)


_MAX_SHOWN_BYTES = 32


class OpenMessage(Message, forbid_unknown_fields=True):
    """
    Base of the types that the API sends or receives: a message that keeps the JSON fields it does not define.

    A response may have fields that are newer than this package. They are kept in `extra`, compared, printed, and sent
    back with the message, such as a part of the model in the next request of a chat.
    """

    # msgspec rejects JSON with unknown fields because of the option above. Only then ``wire/lenient_json`` decodes it
    # again, more slowly, and moves them here. The annotation excludes None: otherwise msgspec would read the unknown
    # field ``"*": null`` as an unset `extra`, and lose it.
    if TYPE_CHECKING:
        extra: Mapping[str, Any] | None = None
        """Fields that the type does not define, by their JSON names. They are sent as they are."""
    else:
        extra: ExtraFields = field(default=None, name=EXTRA_JSON_NAME)


DEPTH_LIMIT = f"JSON of at most {MAX_DEPTH} levels, which does not contain itself"
"""The expected value in the errors for JSON that nests too deep."""


class FreeFormMessage(OpenMessage):
    """
    Base of the messages with free-form JSON that are part of model responses.

    They limit its depth themselves, so that decoding a response need not scan its text.
    """

    free_form_fields: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that contain free-form JSON."""

    def __post_init__(self) -> None:
        for name in self.free_form_fields:
            value: Any = getattr(self, name)
            if value is not None and is_too_deep(value):
                raise InvalidRequest(f"{type(self).__name__}.{name}", type(value), DEPTH_LIMIT)


class ListConfig(Message):
    """Base of the options of every list."""

    page_size: int | None = None
    """Maximum number of items on a page."""
    page_token: str | None = None
    """The ``next_page_token`` of the previous page."""


class Page(OpenMessage, Generic[T_co]):
    """One page of a list. Iterates over its items."""

    next_page_token: str | None = None
    """Token of the next page; None on the last page."""

    if not TYPE_CHECKING:  # type checkers report unknown attributes

        def __getattr__(self, name: str) -> Any:
            hint = "" if name.startswith("_") else _ATTRIBUTE_HINTS.get(name, _PAGE_HINT)
            raise _build_attribute_error(type(self), name, hint, self)

    @property
    def items(self) -> tuple[T_co, ...]:
        """The items of the page."""
        # Their field has another name in each subclass; it is the only one that contains a tuple
        values = (getattr(self, name) for name in self.__struct_fields__)
        return next(cast("tuple[T_co, ...]", each) for each in values if isinstance(each, tuple))

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    def __repr__(self) -> str:
        more = ", more to come" if self.next_page_token else ""
        extra = f", extra={self.extra!r}" if self.extra else ""
        return f"<{type(self).__name__} of {len(self.items)}{more}: {list(self.items)!r}{extra}>"


_PAGE_HINT = "it is a page, so iterate over it; run.stream(… | items) reads all pages"


class OpenEnum(str, Enum):
    """
    An enum that accepts values it does not list: they keep their text and compare equal to it.

    Unlisted values are not stored in the enum, so any number of them takes no memory.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        known = cls.__members__.get(value.upper()) or cls.__members__.get(value.lower())
        if known is not None:
            return known
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __str__(self) -> str:
        return str.__str__(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.value,)


class ConversionError(Exception):  # converted to InvalidRequest, which has the whole path
    """A value that cannot be converted: what was expected, and the path to it, innermost step first."""

    def __init__(self, value: Any, expected: str, *steps: str) -> None:
        super().__init__(expected)
        self.value = value
        self.expected = expected
        self.steps = list(steps)


class Coerce(msgspec.Struct, frozen=True):
    """Annotation of a field: a function that converts what is passed. It may raise `ConversionError`."""

    function: Callable[[Any], Any]


class RedirectingCoerce(Coerce, frozen=True):
    """
    Annotation of a field that has an alternative, `other_field` of the same Struct; a value sets only one of the two.

    The function may return a `RedirectedValue`, which sets the other field.
    """

    other_field: str


class RedirectedValue(msgspec.Struct, frozen=True):
    """What the function of a `RedirectingCoerce` returns for a value that belongs into the other field."""

    value: Any


class BackendOnly(msgspec.Struct, frozen=True):
    """Annotation of a field: the only backend that supports it."""

    backend: str


GeminiOnly: TypeAlias = Annotated[T, BackendOnly("gemini")]
VertexOnly: TypeAlias = Annotated[T, BackendOnly("vertex")]


def _encode_base64(value: Any) -> Any:
    return b2a_base64(value, newline=False).decode() if isinstance(value, bytes) else value


Opaque: TypeAlias = Annotated[str, Coerce(_encode_base64)]
"""Base64 text of the server, kept unchanged; bytes are encoded as standard base64."""
