"""
Chats: each turn is one more description, and answers with a chat of its own.

::

    chat = chats.start("gemini-2.5-flash")
    match run(chats.send(chat, "Why is the sky blue?") | text):
        case Success(turn): chat, answer = turn.chat, turn.answer
        case Failure(error): ...                                   # and the chat is as it was
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.flows.merge import merge_pieces
from genai_fn.flows.turns import Chat, Turn, add_turn, select_curated
from genai_fn.ops.generate import GenerateContent
from genai_fn.request import Action, Flow, FlowGenerator, FlowTraits, Request, Stream, flow
from genai_fn.request import stream as streaming
from genai_fn.schema import Content, GenerateContentConfig, GenerateContentResponse
from genai_fn.schema.content import ContentLike
from genai_fn.schema.contents import as_contents
from genai_fn.schema.convert import as_struct
from genai_fn.streams import stream_response
from genai_fn.wire.resource_names import check_model_name

__all__ = ["Chat", "Turn", "history", "run_turn", "send", "start", "stream", "stream_turn"]


def start(
    model: str,
    config: GenerateContentConfig | Mapping[str, Any] | None = None,
    history: Sequence[Content | Mapping[str, Any]] = (),
) -> Chat:
    """
    Begin a conversation, or go on with one.

    Args:
        model: As in `generate`.

        config: For every turn.

        history: What was said before; turns of the model's that say nothing are kept and not shown to it again.

    >>> start("gemini-2.5-flash", {"temperature": 0.2}).config
    GenerateContentConfig(temperature=0.2)
    """
    if not isinstance(history, list | tuple):
        raise InvalidRequest("history", history, "a list of Contents, or of dicts of their fields")
    turns: Sequence[Content | Mapping[str, Any]] = history
    said = tuple(_parse_turn(each, f"history[{index}]") for index, each in enumerate(turns))
    settled = as_struct(GenerateContentConfig, config)
    return Chat(check_model_name(model), settled, said, select_curated(said))


def send(
    chat: Chat, message: ContentLike, config: GenerateContentConfig | Mapping[str, Any] | None = None
) -> Flow[Turn[GenerateContentResponse]]:
    """
    Say something, and answer with a `Turn`: the answer, and the chat with both in it.

    ``| calling(…)``, ``| text``, ``| returning(…)`` work on the answer and keep the chat; what functions were called
    is part of its history. After a failure, the chat that was there is there still.

    Args:
        message: Anything that stands for one turn, as in `generate`.

        config: In place of the chat's, for this turn; ``| with_config(…)`` changes single fields.

    >>> send(start("gemini-2.5-flash"), "hi").source.operation.contents
    (Content(parts=(Part(text='hi'),), role='user'),)
    """
    said = _parse_message(message)
    return Flow(run_turn, Request(_build_operation(chat, said, config)), (chat, said))


def stream(
    chat: Chat, message: ContentLike, config: GenerateContentConfig | Mapping[str, Any] | None = None
) -> Stream[Turn[GenerateContentResponse]]:
    """
    Say something, and get the answer as it is written: of each `Turn`, the answer is a piece, the chat is all so far.

    The last chat is that of the whole turn; a model is not shown a turn again whose answer did not come to its end.
    ``| joined`` makes one turn of them.

    Args:
        message: Anything that stands for one turn, as in `generate`.

        config: In place of the chat's, for this turn.
    """
    said = _parse_message(message)
    pieces: Stream[GenerateContentResponse] = Stream(
        stream_response, Request(_build_operation(chat, said, config).get_streaming_operation())
    )
    return Stream(stream_turn, pieces, (chat, said))


def history(chat: Chat, curated: bool = False) -> tuple[Content, ...]:  # noqa: FBT001, FBT002  # google-genai's parameter
    """
    List the turns of a chat.

    Args:
        curated: Only those that the model is shown again: not those in which it said nothing.
    """
    return chat.curated if curated else chat.comprehensive


@streaming(traits=FlowTraits(spawns=False, passes_calling=True))
def stream_turn(source: Stream[GenerateContentResponse], chat: Chat, message: Content) -> FlowGenerator[None]:
    """Give piece by piece of an answer, each with what was said up to there."""
    reading, whole = StreamReader(source), GenerateContentResponse()
    while (item := (yield from reading.read_next())) is not None:
        if isinstance(item, Failure):
            yield from emit(item)
            return
        piece = item.unwrap()
        whole = merge_pieces((whole, piece)) if _is_same_answer(whole, piece) else piece
        yield from emit(Success(Turn(add_turn(chat, message, whole, is_finished=_is_finished(whole)), piece)))


@flow(traits=FlowTraits(streamed_builder=stream_turn, passes_calling=True))
def run_turn(
    source: Action[GenerateContentResponse], chat: Chat, message: Content
) -> FlowGenerator[Result[Turn[GenerateContentResponse], GenaiError]]:
    """Answer, and record what was said."""
    result = yield from attempt(source)
    if isinstance(result, Failure):
        return result
    response = result.unwrap()
    return Success(Turn(add_turn(chat, message, response), response))


def _is_same_answer(whole: GenerateContentResponse, piece: GenerateContentResponse) -> bool:
    """Tell whether a piece belongs to the same answer: after functions were called, another begins."""
    has_called = bool(whole.function_calls) and _is_finished(whole) and bool(piece.candidates)
    return not has_called and whole.automatic_function_calling_history == piece.automatic_function_calling_history


def _is_finished(response: GenerateContentResponse) -> bool:
    return bool(response.candidates) and response.candidates[0].finish_reason is not None


def _build_operation(
    chat: Chat, message: Content, config: GenerateContentConfig | Mapping[str, Any] | None
) -> GenerateContent:
    settled = chat.config if config is None else as_struct(GenerateContentConfig, config)
    return GenerateContent(model=chat.model, contents=(*chat.curated, message), config=settled)


def _parse_message(message: ContentLike) -> Content:
    turns = as_contents(message, "message")
    if len(turns) != 1:
        raise InvalidRequest("message", message, "one turn")
    return _parse_turn(replace(turns[0], role=turns[0].role or "user"), "message")


def _parse_turn(content: Content | Mapping[str, Any], path: str) -> Content:
    settled = as_struct(Content, content, path)
    if settled.role not in ("user", "model"):
        raise InvalidRequest(f"{path}.role", settled.role, "user or model")
    return settled
