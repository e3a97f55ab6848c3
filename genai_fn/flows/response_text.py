"""The text of answers, and why there is none."""

from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.errors import GenaiError, NoText
from genai_fn.flows.turns import Turn, get_answer, replace_answer
from genai_fn.request import Action, FlowGenerator, FlowTraits, Stream, flow, stream
from genai_fn.schema import Candidate, GenerateContentResponse, GenerateContentResponsePromptFeedback

__all__ = ["build_no_text_error", "get_text", "stream_texts"]


@flow
def get_text(source: Action[GenerateContentResponse]) -> FlowGenerator[Result[str, GenaiError]]:
    """Give an answer's text, or say why it has none."""
    result = yield from attempt(source)
    if isinstance(result, Failure):
        return result
    response: GenerateContentResponse = get_answer(result.unwrap())
    said = response.text
    return Failure(build_no_text_error(response)) if said is None else Success(replace_answer(result.unwrap(), said))


@stream(traits=FlowTraits(spawns=False))
def stream_texts(source: Stream[GenerateContentResponse]) -> FlowGenerator[None]:
    """Give the texts of the first candidate as they come; if none came at all, say why."""
    reading = StreamReader(source)
    last: GenerateContentResponse | None = None
    is_silent = True
    while (item := (yield from reading.read_next())) is not None:
        if isinstance(item, Failure):
            yield from emit(item)
            return
        response: GenerateContentResponse = get_answer(item.unwrap())
        last, said = response, response.text if _has_first_candidate(response) else None
        is_silent = is_silent and not said
        if said or isinstance(item.unwrap(), Turn):  # a chat goes on where nothing is said, too
            yield from emit(Success(replace_answer(item.unwrap(), said or "")))
    if is_silent:
        yield from emit(Failure(build_no_text_error(last)))


def build_no_text_error(response: GenerateContentResponse | None) -> NoText:
    """Say why a response has no text, as far as the server did."""
    if response is None:
        return NoText()
    first = response.candidates[0] if response.candidates else Candidate()
    feedback = response.prompt_feedback or GenerateContentResponsePromptFeedback()
    return NoText(
        finish_reason=first.finish_reason and str(first.finish_reason),
        block_reason=feedback.block_reason and str(feedback.block_reason),
        safety_ratings=first.safety_ratings or feedback.safety_ratings,
        message=first.finish_message or feedback.block_reason_message or "",
    )


def _has_first_candidate(response: GenerateContentResponse) -> bool:
    return bool(response.candidates) and not response.candidates[0].index
