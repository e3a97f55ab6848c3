"""Converts requests of ``chat/completions`` to requests of ``generateContent``."""

import re
from base64 import b64decode
from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final, cast

from genai_fn import codec
from genai_fn.emulator.contents.prompts import EmulatedGenerateRequest
from genai_fn.emulator.openai.chat_options import (
    build_generation_config,
    build_tool_config,
    build_tools,
    get_google_options,
)
from genai_fn.emulator.openai.chat_requests import ChatRequestMessage, ChatToolCall, EmulatedChatRequest
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.schema.content import Blob, Content, FileData, Part
from genai_fn.schema.functions import FunctionCall, FunctionResponse


def build_generate_request(chat: EmulatedChatRequest) -> EmulatedGenerateRequest:
    """
    Convert a request.

    Raises:
        EmulatedFault: If a message, a tool or an option is invalid.
    """
    messages, options = chat.messages or (), get_google_options(chat)
    system = [part for each in messages if each.role in _SYSTEM_ROLES for part in _build_parts(each)]
    return EmulatedGenerateRequest(
        contents=_build_contents(messages) or None,
        system_instruction=Content(parts=tuple(system)) if system else None,
        generation_config=build_generation_config(chat),
        tools=build_tools(chat.tools or ()),
        tool_config=build_tool_config(chat.tool_choice),
        cached_content=options.cached_content,
        safety_settings=options.safety_settings,
    )


_SYSTEM_ROLES = ("system", "developer")


def _build_contents(messages: tuple[ChatRequestMessage, ...]) -> tuple[Content, ...]:
    """Convert the messages besides the system's. Consecutive tool results are one turn."""
    function_names = {call.id: call.function.name for each in messages for call in each.tool_calls or ()}
    contents: list[Content] = []
    turns = (each for each in messages if each.role not in _SYSTEM_ROLES)
    for role, group in groupby(turns, key=lambda each: each.role):
        if role == "tool":
            path = f"* GenerateContentRequest.contents[{len(contents)}].parts"
            parts = [
                _build_function_response(each, function_names, f"{path}[{index}]") for index, each in enumerate(group)
            ]
            contents.append(Content(parts=tuple(parts), role="user"))
        elif role in _ROLES:
            contents += (Content(parts=tuple(_build_parts(each)), role=_ROLES[role]) for each in group)
        else:
            raise make_invalid_argument(f"Invalid role: {role}")
    return tuple(contents)


_ROLES: Final[Mapping[str | None, str]] = {"user": "user", "assistant": "model"}


def _build_parts(message: ChatRequestMessage) -> list[Part]:
    parts = [_build_part(each, message.role) for each in _list_content_parts(message.content)]
    calls = [_build_function_call(each) for each in message.tool_calls or ()]
    return [each for each in parts if each.text != ""] + calls


def _list_content_parts(content: Any) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    parts: list[Any] = cast("Any", content) if isinstance(content, list) else [] if content is None else [content]
    if not all(isinstance(each, Mapping) for each in parts):
        raise make_invalid_argument("The content of a message must be a text or a list of content parts.")
    return parts


def _build_part(part: Mapping[str, Any], role: str | None) -> Part:
    match part:
        case {"type": "text", "text": str(text)}:
            return Part(text=text)
        case {"type": "image_url", "image_url": {"url": str(url)}} if role == "user":
            return _build_image_part(url)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(kind)}} if role == "user":
            return Part(inline_data=Blob(data=_decode_base64(data), mime_type=f"audio/{kind}"))
        case _:
            raise make_invalid_argument(f"Invalid content part type: {part.get('type')}")


def _build_image_part(url: str) -> Part:
    found = _DATA_URI_PATTERN.fullmatch(url)
    if found is not None:
        return Part(inline_data=Blob(data=_decode_base64(found[2]), mime_type=found[1]))
    if not url.startswith(("https://", "gs://")):
        raise make_invalid_argument(f"Invalid or unsupported file uri: {url}")
    return Part(file_data=FileData(file_uri=url))


_DATA_URI_PATTERN = re.compile(r"data:([^;,]+)(?:;[^;,]+)*;base64,(.*)", re.DOTALL)


def _decode_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise make_invalid_argument("Base64 decoding failed for a content part.") from None


def _build_function_call(call: ChatToolCall) -> Part:
    google = call.extra_content and call.extra_content.google
    args = _parse_object(call.function.arguments or "{}")
    if args is None:
        raise make_invalid_argument("The arguments of a function call must be a JSON object.")
    return Part(
        function_call=FunctionCall(id=call.id or None, name=call.function.name, args=args),
        thought_signature=google.thought_signature if google else None,
    )


def _parse_object(text: str) -> dict[str, Any] | None:
    """Return the object that a text contains as JSON; None if it contains none."""
    try:
        return codec.decode(text, dict[str, Any], max_depth=codec.MAX_DEPTH)
    except ValueError:
        return None


def _build_function_response(
    message: ChatRequestMessage, function_names: Mapping[str | None, str | None], path: str
) -> Part:
    name = message.name or function_names.get(message.tool_call_id)
    if not name:
        raise make_invalid_argument(f"{path}.function_response.name: Name cannot be empty.")
    text = "".join(each.text or "" for each in _build_parts(message))
    tree = _parse_object(text)
    response = {"result": text} if tree is None else tree
    return Part(function_response=FunctionResponse(id=message.tool_call_id or None, name=name, response=response))
