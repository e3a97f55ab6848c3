"""
Translates JSON Schema and Python types into the API's own dialect, `Schema`.

- ``$ref`` is replaced by its target, ``null`` among the types by ``nullable``, ``const`` by ``enum``, and an exclusive
  bound of integers by ``minimum`` or ``maximum``.
- Keywords that the dialect does not have are refused, with their path.
- Keywords that do not constrain the value are dropped: ``$schema`` and ``$id`` at the root, ``$comment``, definitions,
  and ``discriminator``, as the members of a union name their tags themselves.

`Schema` is defined in a module that imports this one, so functions take it as the argument `schema_type`.
"""

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from types import GenericAlias, UnionType
from typing import Any, NamedTuple, NewType, TypeAlias, TypeVar, get_origin

from msgspec.structs import astuple
from typing_extensions import TypeAliasType, TypeIs

from genai_fn.codec import EXTRA_JSON_NAME
from genai_fn.schema.base import ConversionError, Message, RedirectedValue
from genai_fn.schema.foreign_values import read_google_genai_value
from genai_fn.schema.json_schema import build_json_schema, without_siblings
from genai_fn.schema.schema_tree import is_mapping, iter_subschemas, resolve_pointer

M = TypeVar("M", bound=Message)
_Keywords: TypeAlias = dict[str, Any]


def to_api_schema(value: Any, schema_type: type[M]) -> M | Mapping[str, Any] | None:
    """
    Translate a schema or a type into the API's dialect. Returns None for a schema without constraints.

    A mapping (snake_case, camelCase or JSON Schema) or a type gives a new mapping. A `Schema` that needs no
    translation is returned as it is. Arguments are not changed.

    Raises:
        ConversionError: If the dialect cannot express the schema; ``response_json_schema`` may be able to.

    >>> from genai_fn.schema import Schema
    >>> to_api_schema(dict(anyOf=[{"type": "string"}, {"type": "null"}]), Schema)
    {'type': 'string', 'nullable': True}
    """
    if value is None:
        return None
    schema = _translate_root(build_json_schema(value) if _is_type(value) else value, schema_type)
    empty: Any = schema_type() if isinstance(schema, schema_type) else {}
    return None if schema == empty else schema


def translate(json_schema: Mapping[str, Any], schema_type: type[Message]) -> dict[str, Any] | None:
    """
    Translate the JSON Schema of a type into the dialect. Returns None if the dialect cannot express all of it.

    That is the case for enums of numbers, tuples, recursion, ``additionalProperties`` (v1beta has no such field), and
    formats that the service refuses in a `Schema`.

    >>> from genai_fn.schema import Schema
    >>> translate({"type": "string", "format": "uuid"}, Schema)
    >>> translate({"anyOf": [{"type": "string"}, {"type": "null"}]}, Schema)
    {'type': 'string', 'nullable': True}
    """
    try:
        keywords: _Keywords = _translate_root(json_schema, schema_type)
    except ConversionError:
        return None
    return keywords if _is_accepted(keywords) else None


def translate_type(value: Any, schema_type: type[Message]) -> Any:
    """
    Translate a type into the dialect; if that cannot express it, into plain JSON Schema, as a `RedirectedValue`.

    A value that is not a type is translated by `to_api_schema`.
    """
    if not _is_type(value):
        return to_api_schema(value, schema_type)
    json_schema = build_json_schema(value)
    keywords = translate(json_schema, schema_type)
    return RedirectedValue(without_siblings(json_schema)) if keywords is None else keywords or None


def _is_accepted(keywords: _Keywords) -> bool:
    """Whether the service accepts a translated schema, with the formats that it has."""
    kind = _get_type(keywords)
    if "additionalProperties" in keywords or keywords.get("format") not in {None, *_FORMATS.get(kind or "", ())}:
        return False
    return all(map(_is_accepted, iter_subschemas(keywords)))


_FORMATS = {"STRING": ("enum", "date-time"), "NUMBER": ("float", "double"), "INTEGER": ("int32", "int64")}
"""The formats that the service accepts in a `Schema`; it refuses others with 400."""


