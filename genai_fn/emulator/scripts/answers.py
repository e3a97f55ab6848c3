"""Converts what a script contains to an answer of the model: candidates, or an error."""

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.emulator.contents.answers import CandidateDraft, GeneratedAnswer
from genai_fn.emulator.fake_model.function_calls import add_call_ids
from genai_fn.emulator.fake_model.tokenizer import join_chunks, split_tokens
from genai_fn.emulator.scripts.script import ScriptedAnswer, ScriptedError
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.standard_errors import make_standard_error
from genai_fn.http import HttpResponse
from genai_fn.schema.content import Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.responses import FinishReason


def apply_script(answer: GeneratedAnswer, scripted: ScriptedAnswer) -> GeneratedAnswer:
    """
    Fill an answer with what the script contains.

    Raises:
        EmulatedFault: If the script contains nothing but an error.
    """
    draft = _build_draft(scripted, f"{answer.response_id} {scripted!r}")
    fault = None if scripted.error is None else _build_fault(scripted.error)
    if fault is not None and not draft.chunks:
        raise fault
    return replace(answer, drafts=() if scripted.block is not None else (draft,), scripted=scripted, fault=fault)


def _build_draft(answer: ScriptedAnswer, seed: str) -> CandidateDraft:
    """
    Build the candidate of an answer; the IDs and signatures of its calls are derived from `seed`.

    >>> _build_draft(ScriptedAnswer(text=("It ", "rains.")), "").parts
    (Part(text='It rains.'),)
    """
    texts = _list_text_chunks(answer)
    text = (Part(text="".join(texts)),) if texts else ()
    calls = add_call_ids([FunctionCall(name=each.name, args=each.args, id=each.id) for each in answer.calls], seed)
    chunks = [*((each,) for each in answer.parts), *((Part(text=each),) for each in texts), *([calls] if calls else [])]
    return CandidateDraft(
        parts=(*answer.parts, *text, *calls),
        chunks=tuple(chunks),
        finish_reason=answer.finish or FinishReason.STOP,
    )


def _list_text_chunks(answer: ScriptedAnswer) -> tuple[str, ...]:
    """List the chunks of the text; a text in one piece is split as the fake model's texts are."""
    if isinstance(answer.text, tuple):
        return answer.text
    text = answer.text if answer.json is UNSET else codec.encode(answer.json).decode()
    return join_chunks(split_tokens(text or ""))


def _build_fault(error: ScriptedError) -> EmulatedFault:
    """
    Build the error of a script.

    >>> _build_fault(ScriptedError(status=503, message="Busy.")).message
    'Busy.'
    """
    standard = make_standard_error(error.status, error.retry)
    response = None if error.body is UNSET else _build_body(error.status, error.body)
    message = standard.message if error.message is None else error.message
    details = (*standard.details, *error.details)
    return EmulatedFault(error.status, standard.status, message, details, response=response)


def _build_body(status: int, body: Any) -> HttpResponse:
    if not isinstance(body, str):
        return build_json_response(body, status)
    kind = "html" if body.lstrip().startswith("<") else "plain"
    return HttpResponse(status, (("content-type", f"text/{kind}; charset=UTF-8"),), body.encode("utf-8", "replace"))
