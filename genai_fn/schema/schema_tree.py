"""
JSON Schema as a tree: its subschemas, references, unions of types, and ``allOf``.

Schemas are mappings of keywords, in plain JSON Schema (draft 2020-12 and older) or in the API's own dialect.
A subschema may be True or False.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast
from urllib.parse import unquote

from typing_extensions import TypeIs

_Keywords: TypeAlias = Mapping[str, Any]

_SCHEMA_KEYWORDS = {
    *("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
}
_LIST_KEYWORDS = {"allOf", "anyOf", "items", "oneOf", "prefixItems"}
_MAPPING_KEYWORDS = {"$defs", "definitions", "defs", "dependentSchemas", "patternProperties", "properties"}
_MAX_MERGES = 100


def is_mapping(value: object) -> TypeIs[Mapping[Any, Any]]:
    """Whether a value is a mapping, of whatever keys."""
    return type(value) is dict or isinstance(value, Mapping)


def map_subschemas(schema: _Keywords, convert: Callable[[Any], Any]) -> dict[str, Any]:
    """
    Return a schema with each direct subschema converted. The values of other keywords are unchanged.

    >>> map_subschemas({"items": {"type": "string"}, "default": {"items": 1}}, lambda _: True)
    {'items': True, 'default': {'items': 1}}
    """
    return {keyword: _map_keyword(keyword, value, lambda _, each: convert(each)) for keyword, value in schema.items()}


def _map_keyword(keyword: str, value: Any, convert: Callable[[str, Any], Any]) -> Any:
    """Convert the subschemas under a keyword; `convert` is called with the place of each below the keyword, and it."""
    if keyword in _MAPPING_KEYWORDS and is_mapping(value):
        return {name: convert(f".{name}", each) for name, each in value.items()}
    if keyword in _LIST_KEYWORDS and isinstance(value, list | tuple):
        converted = [convert(f"[{index}]", each) for index, each in enumerate(cast("list[Any]", value))]
        return tuple(converted) if isinstance(value, tuple) else converted
    return convert("", value) if keyword in _SCHEMA_KEYWORDS else value


def locate_subschemas(schema: Any) -> list[tuple[str, str, Any]]:
    """
    List the direct subschemas of a schema, each after its keyword and its place below the keyword.

    >>> locate_subschemas({"properties": {"a": {"type": "string"}}, "anyOf": [True], "additionalProperties": False})
    [('properties', '.a', {'type': 'string'}), ('anyOf', '[0]', True), ('additionalProperties', '', False)]
    """
    keywords = schema.items() if is_mapping(schema) else ()
    return [found for keyword, value in keywords for found in _locate_below(keyword, value)]


def _locate_below(keyword: str, value: Any) -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []
    _ = _map_keyword(keyword, value, lambda place, each: found.append((keyword, place, each)))
    return found


def iter_subschemas(schema: Any) -> Iterator[Any]:
    """
    Yield the direct subschemas of a schema.

    >>> list(iter_subschemas({"properties": {"a": {"type": "string"}}, "additionalProperties": False}))
    [{'type': 'string'}, False]
    """
    for _, _, each in locate_subschemas(schema):
        yield each


def find_references(schema: Any, definitions: _Keywords) -> set[str]:
    """
    Find the names of the ``$defs`` that a schema refers to, also through other definitions.

    >>> sorted(find_references({"$ref": "#/$defs/A"}, {"A": {"items": {"$ref": "#/$defs/B"}}, "B": {}, "C": {}}))
    ['A', 'B']
    """
    found: set[str] = set()
    pending = [schema]
    while pending:
        each = pending.pop()
        pending += iter_subschemas(each)
        name = str(each.get("$ref", "")).rpartition("/")[2] if is_mapping(each) else ""
        if name in definitions and name not in found:
            found.add(name)
            pending.append(definitions[name])
    return found


def resolve_pointer(root: Any, reference: Any, read_members: Callable[[Any], Any] = lambda value: value) -> Any:
    """
    Return what a ``$ref`` refers to, a JSON Pointer (RFC 6901) after ``#``.

    Args:
        root: The whole schema.

        reference: The value of ``$ref``.

        read_members: Converts each value on the way to a mapping or a list, if it is something else that has members.

    Raises:
        LookupError: If there is nothing at that place.

    >>> resolve_pointer({"$defs": {"a/b": [{"type": "string"}]}}, "#/$defs/a~1b/0")
    {'type': 'string'}
    """
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise LookupError(reference)
    found = root
    for step in reference[1:].split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        members = read_members(found)
        if is_mapping(members):
            found = members[name]
        elif isinstance(members, list | tuple) and name.isdecimal():
            found = cast("list[Any]", members)[int(name)]
        else:
            raise LookupError(reference)
    return found


def merge_all_of(root: Any, schema: _Keywords) -> dict[str, Any]:
    """
    Merge the members of ``allOf`` into a schema, and what they refer to.

    Properties and required names are united. Where two members have another keyword, the later one is kept, which is an
    approximation.

    Raises:
        LookupError: If a ``$ref`` refers to nothing.

    >>> merge_all_of({}, {"required": ["a"], "allOf": [{"required": ["b"], "type": "object"}]})
    {'required': ['a', 'b'], 'type': 'object'}
    """
    pending, merged = [schema], dict[str, Any]()
    for _ in range(_MAX_MERGES):  # a limit, as members may refer to themselves
        if not pending:
            break
        member = dict(pending.pop(0))
        members = [each for each in member.pop("allOf", None) or () if is_mapping(each)]
        if merged and "$ref" in member:
            members.insert(0, resolve_pointer(root, member.pop("$ref")))
        for keyword, unite in (("properties", _unite_properties), ("required", _unite_names)):
            if keyword in member and keyword in merged:
                member[keyword] = unite(merged[keyword], member[keyword])
        merged |= member
        pending[:0] = filter(is_mapping, members)
    return merged


def _unite_properties(first: _Keywords, second: _Keywords) -> dict[str, Any]:
    return {**first, **second}


def _unite_names(first: list[str], second: list[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def list_types(schema: Any) -> list[str]:
    """
    List the types that a schema allows, in lower case.

    Without ``type``, it is the one that other keywords imply, and otherwise ``string``.

    >>> list_types({"type": ["STRING", "NULL"]}), list_types({"items": {}})
    (['string', 'null'], ['array'])
    """
    types = schema.get("type") if is_mapping(schema) else None
    if types:
        return [str(each).lower() for each in ([types] if isinstance(types, str) else types)]
    implied = (kind for keyword, kind in _IMPLIED_TYPES.items() if is_mapping(schema) and keyword in schema)
    return [next(implied, "string")]


_IMPLIED_TYPES = {"properties": "object", "required": "object", "items": "array", "prefixItems": "array"}
