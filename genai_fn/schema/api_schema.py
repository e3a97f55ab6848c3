"""
`response_schema`: from what people describe an answer with (JSON Schema, `Schema`, types) to the API's own dialect.

What the dialect says in another way is translated: ``$ref`` by what it points at, ``null`` among the types by
``nullable``, ``const`` by ``enum``. What it does not have is refused by path. Left out are only words that say nothing
of the answer: ``$schema`` and ``$id`` at the top, ``$comment``, the definitions that ``$ref`` points at, and
``discriminator``, as the members of a union name their tags themselves.
"""

import difflib
import itertools
import operator
from collections.abc import Iterator, Mapping
from types import GenericAlias, UnionType
from typing import Any, NamedTuple, NewType, TypeAlias, get_origin
from urllib.parse import unquote

from msgspec.structs import astuple
from typing_extensions import TypeAliasType, TypeIs

from genai_fn.schema.base import ConversionError, Elsewhere, Message
from genai_fn.schema.json_schema import build_json_schema, without_siblings
from genai_fn.schema.schemas import Schema, Type

__all__ = ["to_api_schema", "translate", "translate_type"]

_Keywords: TypeAlias = dict[str, Any]


def to_api_schema(value: Any) -> Schema | Mapping[str, Any] | None:
    """
    Say in the API's dialect what an answer must look like; a schema that says nothing is None.

    A mapping (snake_case, camelCase or JSON Schema) gives a new mapping, a type too; a `Schema` that is settled comes
    back as it is. Nothing that is passed is changed.

    Raises:
        Misfit: with the path to what the dialect cannot say; ``response_json_schema`` may be able to.

    >>> to_api_schema(dict(anyOf=[{"type": "string"}, {"type": "null"}]))
    {'type': 'string', 'nullable': True}
    """
    if value is None:
        return None
    given = build_json_schema(value) if _is_type(value) else value
    settled = given if _is_canonical(given) else _translate_schema(given, _Cursor(given, itertools.count()))
    return None if settled in ({}, Schema()) else settled