def _is_type(value: Any) -> bool:
    return isinstance(value, (type, GenericAlias, UnionType, NewType, TypeAliasType)) or get_origin(value) is not None


def _is_list(value: Any) -> TypeIs[list[Any] | tuple[Any, ...]]:
    return isinstance(value, (list, tuple))


class _Vocabulary(NamedTuple):
    """The type of the dialect, its keywords, and those of JSON Schema that are translated."""

    schema_type: type[Message]
    field_by_keyword: dict[str, str]
    keyword_by_spelling: dict[str, str]


@functools.cache
def _read_vocabulary(schema_type: type[Message]) -> _Vocabulary:
    fields = dict(zip(_list_keywords(schema_type), schema_type.__struct_fields__, strict=True))
    spellings = {spelling: keyword for keyword, name in fields.items() for spelling in (keyword, name)}
    translated = {keyword: keyword for keyword in ("$ref", "const", *_INCLUSIVE_BOUNDS)}
    return _Vocabulary(schema_type, fields, {**spellings, **translated, EXTRA_JSON_NAME: "extra"})


@functools.cache
def _list_keywords(schema_type: type[Message]) -> tuple[str, ...]:
    """List the keywords of the fields; ``extra``, which is none in JSON, has the name that it has in a dict."""
    pairs = zip(schema_type.__struct_encode_fields__, schema_type.__struct_fields__, strict=True)
    return tuple(name if keyword == EXTRA_JSON_NAME else keyword for keyword, name in pairs)


class _Cursor(NamedTuple):
    """A position in a schema, and the references that led there."""

    root: Any
    vocabulary: _Vocabulary
    levels_read: Iterator[int]
    path: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()

    def descend(self, *steps: str) -> "_Cursor":
        return _Cursor(self.root, self.vocabulary, self.levels_read, self.path + steps, self.refs)

    def error(self, value: Any, expected: str, *steps: str) -> ConversionError:
        return ConversionError(value, expected, *reversed(self.path + steps))


def _translate_root(given: Any, schema_type: type[Message]) -> Any:
    return _translate_schema(given, _Cursor(given, _read_vocabulary(schema_type), itertools.count()))


def _translate_schema(given: Any, cursor: _Cursor) -> Any:
    keywords, cursor = _resolve_indirections(_read_keywords(given, cursor), cursor)
    _normalize_type(keywords, cursor)
    for keyword, translate_inner in _SUBSCHEMA_TRANSLATORS.items():
        if keyword in keywords:
            keywords[keyword] = translate_inner(keywords[keyword], cursor.descend(f".{keyword}"))
    if _is_object(keywords) and len(keywords.get("properties", ())) > 1:
        keywords.setdefault("propertyOrdering", list(keywords["properties"]))
    return _to_schema_struct(given, keywords) if isinstance(given, cursor.vocabulary.schema_type) else keywords


def _is_object(keywords: _Keywords) -> bool:
    return _get_type(keywords) == "OBJECT" and "anyOf" not in keywords


def _get_type(keywords: _Keywords) -> str | None:
    kind = keywords.get("type")
    return kind.upper() if isinstance(kind, str) else None


def _to_schema_struct(given: M, keywords: _Keywords) -> M:
    """Build a `Schema` from keywords. Returns the given one if nothing has changed."""
    before = _get_set_fields(given)
    if before.keys() == keywords.keys() and all(map(operator.is_, before.values(), keywords.values())):
        return given
    schema_type = type(given)
    fields = _read_vocabulary(schema_type).field_by_keyword
    return schema_type(**{fields[keyword]: value for keyword, value in keywords.items()})


def _read_keywords(given: Any, cursor: _Cursor) -> _Keywords:
    """Read the keywords of one schema into a new dict: in camelCase, without those that are dropped."""
    if not is_mapping(given) and not isinstance(given, Message):
        fields = read_google_genai_value(given)
        if fields is None:
            raise cursor.error(given, "a Schema, a dict of its fields, or JSON Schema")
        given = fields
    if len(cursor.path) > _MAX_DEPTH or next(cursor.levels_read) > _MAX_LEVELS:
        raise cursor.error(given, "a smaller schema, or response_json_schema, where $ref is not expanded")
    pairs: Mapping[Any, Any] = given if is_mapping(given) else _get_set_fields(given)
    keywords: _Keywords = {}
    spellings = cursor.vocabulary.keyword_by_spelling
    for key, value in pairs.items():
        if key in _IGNORED_KEYWORDS or (key in _IGNORED_ROOT_KEYWORDS and not cursor.path):
            continue
        keyword = spellings.get(key)
        if keyword is None:
            raise _build_unknown_keyword_error(key, value, cursor)
        if keyword in keywords:
            raise cursor.error(value, f"{keyword} only once, in one spelling", f".{key}")
        if value is not None or keyword == "const":
            keywords[keyword] = value
    return keywords


