"""Converts what servers of the Model Context Protocol return: descriptions of tools, and results of calls."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, cast

from genai_fn import codec
from genai_fn.schema.base import ConversionError


def dump_model(model: Any) -> dict[str, Any]:
    """
    Return a model of the ``mcp`` package as the JSON of the protocol, whose names are the same in all its versions.

    Raises:
        ConversionError: If it is neither a model nor a mapping.
    """
    if isinstance(model, Mapping):
        return dict(cast("Mapping[str, Any]", model))
    dump = getattr(model, "model_dump", None)
    if dump is None:
        raise ConversionError(model, "a model of the package mcp")
    dumped: dict[str, Any] = dump(mode="json", by_alias=True)
    return dumped


def convert_tool(tool: Any) -> dict[str, Any]:
    """
    Return the fields of a `FunctionDeclaration` for a tool. Its schema is sent unchanged, as JSON Schema.

    Raises:
        ConversionError: If the tool has no name or no schema.
    """
    dumped = dump_model(tool)
    name, description, schema = dumped.get("name"), dumped.get("description"), dumped.get("inputSchema")
    if not isinstance(name, str) or not name:
        raise ConversionError(name, "the name of a tool")
    if not isinstance(schema, Mapping):
        raise ConversionError(schema, f"the inputSchema of the tool {name}")
    return {
        "name": name,
        **({"description": description} if description else {}),
        "parameters_json_schema": schema,
    }


def convert_tool_result(result: Any) -> dict[str, Any]:
    """
    Return the fields ``response`` and ``parts`` of a `FunctionResponse` for the result of a call.

    The content is the list of its blocks, or the text if it is an error. Images, sounds and binary resources become
    parts; in their place is a reference to the name of the part. Structured content is added unless a text repeats it,
    as the protocol advises.
    """
    dumped = dump_model(result)
    media: list[dict[str, Any]] = []  # each a part with `inline_data`
    numbers = count(1)
    blocks = [_move_media(_drop_nulls(each), media, numbers) for each in _list_blocks(dumped)]
    texts = [str(each.get("text")) for each in blocks if each.get("type") == "text"]
    if dumped.get("isError"):
        message = "\n".join(texts) or "the tool has failed"
        response: dict[str, Any] = {"error": message if len(texts) == len(blocks) else blocks}
    else:
        response = {"result": blocks}
    structured = dumped.get("structuredContent")
    if structured is not None and not any(_is_repeated(structured, each) for each in texts):
        blobs = [each["inline_data"] for each in media]
        references = {each["data"]: {"$ref": each["display_name"]} for each in blobs if isinstance(each["data"], str)}
        response["structuredContent"] = _replace_texts(structured, references)
    return {"response": response, **({"parts": tuple(media)} if media else {})}


def _list_blocks(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    blocks = result.get("content")
    if not isinstance(blocks, list | tuple) or not all(isinstance(each, Mapping) for each in cast("Any", blocks)):
        raise ConversionError(blocks, "a list of content blocks")
    return list(cast("Any", blocks))


def _drop_nulls(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block without fields that are not set, and without metadata, which is not meant for models."""
    return {
        name: _drop_nulls(cast("Any", value)) if isinstance(value, Mapping) else value
        for name, value in block.items()
        if value is not None and name != "_meta"
    }


def _move_media(block: dict[str, Any], media: list[dict[str, Any]], numbers: Iterator[int]) -> dict[str, Any]:
    """Move the bytes of a block into a part of the function response, to which the block then refers."""
    kind = block.get("type")
    if kind in ("image", "audio"):
        return {**block, "data": _add_part(f"{kind}_{next(numbers)}", block.get("data"), block.get("mimeType"), media)}
    resource = block.get("resource")
    if kind == "resource" and isinstance(resource, Mapping) and "blob" in resource:
        held = cast("Mapping[str, Any]", resource)
        reference = _add_part(f"resource_{next(numbers)}", held["blob"], held.get("mimeType"), media)
        return {**block, "resource": {**held, "blob": reference}}
    return block


def _add_part(name: str, data: Any, mime_type: str | None, media: list[dict[str, Any]]) -> dict[str, str]:
    blob = {"data": data, "mime_type": mime_type or "application/octet-stream", "display_name": name}
    media.append({"inline_data": blob})
    return {"$ref": name}


def _is_repeated(structured: Any, text: str) -> bool:
    """Whether a text is the JSON of structured content, or the text that servers in Python put into an object."""
    try:
        return structured == {"result": text} or bool(codec.decode(text.encode()) == structured)
    except (ValueError, RecursionError):
        return False


def _replace_texts(value: Any, replacements: Mapping[str, Any]) -> Any:
    """Replace texts in JSON: data of media that were moved, which servers may repeat in the structured content."""
    if isinstance(value, str):
        return replacements.get(value, value)
    if isinstance(value, dict):
        return {name: _replace_texts(each, replacements) for name, each in cast("dict[str, Any]", value).items()}
    return [_replace_texts(each, replacements) for each in cast("Any", value)] if isinstance(value, list) else value
