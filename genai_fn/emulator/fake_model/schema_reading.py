"""Reads JSON Schema and the API's dialect of it: references, ``allOf``, and the types that a schema allows."""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

SchemaMapping: TypeAlias = Mapping[str, Any]


def resolve_reference(root: Any, reference: str) -> Any:
    """
    Return the subschema that a reference such as ``#/$defs/Node`` names; raises LookupError if there is none.

    >>> resolve_reference({"$defs": {"a/b": {"type": "string"}}}, "#/$defs/a~1b")
    {'type': 'string'}
    """
    found = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")] if step else found
    return found


def merge_schemas(schema: Any, other: Any) -> Any:
    """Approximate ``allOf`` by merging keywords; on a conflict the second schema wins."""
    if not isinstance(schema, Mapping) or not isinstance(other, Mapping):
        return cast("Any", other if schema in (True, {}) else schema)
    first, second = cast("SchemaMapping", schema), cast("SchemaMapping", other)
    properties: dict[str, Any] = {**(first.get("properties") or {}), **(second.get("properties") or {})}
    required: list[Any] = [*(first.get("required") or ()), *(second.get("required") or ())]
    merged: dict[str, Any] = {"properties": properties, "required": required} if properties or required else {}
    return {**first, **second, **merged}


def list_types(shape: SchemaMapping) -> list[str]:
    """
    List the allowed types in lower case; without ``type``, the one that the other keywords imply, otherwise string.

    >>> list_types({"type": ["STRING", "NULL"]}), list_types({"items": {}})
    (['string', 'null'], ['array'])
    """
    types: Any = shape.get("type")
    if isinstance(types, str):
        types = [types]
    if types:
        return [str(each).lower() for each in types]
    if "properties" in shape or "required" in shape:
        return ["object"]
    return ["array"] if "items" in shape or "prefixItems" in shape else ["string"]