def _get_set_fields(given: Message) -> _Keywords:
    pairs = zip(_list_keywords(type(given)), astuple(given), strict=True)
    return {keyword: value for keyword, value in pairs if value is not None}


def _build_unknown_keyword_error(key: Any, value: Any, cursor: _Cursor) -> ConversionError:
    from difflib import get_close_matches  # noqa: PLC0415  # for this error alone

    near = get_close_matches(str(key), cursor.vocabulary.keyword_by_spelling, 1, 0.8)
    expected = f"a field of Schema, such as {near[0]}" if near else "a keyword of Schema, or response_json_schema"
    return cursor.error(value, expected, f".{key}")


_MAX_DEPTH = 100  # steps; the API itself takes far fewer
_MAX_LEVELS = 20_000  # levels read, as every $ref to a $ref may double them
_IGNORED_KEYWORDS = {"$comment", "$defs", "definitions", "discriminator"}
_IGNORED_ROOT_KEYWORDS = {"$id", "$schema"}


def _resolve_indirections(keywords: _Keywords, cursor: _Cursor) -> tuple[_Keywords, _Cursor]:
    """Replace ``$ref`` by its target, and a union of null and one other schema by that schema."""
    while "$ref" in keywords or "anyOf" in keywords:
        union = cursor.descend(".anyOf")
        members = _drop_null_members(keywords.get("anyOf", ()), union)
        if "$ref" in keywords:
            ref = keywords.pop("$ref")
            target = _resolve_ref(ref, cursor)
            cursor = cursor._replace(refs=(*cursor.refs, ref))
        elif len(members) == len(keywords.get("anyOf", ())):
            return keywords, cursor
        else:
            keywords["nullable"] = True
            if len(members) != 1:
                return keywords, cursor
            del keywords["anyOf"]
            ((index, target),) = members.items()
            cursor = union.descend(f"[{index}]")
        keywords = _merge_keywords(_read_keywords(target, cursor), keywords, cursor)
    return keywords, cursor


def _drop_null_members(members: Any, cursor: _Cursor) -> dict[int, Any]:
    if not _is_list(members):
        raise cursor.error(members, "a list of schemas")
    return {
        index: each
        for index, each in enumerate(members)
        if _read_keywords(each, cursor.descend(f"[{index}]")) != {"type": "null"}
    }


def _merge_keywords(inner: _Keywords, outer: _Keywords, cursor: _Cursor) -> _Keywords:
    """
    Merge the keywords of a target and those beside its reference.

    Annotations beside the reference win. Two different constraints under one keyword are refused: one would be lost.
    """
    for keyword in sorted(inner.keys() & outer.keys() - _ANNOTATION_KEYWORDS):
        if inner[keyword] != outer[keyword]:
            raise cursor.error(outer[keyword], f"no {keyword} beside another one ({inner[keyword]!r})", f".{keyword}")
    return inner | outer


_ANNOTATION_KEYWORDS = {"title", "description", "default", "example", "nullable"}


def _resolve_ref(ref: Any, cursor: _Cursor) -> Any:
    if ref in cursor.refs:
        raise cursor.error(ref, "a schema that does not contain itself; response_json_schema accepts such", ".$ref")
    try:
        target = resolve_pointer(cursor.root, ref, _read_members)
    except LookupError:
        target = None
    if target is None:
        raise cursor.error(ref, "a place in this schema, such as #/$defs/Name", ".$ref")
    return target


def _read_members(value: Any) -> Any:
    return _get_set_fields(value) if isinstance(value, Message) else value


