"""The text of answers, and why there is none."""

from returns.result import Failure, Result, Success

from genai_fn.errors import GenaiError, NoText
from genai_fn.flows.turns import Turn, answer_in, with_answer
from genai_fn.request import Action, Steps, Stream, flow, stream
from genai_fn.schema import Candidate, GenerateContentResponse, GenerateContentResponsePromptFeedback
from genai_fn.steps import Reading, attempt, emit

__all__ = ["no_text", "text_of", "texts_of"]


@flow
def text_of(source: Action[GenerateContentResponse]) -> Steps[Result[str, GenaiError]]:
    """Give an answer's text, or say why it has none."""
    result = yield from attempt(source)
    if isinstance(result, Failure):
        return result
    response: GenerateContentResponse = answer_in(result.unwrap())
    said = response.text
    return Failure(no_text(response)) if said is None else Success(with_answer(result.unwrap(), said))


@stream
def texts_of(source: Stream[GenerateContentResponse]) -> Steps[None]:
    """Give the texts of the first candidate as they come; if none came at all, say why."""
    reading = Reading(source)
    last: GenerateContentResponse | None = None
    is_silent = True
    while (item := (yield from reading.next())) is not None:
        if isinstance(item, Failure):
            yield from emit(item)
            return
        response: GenerateContentResponse = answer_in(item.unwrap())
        last, said = response, response.text if _is_of_first(response) else None
        is_silent = is_silent and not said
        if said or isinstance(item.unwrap(), Turn):  # a chat goes on where nothing is said, too
            yield from emit(Success(with_answer(item.unwrap(), said or "")))
    if is_silent:
        yield from emit(Failure(no_text(last)))


def no_text(response: GenerateContentResponse | None) -> NoText:
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


def _is_of_first(response: GenerateContentResponse) -> bool:
    return bool(response.candidates) and not response.candidates[0].index
