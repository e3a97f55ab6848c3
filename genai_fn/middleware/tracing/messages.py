"""Contents as JSON messages, by the semantic conventions for generative AI."""

import base64
import json
from contextlib import suppress
from typing import Any

from genai_fn.flows.merge import merge_chunks
from genai_fn.flows.typed_json import to_json
from genai_fn.middleware.observers import ObservedCall
from genai_fn.schema.content import Content, Part
from genai_fn.schema.responses import GenerateContentResponse


def dump_json(value: Any) -> str:
    """Write any value as JSON, in UTF-8; what JSON cannot contain becomes its repr."""
    try:
        text = json.dumps(value, default=_convert_value, ensure_ascii=False, allow_nan=False, separators=_SEPARATORS)
        text.encode()
    except (TypeError, ValueError, RecursionError):  # keys of other types, NaN, lone surrogates, a circular reference
        return json.dumps(_convert_value(value), separators=_SEPARATORS)
    return text


_SEPARATORS = (",", ":")


def _convert_value(value: Any) -> Any:
    with suppress(Exception):  # of a user's class
        return to_json(value)
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # of a user's class, too
        return f"a {type(value).__name__}"


def list_input_messages(call: ObservedCall) -> dict[str, str]:
    """List the attributes of a request that contain contents: its messages, system instruction and tools."""
    operation: Any = call.request.operation
    config: Any = getattr(operation, "config", None)
    found: dict[str, str] = {}
    contents: tuple[Content, ...] = getattr(operation, "contents", None) or ()
    if call.operation.startswith("generate") and contents:
        found["gen_ai.input.messages"] = dump_json([_build_message(each) for each in contents])
    system: Any = getattr(config, "system_instruction", None)
    if isinstance(system, Content):
        texts = [{"type": "text", "content": part.text} for part in system.parts or () if part.text is not None]
        found["gen_ai.system_instructions"] = dump_json(texts)
    definitions = [
        {"type": "function", "name": each.name, "description": each.description, "parameters": _get_parameters(each)}
        for tool in getattr(config, "tools", None) or ()
        for each in getattr(tool, "function_declarations", None) or ()
    ]
    if definitions:
        found["gen_ai.tool.definitions"] = dump_json(definitions)
    return found


def _get_parameters(declaration: Any) -> Any:
    return declaration.parameters if declaration.parameters is not None else declaration.parameters_json_schema


def list_output_messages(values: list[Any]) -> dict[str, str]:
    """List the attribute of an answer that contains contents; the chunks of a stream become one answer."""
    chunks = [getattr(each, "value", each) for each in values]
    responses = [each for each in chunks if isinstance(each, GenerateContentResponse)]
    if not responses:
        return {}
    messages = [
        {**_build_message(each.content), "finish_reason": str(each.finish_reason or "").lower()}
        for each in merge_chunks(responses).candidates
        if each.content is not None
    ]
    return {"gen_ai.output.messages": dump_json(messages)}


def _build_message(content: Content) -> dict[str, Any]:
    role = {"model": "assistant", None: "user"}.get(content.role, content.role)
    return {"role": role, "parts": [_build_part(each) for each in content.parts or ()]}


def _build_part(part: Part) -> dict[str, Any]:
    if part.text is not None:
        return {"type": "reasoning" if part.thought else "text", "content": part.text}
    if part.inline_data is not None:
        data = base64.b64encode(part.inline_data.data or b"").decode()
        return {"type": "blob", **_describe_media(part.inline_data.mime_type), "content": data}
    if part.file_data is not None:
        return {"type": "uri", **_describe_media(part.file_data.mime_type), "uri": part.file_data.file_uri}
    if part.function_call is not None:
        call = part.function_call
        return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.args}
    if part.function_response is not None:
        answer = part.function_response
        return {"type": "tool_call_response", "id": answer.id, "name": answer.name, "response": answer.response}
    kind = next((name for name in part.__struct_fields__ if getattr(part, name) is not None), "empty")
    return {"type": kind}


def _describe_media(mime_type: str | None) -> dict[str, str]:
    return {"mime_type": mime_type or "", "modality": (mime_type or "").partition("/")[0]}