def _normalize_type(keywords: _Keywords, cursor: _Cursor) -> None:
    kind = keywords.get("type")
    if type(kind) is not str or kind == "null":
        _normalize_null_type(kind, keywords, cursor)
    for exclusive in _INCLUSIVE_BOUNDS:
        if exclusive in keywords:
            _normalize_bound(exclusive, keywords, cursor)
    if "const" in keywords:
        _normalize_const(keywords, cursor)
    if "enum" in keywords:
        _normalize_enum(keywords, cursor)


def _normalize_null_type(kind: Any, keywords: _Keywords, cursor: _Cursor) -> None:
    """Replace null among the types by ``nullable``."""
    given: list[Any] = list(kind) if _is_list(kind) else [kind]
    kinds = [each for each in given if not (isinstance(each, str) and each == "null")]
    if len(kinds) < len(given):
        keywords["nullable"] = True
    if len(kinds) > 1:
        raise cursor.error(kind, "one type; anyOf takes several", ".type")
    if kinds and kinds[0] is not None:
        keywords["type"] = kinds[0]
    else:
        keywords.pop("type", None)


def _normalize_bound(exclusive: str, keywords: _Keywords, cursor: _Cursor) -> None:
    """Replace an exclusive bound of integers by the next integer. The dialect has no other one."""
    bound, (inclusive, step, choose) = keywords.pop(exclusive), _INCLUSIVE_BOUNDS[exclusive]
    is_number = isinstance(bound, int) or (isinstance(bound, float) and math.isfinite(bound))
    if _get_type(keywords) != "INTEGER" or not is_number:
        raise cursor.error(bound, f"{inclusive}, or response_json_schema", f".{exclusive}")
    nearest = (math.floor(bound) if step > 0 else math.ceil(bound)) + step
    other = keywords.get(inclusive, nearest)
    keywords[inclusive] = choose(nearest, other) if isinstance(other, int | float) else other


_INCLUSIVE_BOUNDS: dict[str, tuple[str, int, Callable[[Any, Any], Any]]] = {
    "exclusiveMinimum": ("minimum", 1, max),
    "exclusiveMaximum": ("maximum", -1, min),
}


def _normalize_const(keywords: _Keywords, cursor: _Cursor) -> None:
    const = keywords.pop("const")
    if not isinstance(const, str) or _get_type(keywords) not in {None, "STRING"}:
        raise cursor.error(const, _TEXT_EXPECTED, ".const")
    keywords["enum"] = [const]


def _normalize_enum(keywords: _Keywords, cursor: _Cursor) -> None:
    values = keywords["enum"]
    if not _is_list(values):
        raise cursor.error(values, "a list of texts", ".enum")
    for index, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise cursor.error(value, _TEXT_EXPECTED, ".enum", f"[{index}]")
    if None in values:
        keywords |= {"nullable": True, "enum": [value for value in values if value is not None]}
    if not keywords["enum"] and values:
        del keywords["enum"]
    elif "anyOf" not in keywords:
        keywords.setdefault("type", "STRING")  # the API refuses an enum without it


_TEXT_EXPECTED = "text, as an enum has only texts; response_json_schema accepts numbers, too"


def _translate_properties(value: Any, cursor: _Cursor) -> Any:
    if not is_mapping(value):
        raise cursor.error(value, "a mapping of names to schemas")
    translated = {name: _translate_schema(each, cursor.descend(f".{name}")) for name, each in value.items()}
    return value if all(map(operator.is_, translated.values(), value.values())) else translated


def _translate_members(value: Any, cursor: _Cursor) -> Any:
    translated = [
        _translate_schema(each, cursor.descend(f"[{index}]"))
        for index, each in _drop_null_members(value, cursor).items()
    ]
    return value if len(translated) == len(value) and all(map(operator.is_, translated, value)) else translated


def _translate_additional_properties(value: Any, cursor: _Cursor) -> Any:
    return value if isinstance(value, bool) else _translate_schema(value, cursor)


_SUBSCHEMA_TRANSLATORS = {
    "anyOf": _translate_members,
    "properties": _translate_properties,
    "items": _translate_schema,
    "additionalProperties": _translate_additional_properties,
}