def translate(shape: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Translate a type's JSON Schema to the dialect; None where JSON Schema alone says all of it.

    So it is with numbers to choose from, tuples, recursion, ``additionalProperties`` (v1beta has no such field), and
    with formats that the service refuses in a `Schema`.

    >>> translate({"type": "string", "format": "uuid"})
    >>> translate({"anyOf": [{"type": "string"}, {"type": "null"}]})
    {'type': 'string', 'nullable': True}
    """
    try:
        words = _translate_schema(shape, _Cursor(shape, itertools.count()))
    except ConversionError:
        return None
    return words if _is_taken(words) else None


def translate_type(kind: Any, otherwise: str) -> Any:
    """
    Say what a type looks like in the dialect, or as `Elsewhere`: in plain JSON Schema, for the field `otherwise`.

    What is no type goes through `response_schema`.
    """
    if not _is_type(kind):
        return to_api_schema(kind)
    shape = build_json_schema(kind)
    words = translate(shape)
    return Elsewhere(otherwise, without_siblings(shape)) if words is None else words or None


def _is_taken(words: _Keywords) -> bool:
    kind = _get_type(words)
    if "additionalProperties" in words or words.get("format") not in {None, *_FORMATS.get(kind or "", ())}:
        return False
    inner = (
        *words.get("properties", {}).values(),
        *words.get("anyOf", ()),
        *([words["items"]] if "items" in words else []),
    )
    return all(map(_is_taken, inner))


_FORMATS = {"STRING": ("enum", "date-time"), "NUMBER": ("float", "double"), "INTEGER": ("int32", "int64")}
"""What the service takes in a `Schema`; others it refuses with 400."""


def _is_type(value: Any) -> bool:
    return isinstance(value, (type, GenericAlias, UnionType, NewType, TypeAliasType)) or get_origin(value) is not None


def _is_mapping(value: Any) -> TypeIs[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> TypeIs[list[Any] | tuple[Any, ...]]:
    return isinstance(value, (list, tuple))


def _is_canonical(given: Any) -> bool:
    """
    Tell a `Schema` that stays as it is from all that has to be looked at, in a tenth of the time that looking takes.

    Most are: a config that is used again and again has been settled before. False for anything less common.
    """
    level = [given]
    for _ in range(_MAX_DEPTH // 2):  # a level is two steps at most
        if not level:
            return True
        if len(level) > _MAX_LEVELS * 2 // _MAX_DEPTH or not all(map(_is_level_canonical, level)):
            return False
        level = [inner for each in level for inner in _iter_subschemas(each)]
    return False


def _is_level_canonical(given: Any) -> bool:
    return (
        type(given) is Schema
        and given.any_of is None
        and given.enum is None
        and (given.type is None or type(given.type) is Type)
        and (given.properties is None or _has_property_order(given.properties, given.property_ordering))
        and (given.additional_properties is None or isinstance(given.additional_properties, bool))
    )


def _has_property_order(properties: Mapping[str, Schema], order: object) -> bool:
    return (order is not None or len(properties) < 2) and type(properties) is dict  # noqa: PLR2004  # one needs no order


def _iter_subschemas(given: Schema) -> Iterator[Any]:
    if given.items is not None:
        yield given.items
    if given.properties is not None:
        yield from given.properties.values()


class _Cursor(NamedTuple):
    """Where in a schema we are, and which ``$ref`` led there."""

    root: Any
    levels_read: Iterator[int]
    path: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()

    def descend(self, *steps: str) -> "_Cursor":
        return self._replace(path=self.path + steps)

    def error(self, value: Any, expected: str, *steps: str) -> ConversionError:
        return ConversionError(value, expected, *reversed(self.path + steps))


def _translate_schema(given: Any, place: _Cursor) -> Any:
    words, place = _resolve_indirections(_read_keywords(given, place), place)
    _normalize_type(words, place)
    for word, settle in _SUBSCHEMA_TRANSLATORS.items():
        if word in words:
            words[word] = settle(words[word], place.descend(f".{word}"))
    if _is_object(words) and len(words.get("properties", ())) > 1:
        words.setdefault("propertyOrdering", list(words["properties"]))
    return _to_schema_struct(given, words) if isinstance(given, Schema) else words


def _is_object(words: _Keywords) -> bool:
    return _get_type(words) == "OBJECT" and "anyOf" not in words


def _get_type(words: _Keywords) -> str | None:
    kind = words.get("type")
    return kind.upper() if isinstance(kind, str) else None


def _to_schema_struct(given: Schema, words: _Keywords) -> Schema:
    before = _get_set_fields(given)
    if before.keys() == words.keys() and all(map(operator.is_, before.values(), words.values())):
        return given
    return Schema(**{_FIELD_BY_KEYWORD[word]: value for word, value in words.items()})


# The words of one level


def _read_keywords(given: Any, place: _Cursor) -> _Keywords:
    """Read a level in one spelling, without what says nothing, as a dict of our own."""
    if not isinstance(given, Message) and not _is_mapping(given):
        raise place.error(given, "a Schema, a dict of its fields, or JSON Schema")
    if len(place.path) > _MAX_DEPTH or next(place.levels_read) > _MAX_LEVELS:
        raise place.error(given, "a smaller schema, or response_json_schema, where $ref is not written out")
    pairs: Mapping[Any, Any] = _get_set_fields(given) if isinstance(given, Message) else given
    words: _Keywords = {}
    for key, value in pairs.items():
        if key in _IGNORED_KEYWORDS or (key in _IGNORED_ROOT_KEYWORDS and not place.path):
            continue
        word = _KEYWORD_BY_SPELLING.get(key)
        if word is None:
            raise _build_unknown_keyword_error(key, value, place)
        if word in words:
            raise place.error(value, f"{word} only once, in one spelling", f".{key}")
        if value is not None or word == "const":
            words[word] = value
    return words


def _get_set_fields(given: Message) -> _Keywords:
    pairs = zip(given.__struct_encode_fields__, astuple(given), strict=True)
    return {word: value for word, value in pairs if value is not None}


def _build_unknown_keyword_error(key: Any, value: Any, place: _Cursor) -> ConversionError:
    near = difflib.get_close_matches(str(key), _KEYWORD_BY_SPELLING, 1, 0.8)
    expected = f"a field of Schema, such as {near[0]}" if near else "a word that Schema has, or response_json_schema"
    return place.error(value, expected, f".{key}")


_MAX_DEPTH = 100  # steps; the API itself takes far fewer
_MAX_LEVELS = 20_000  # levels read, as every $ref to a $ref may double them
_FIELD_BY_KEYWORD = dict(zip(Schema.__struct_encode_fields__, Schema.__struct_fields__, strict=True))
_KEYWORD_BY_SPELLING = {spelling: word for word, name in _FIELD_BY_KEYWORD.items() for spelling in (word, name)} | {
    "$ref": "$ref",
    "const": "const",
}
_IGNORED_KEYWORDS = {"$comment", "$defs", "definitions", "discriminator"}
_IGNORED_ROOT_KEYWORDS = {"$id", "$schema"}


# What stands for something else


def _resolve_indirections(words: _Keywords, place: _Cursor) -> tuple[_Keywords, _Cursor]:
    """Put what ``$ref`` points at, and the one member that a union has beside null, in the place of the word itself."""
    while True:
        union = place.descend(".anyOf")
        members = _drop_null_members(words.get("anyOf", ()), union)
        if "$ref" in words:
            ref = words.pop("$ref")
            target = _resolve_ref(ref, place)
            place = place._replace(refs=(*place.refs, ref))
        elif len(members) == len(words.get("anyOf", ())):
            return words, place
        else:
            words["nullable"] = True
            if len(members) != 1:
                return words, place
            del words["anyOf"]
            ((index, target),) = members.items()
            place = union.descend(f"[{index}]")
        words = _merge_keywords(_read_keywords(target, place), words, place)


def _drop_null_members(members: Any, place: _Cursor) -> dict[int, Any]:
    if not _is_list(members):
        raise place.error(members, "a list of schemas")
    return {
        index: each
        for index, each in enumerate(members)
        if _read_keywords(each, place.descend(f"[{index}]")) != {"type": "null"}
    }


def _merge_keywords(inner: _Keywords, outer: _Keywords, place: _Cursor) -> _Keywords:
    """Let the words beside win where they describe; where both limit the answer, one would be lost."""
    for word in sorted(inner.keys() & outer.keys() - _ANNOTATION_KEYWORDS):
        if inner[word] != outer[word]:
            raise place.error(outer[word], f"no {word} beside another one ({inner[word]!r})", f".{word}")
    return inner | outer


_ANNOTATION_KEYWORDS = {"title", "description", "default", "example", "nullable"}


def _resolve_ref(ref: Any, place: _Cursor) -> Any:
    if ref in place.refs:
        raise place.error(ref, "a shape that does not hold itself; response_json_schema takes such", ".$ref")
    target = place.root
    for step in _split_pointer(ref):
        if isinstance(target, Message):
            target = _get_set_fields(target)
        target = target.get(step) if _is_mapping(target) else None
    if target is None:
        raise place.error(ref, "a place in this schema, such as #/$defs/Name", ".$ref")
    return target


def _split_pointer(ref: Any) -> list[str]:
    if not isinstance(ref, str) or not ref.startswith("#"):
        return [""]  # which nothing is called
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in ref[1:].split("/")[1:]]


# Kinds and values


def _normalize_type(words: _Keywords, place: _Cursor) -> None:
    kind = words.get("type")
    kinds = list(kind) if _is_list(kind) else [kind]
    if "null" in kinds:
        words["nullable"] = True
        kinds.remove("null")
    if len(kinds) > 1:
        raise place.error(kind, "one type; anyOf takes several", ".type")
    if kinds and kinds[0] is not None:
        words["type"] = kinds[0]
    else:
        words.pop("type", None)
    if "const" in words:
        _normalize_const(words, place)
    if "enum" in words:
        _normalize_enum(words, place)


def _normalize_const(words: _Keywords, place: _Cursor) -> None:
    const = words.pop("const")
    if not isinstance(const, str) or _get_type(words) not in {None, "STRING"}:
        raise place.error(const, _TEXT_EXPECTED, ".const")
    words["enum"] = [const]


def _normalize_enum(words: _Keywords, place: _Cursor) -> None:
    values = words["enum"]
    if not _is_list(values):
        raise place.error(values, "a list of texts", ".enum")
    for index, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise place.error(value, _TEXT_EXPECTED, ".enum", f"[{index}]")
    if None in values:
        words |= {"nullable": True, "enum": [value for value in values if value is not None]}
    if not words["enum"] and values:
        del words["enum"]
    elif "anyOf" not in words:
        words.setdefault("type", "STRING")  # without it the API refuses the enum


_TEXT_EXPECTED = "text, as nothing else can be picked from; response_json_schema takes numbers, too"


# The levels inside


def _translate_properties(value: Any, place: _Cursor) -> Any:
    if not _is_mapping(value):
        raise place.error(value, "a mapping of names to schemas")
    settled = {name: _translate_schema(each, place.descend(f".{name}")) for name, each in value.items()}
    return value if all(map(operator.is_, settled.values(), value.values())) else settled


def _translate_members(value: Any, place: _Cursor) -> Any:
    settled = [
        _translate_schema(each, place.descend(f"[{index}]")) for index, each in _drop_null_members(value, place).items()
    ]
    return value if len(settled) == len(value) and all(map(operator.is_, settled, value)) else settled


def _translate_additional_properties(value: Any, place: _Cursor) -> Any:
    return value if isinstance(value, bool) else _translate_schema(value, place)


_SUBSCHEMA_TRANSLATORS = {
    "anyOf": _translate_members,
    "properties": _translate_properties,
    "items": _translate_schema,
    "additionalProperties": _translate_additional_properties,
}
