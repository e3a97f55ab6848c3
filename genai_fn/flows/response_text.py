"""The text of a response, or the reason why there is none."""

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.errors import GenaiError, InvalidRequest, NoText
from genai_fn.flows.turns import Turn, get_answer, replace_answer
from genai_fn.request import Action, FlowGenerator, FlowTraits, Stream, flow, stream
from genai_fn.schema.responses import Candidate, GenerateContentResponse, GenerateContentResponsePromptFeedback


@flow(traits=FlowTraits(reads_result=True))
def read_text(source: Action[GenerateContentResponse]) -> FlowGenerator[Result[str, GenaiError]]:
    """Run an action, and return the text of its response, or ``NoText`` with the reason."""
    result = yield from attempt(source)
    if isinstance(result, Failure):
        return result
    response: GenerateContentResponse = get_answer(result.unwrap())
    if not isinstance(response, GenerateContentResponse):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("text", response, "a GenerateContentResponse before it")
    text = response.text
    return Failure(build_no_text_error(response)) if text is None else Success(replace_answer(result.unwrap(), text))


@stream(traits=FlowTraits(spawns=False))
def stream_texts(source: Stream[GenerateContentResponse]) -> FlowGenerator[None]:
    """Emit the text of the first candidate in chunks; if there was no text at all, emit ``NoText``."""
    reader = StreamReader(source)
    last: GenerateContentResponse | None = None
    has_no_text = True
    while (item := (yield from reader.read_next())) is not None:
        if isinstance(item, Failure):
            yield from emit(item)
            return
        response: GenerateContentResponse = get_answer(item.unwrap())
        last, text = response, select_first_candidate(response).text
        has_no_text = has_no_text and text is None
        if text or isinstance(item.unwrap(), Turn):  # each turn of a chat is emitted, even without text
            yield from emit(Success(replace_answer(item.unwrap(), text or "")))
    if has_no_text:
        yield from emit(Failure(build_no_text_error(last)))


def build_no_text_error(response: GenerateContentResponse | None) -> NoText:
    """Build the error for a response without text, with the reasons that the server states."""
    if response is None:
        return NoText()
    candidate = response.candidates[0] if response.candidates else Candidate()
    feedback = response.prompt_feedback or GenerateContentResponsePromptFeedback()
    return NoText(
        finish_reason=candidate.finish_reason and str(candidate.finish_reason),
        block_reason=feedback.block_reason and str(feedback.block_reason),
        safety_ratings=candidate.safety_ratings or feedback.safety_ratings,
        message=candidate.finish_message or feedback.block_reason_message or "",
    )


def select_first_candidate(chunk: GenerateContentResponse) -> GenerateContentResponse:
    """Return a chunk with the candidate of index 0 alone; without any if it has only others."""
    first = tuple(each for each in chunk.candidates if not each.index)
    return chunk if len(first) == len(chunk.candidates) else replace(chunk, candidates=first)
