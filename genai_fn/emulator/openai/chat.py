"""Chat completions: handles ``chat/completions`` with the model of ``generateContent``."""

from genai_fn import codec
from genai_fn.emulator.contents.generation import generate_answer
from genai_fn.emulator.openai.chat_options import get_google_options
from genai_fn.emulator.openai.chat_prompts import build_generate_request
from genai_fn.emulator.openai.chat_requests import EmulatedChatRequest, VertexChatRequest
from genai_fn.emulator.openai.chat_responses import build_chunks, build_completion
from genai_fn.emulator.openai.errors import format_error_response
from genai_fn.emulator.server.faults import build_fault_response, make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.http import HttpResponse


def _complete_chat(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    chat = parse_body(request, VertexChatRequest if request.is_vertex else EmulatedChatRequest)
    if not chat.model:
        raise make_invalid_argument("model is not specified")
    body, model = build_generate_request(chat), get_model_id(chat.model)
    tag = get_google_options(chat).thought_tag_marker or "thought"
    answer = generate_answer(state, request, model, body)
    if not chat.stream:
        return state, build_json_response(build_completion(answer.build_response(), chat.model, tag, request.now))
    has_usage = bool(chat.stream_options and chat.stream_options.include_usage)
    chunks = build_chunks(answer.build_chunks(), chat.model, tag, request.now, has_usage=has_usage)
    events = [codec.encode(each) for each in chunks]
    if answer.fault is not None:
        events.append(format_error_response(request.path, build_fault_response(answer.fault)).body)
    elif not answer.scripted.drop:
        events.append(b"[DONE]")
    stream = b"".join(b"data: " + each + b"\n\n" for each in events)
    return state, HttpResponse(200, (("content-type", "text/event-stream"),), stream)


def get_model_id(model: str) -> str:
    """
    Return the id of a model.

    >>> get_model_id("models/gemini-2.5-flash"), get_model_id("google/gemini-2.5-flash")
    ('gemini-2.5-flash', 'gemini-2.5-flash')
    """
    return model.rpartition("/")[2]


ROUTES = (
    ("POST", "openai/chat/completions", _complete_chat),
    ("POST", "openai/v1/chat/completions", _complete_chat),
    ("POST", "chat/completions", _complete_chat),
    ("POST", "projects/*/locations/*/endpoints/openapi/chat/completions", _complete_chat),
)
"""The service accepts the path without ``openai``, and with a second version, too."""
