"""Answers of the fake model: a function call, media, or a text that may be JSON and may cite what was found."""

from typing import Any

from msgspec.structs import replace

from genai_fn import codec
from genai_fn.emulator.contents.answers import CandidateDraft
from genai_fn.emulator.contents.prompts import ResolvedPrompt
from genai_fn.emulator.fake_model.function_calls import add_call_ids, build_call, build_signature
from genai_fn.emulator.fake_model.media import build_image, build_speech
from genai_fn.emulator.fake_model.replies import build_json_reply, build_reply, find_question
from genai_fn.emulator.fake_model.schema_values import UnreadableSchema, build_value
from genai_fn.emulator.fake_model.tokenizer import join_chunks, split_tokens
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.emulator.stores.retrieval import add_grounding_supports, search_stores, search_web
from genai_fn.schema.content import Part
from genai_fn.schema.functions import FunctionCall
from genai_fn.schema.generation import Modality
from genai_fn.schema.grounding import GroundingMetadata
from genai_fn.schema.responses import FinishReason


def build_fake_drafts(
    state: EmulatorState, prompt: ResolvedPrompt, model: str, response_id: str
) -> tuple[CandidateDraft, ...]:
    """
    Build the candidates of the fake model.

    Raises:
        EmulatedFault: If a schema is invalid, or a store does not exist.
    """
    indices, call = range(prompt.request.generation_config.candidate_count or 1), _build_function_call(prompt)
    if call is not None:
        return tuple(_build_call_draft(call, f"{response_id} {index}") for index in indices)
    if Modality.AUDIO in _get_modalities(prompt, model):
        return tuple(_build_audio_draft(_get_seed_text(prompt), index) for index in indices)
    grounding = _find_grounding(state, prompt)
    drafts = (_build_text_draft(_generate_text(model, prompt, each, grounding), prompt) for each in indices)
    return tuple(
        _finish_draft(draft, prompt, model, grounding, f"{response_id} {index}") for index, draft in enumerate(drafts)
    )


def _build_function_call(prompt: ResolvedPrompt) -> FunctionCall | None:
    """Build a function call in mode ``ANY``; None in other modes."""
    request = prompt.request
    try:
        return build_call(request.tools or (), request.tool_config, _get_seed_text(prompt), prompt.contents)
    except UnreadableSchema as error:
        raise make_invalid_argument(f"The parameters of a function are invalid ({error}).") from None


def _build_call_draft(call: FunctionCall, seed: str) -> CandidateDraft:
    parts = add_call_ids([call], seed)
    return CandidateDraft(parts=parts, chunks=(parts,))


def _build_audio_draft(text: str, index: int) -> CandidateDraft:
    part = Part(inline_data=build_speech(f"{text} {index}" if index else text))
    return CandidateDraft(parts=(part,), chunks=((part,),))


def _get_modalities(prompt: ResolvedPrompt, model: str) -> tuple[Modality, ...]:
    """Return the requested modalities; image models add an image where none are requested."""
    default = (Modality.TEXT, Modality.IMAGE) if "-image" in model else (Modality.TEXT,)
    return prompt.request.generation_config.response_modalities or default


def _get_seed_text(prompt: ResolvedPrompt) -> str:
    """Return the text to use for strings in function arguments and in values of a schema: the question."""
    return find_question(prompt.contents) or "offline"


def _find_grounding(state: EmulatorState, prompt: ResolvedPrompt) -> GroundingMetadata | None:
    """Search the stores of the tools, or the web; return the result of the first tool that finds anything."""
    question, tools = find_question(prompt.contents), prompt.request.tools or ()
    searched = (search_stores(state, tool, question) or search_web(tool, question) for tool in tools)
    return next((each for each in searched if each is not None), None)


def _generate_text(model: str, prompt: ResolvedPrompt, index: int, grounding: GroundingMetadata | None) -> str:
    config, contents, system = prompt.request.generation_config, prompt.contents, prompt.request.system_instruction
    schema = config.response_json_schema
    if config.response_schema is not None:
        schema = codec.to_builtins(config.response_schema)
    if schema is not None:
        value = _build_schema_value(schema, _get_seed_text(prompt))
        is_enum = config.response_mime_type == "text/x.enum" and isinstance(value, str)
        return value if is_enum else _encode_json_text(value)
    if config.response_mime_type == "application/json":
        return _encode_json_text(build_json_reply(model, contents, system))
    text = build_reply(model, contents, system, [] if grounding is None else _list_passages(grounding))
    return f"{text} This is answer {index + 1}." if index else text


def _list_passages(grounding: GroundingMetadata) -> list[str]:
    chunks = (each.retrieved_context for each in grounding.grounding_chunks)
    return [each.text for each in chunks if each is not None and each.text]


def _build_schema_value(schema: Any, text: str) -> Any:
    try:
        return build_value(schema, text)
    except UnreadableSchema as error:
        raise make_invalid_argument(f"The response schema is invalid ({error}).") from None


def _encode_json_text(value: Any) -> str:
    return codec.encode(value).decode()


def _build_text_draft(text: str, prompt: ResolvedPrompt) -> CandidateDraft:
    """Build a candidate from a text, cut at the first stop sequence and at the token limit."""
    config = prompt.request.generation_config
    stops = [at for stop in config.stop_sequences or () if stop and (at := text.find(stop)) >= 0]
    tokens = split_tokens(text[: min(stops)] if stops else text)
    limit = config.max_output_tokens
    is_too_long = limit is not None and len(tokens) > limit
    tokens = tokens[:limit]
    text = "".join(tokens)
    return CandidateDraft(
        parts=(Part(text=text),) if text else (),
        chunks=tuple((Part(text=each),) for each in join_chunks(tokens)),
        finish_reason=FinishReason.MAX_TOKENS if is_too_long else FinishReason.STOP,
    )


def _finish_draft(
    draft: CandidateDraft, prompt: ResolvedPrompt, model: str, grounding: GroundingMetadata | None, seed: str
) -> CandidateDraft:
    """Add what accompanies a text: sources, the signature of its thoughts, and an image."""
    text = "".join(part.text or "" for part in draft.parts)
    if grounding is not None:
        draft = replace(draft, grounding=add_grounding_supports(grounding, text))
    if model.startswith("gemini-3") and text:
        signature = build_signature(seed)
        *chunks, (last,) = draft.chunks
        draft = replace(
            draft,
            parts=(replace(draft.parts[0], thought_signature=signature),),
            chunks=(*chunks, (replace(last, thought_signature=signature),)),
        )
    if Modality.IMAGE not in _get_modalities(prompt, model):
        return draft
    image = (Part(inline_data=build_image(f"{find_question(prompt.contents)} {seed}", _get_ratio(prompt))),)
    return replace(draft, parts=(*draft.parts, *image), chunks=(*draft.chunks, image))


def _get_ratio(prompt: ResolvedPrompt) -> str:
    config = prompt.request.generation_config.image_config
    return (config and config.aspect_ratio) or "1:1"
