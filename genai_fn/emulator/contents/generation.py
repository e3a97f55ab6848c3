"""Content generation: handles ``generateContent`` and ``streamGenerateContent``."""

from msgspec.structs import replace

from genai_fn import codec
from genai_fn.emulator.contents.answers import GeneratedAnswer
from genai_fn.emulator.contents.fake_answers import build_fake_drafts
from genai_fn.emulator.contents.prompts import EmulatedGenerateRequest, resolve_prompt
from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.scripts.answers import apply_script
from genai_fn.emulator.scripts.progress import PromptSummary
from genai_fn.emulator.server.faults import build_fault_response
from genai_fn.emulator.server.model_paths import MODEL_PATHS
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import JSON_HEADERS, build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.http import HttpResponse
from genai_fn.schema.responses import GenerateContentResponse


def generate_response(
    state: EmulatorState, request: EmulatedRequest, model: str, body: EmulatedGenerateRequest
) -> GenerateContentResponse:
    """
    Generate the whole response to a request, sent alone or in a batch.

    Raises:
        EmulatedFault: If the request is invalid, refers to a cache, file or store that does not exist, or a script
            answers it with an error.
    """
    return generate_answer(state, request, model, body).build_response()


def generate_answer(
    state: EmulatorState, request: EmulatedRequest, model: str, body: EmulatedGenerateRequest
) -> GeneratedAnswer:
    """
    Generate an answer: that of the script, if the emulator has one, otherwise that of the fake model.

    Raises:
        EmulatedFault: If the request is invalid, or a script answers it with an error alone.
    """
    prompt = resolve_prompt(state, request, model, body)
    seed = f"{model}\n".encode("utf-8", "replace") + codec.encode(body)
    answer = GeneratedAnswer(prompt=prompt, model=model, response_id=compute_digest(seed, 11).hex())
    summary = PromptSummary(model, request.path, prompt.contents, prompt.request.system_instruction, prompt.request)
    scripted = request.script.take_answer(summary)
    if scripted is None:
        return replace(answer, drafts=build_fake_drafts(state, prompt, model, answer.response_id))
    return apply_script(answer, scripted)


def _generate_content(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``generateContent``."""
    body = parse_body(request, EmulatedGenerateRequest)
    return state, build_json_response(generate_response(state, request, request.path_params["model"], body))


def _stream_generate_content(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """
    Handle ``streamGenerateContent``: server-sent events, or one JSON array without ``alt=sse``.

    An error after some chunks is bare JSON after the events, or the last item of the array.
    """
    body = parse_body(request, EmulatedGenerateRequest)
    answer = generate_answer(state, request, request.path_params["model"], body)
    chunks = answer.build_chunks()
    errors = [] if answer.fault is None else [build_fault_response(answer.fault).body]
    if request.query.get("alt") != "sse":
        array = b"[" + b",\r\n".join([*map(codec.encode, chunks), *errors]) + b"]"
        return state, HttpResponse(200, JSON_HEADERS, array)
    events = b"".join(b"data: " + codec.encode(each) + b"\r\n\r\n" for each in chunks)
    ending = b"".join(each + b"\r\n" for each in errors)
    return state, HttpResponse(200, (("content-type", "text/event-stream"),), events + ending)


ROUTES = (
    *(("POST", f"{model}:generateContent", _generate_content) for model in MODEL_PATHS),
    *(("POST", f"{model}:streamGenerateContent", _stream_generate_content) for model in MODEL_PATHS),
)
