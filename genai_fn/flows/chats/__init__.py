"""
Chats: each turn is a flow that returns the answer and a new chat.

::

    chat = chats.start("gemini-2.5-flash")
    match run(chats.send(chat, "Why is the sky blue?") | text):
        case Success(turn): chat, answer = turn.chat, turn.answer
        case Failure(error): chat = chats.keep_rounds(chat, error)  # unchanged but for complete function calls
"""

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.flows.merge import merge_chunks
from genai_fn.flows.rounds import AnswerBoundary
from genai_fn.flows.turns import Chat, Turn, add_turn, select_curated
from genai_fn.ops.generate import GenerateContent, as_generate_config
from genai_fn.request import Action, Flow, FlowGenerator, FlowTraits, Request, Stream, flow, stream as streaming
from genai_fn.schema.content import Content, ContentLike
from genai_fn.schema.contents import as_contents
from genai_fn.schema.convert import as_struct
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.streams import stream_response
from genai_fn.wire.resource_names import check_model_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genai_fn.schema.config_dicts.generation import GenerateContentConfigLike
    from genai_fn.schema.foreign_values import GoogleGenaiValue

__all__ = ["Chat", "Turn", "history", "keep_rounds", "send", "start", "stream"]


def start(
    model: str,
    config: "GenerateContentConfigLike | None" = None,
    history: "Sequence[Content | Mapping[str, Any] | GoogleGenaiValue]" = (),
) -> Chat:
    """
    Create a chat, empty or with a history.

    Args:
        model: As in ``generate``.

        config: The config for every turn.

        history: Earlier turns. The model's turns without content are kept, but not sent to the model.

    Raises:
        InvalidRequest: If the model name is empty or invalid, ``history`` is not a list of contents with the roles
            ``user`` and ``model``, or a field of ``config`` is unknown or has the wrong type.

    >>> start("gemini-2.5-flash", {"temperature": 0.2}).config
    GenerateContentConfig(temperature=0.2)
    """
    if not isinstance(history, list | tuple):
        raise InvalidRequest("history", history, "a list of Contents, or of dicts of their fields")
    turns: Sequence[Any] = history
    contents = tuple(_parse_turn(each, f"history[{index}]") for index, each in enumerate(turns))
    converted = as_generate_config(config)
    return Chat(check_model_name(model), converted, contents, select_curated(contents))


def send(
    chat: Chat, message: "ContentLike", config: "GenerateContentConfigLike | None" = None
) -> Flow[Turn[GenerateContentResponse]]:
    """
    Send a message and return a `Turn`: the answer, and the chat that includes both.

    ``| calling(…)``, ``| text`` and ``| returning(…)`` apply to the answer and keep the chat; function calls become
    part of its history. After a failure, the old chat is still valid; `keep_rounds` adds the function calls that were
    complete.

    Args:
        chat: The chat to continue.

        message: One turn of the user: anything that ``generate`` takes as contents.

        config: Replaces the chat's config for this turn; ``| with_config(…)`` changes single fields.

    Raises:
        InvalidRequest: If the message is not one turn, or a field of ``config`` is unknown or has the wrong type.

    Fails with:
        GenaiError: As ``generate`` does.

    >>> send(start("gemini-2.5-flash"), "hi").source.operation.contents
    (Content(parts=(Part(text='hi'),), role='user'),)
    """
    turn = _parse_message(message)
    return Flow(run_turn, Request(_build_operation(chat, turn, config)), (chat, turn))


def stream(
    chat: Chat, message: "ContentLike", config: "GenerateContentConfigLike | None" = None
) -> Stream[Turn[GenerateContentResponse]]:
    """
    Send a message and stream the answer: each item is a `Turn` with a chunk of the answer, and the chat so far.

    The last item has the chat with the whole turn. ``| joined`` merges the items into one turn. An answer that is not
    finished is kept in the chat, but not sent to the model again.

    Args:
        chat: The chat to continue.

        message: One turn of the user: anything that ``generate`` takes as contents.

        config: Replaces the chat's config for this turn.

    Raises:
        InvalidRequest: If the message is not one turn, or a field of ``config`` is unknown or has the wrong type.

    Fails with:
        GenaiError: As ``generate`` does; the last item is the failure.

    >>> from genai_fn import Offline, joined
    >>> turn = Offline()(stream(start("gemini-2.5-flash"), "Why?") | joined).unwrap()
    >>> turn.answer.text
    'I am an offline model in place of gemini-2.5-flash: nothing was sent anywhere. You asked: “Why?”'
    >>> turn.chat
    <Chat with gemini-2.5-flash of 2 turns>
    >>> stream(turn.chat, 3)
    Traceback (most recent call last):
    genai_fn.errors.InvalidRequest: message: expected a Part or a dict of its fields, got 3
    """
    turn = _parse_message(message)
    chunks: Stream[GenerateContentResponse] = Stream(
        stream_response, Request(_build_operation(chat, turn, config).get_streaming_operation())
    )
    return Stream(stream_turn, chunks, (chat, turn))


def history(chat: Chat, curated: bool = False) -> tuple[Content, ...]:  # google-genai's parameter
    """
    List the turns of a chat.

    Args:
        chat: A chat.

        curated: Only the turns that are sent to the model: without those in which it returned no content.

    Returns:
        The contents, oldest first.

    >>> from genai_fn import Offline
    >>> chat = Offline()(send(start("gemini-2.5-flash"), "Why?")).unwrap().chat
    >>> [(content.role, content.parts[0].text[:12]) for content in history(chat)]
    [('user', 'Why?'), ('model', 'I am an offl')]
    """
    return chat.curated if curated else chat.comprehensive


def keep_rounds(chat: Chat, error: GenaiError) -> Chat:
    """
    Add to a chat the rounds of ``| calling(…)`` that were complete when a turn failed.

    The functions need not be called again: the next turn sends their results. If no round was complete, the chat is
    returned unchanged.

    Args:
        chat: The chat that the turn continued.

        error: The error of the turn.

    Raises:
        InvalidRequest: If the error belongs to a turn of another chat.

    >>> keep_rounds(start("gemini-2.5-flash"), GenaiError())
    <Chat with gemini-2.5-flash of 0 turns>
    """
    count = len(chat.curated)
    if error.calling_history[:count] != chat.curated[: len(error.calling_history)]:
        raise InvalidRequest("error", error, "the error of a turn of this chat")
    rounds: tuple[Content, ...] = error.calling_history[count:]
    return replace(chat, comprehensive=(*chat.comprehensive, *rounds), curated=(*chat.curated, *rounds))


@streaming(traits=FlowTraits(spawns=False, passes_calling=True))
def stream_turn(source: Stream[GenerateContentResponse], chat: Chat, message: Content) -> FlowGenerator[None]:
    """Emit the chunks of an answer, each with the chat up to it."""
    reader, boundary, answer = StreamReader(source), AnswerBoundary(), GenerateContentResponse()
    while (item := (yield from reader.read_next())) is not None:
        if isinstance(item, Failure):
            yield from emit(item)
            return
        chunk = item.unwrap()
        answer = chunk if boundary.starts_answer(chunk) else merge_chunks((answer, chunk))
        yield from emit(Success(Turn(add_turn(chat, message, answer, is_finished=_is_finished(answer)), chunk)))


@flow(traits=FlowTraits(streamed_builder=stream_turn, passes_calling=True, reads_result=True))
def run_turn(
    source: Action[GenerateContentResponse], chat: Chat, message: Content
) -> FlowGenerator[Result[Turn[GenerateContentResponse], GenaiError]]:
    """Run the request and add the turn to the chat."""
    result = yield from attempt(source)
    if isinstance(result, Failure):
        return result
    response = result.unwrap()
    return Success(Turn(add_turn(chat, message, response), response))


def _is_finished(response: GenerateContentResponse) -> bool:
    return bool(response.candidates) and response.candidates[0].finish_reason is not None


def _build_operation(chat: Chat, message: Content, config: "GenerateContentConfigLike | None") -> GenerateContent:
    if not isinstance(chat, Chat):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("chat", chat, "a Chat: turn.chat of a Turn" if isinstance(chat, Turn) else "a Chat")
    converted = chat.config if config is None else as_generate_config(config)
    return GenerateContent(model=chat.model, contents=(*chat.curated, message), config=converted)


def _parse_message(message: "ContentLike") -> Content:
    turns = as_contents(message, "message")
    if len(turns) != 1:
        raise InvalidRequest("message", message, "one turn")
    return _parse_turn(replace(turns[0], role=turns[0].role or "user"), "message")


def _parse_turn(content: Any, path: str) -> Content:
    converted = as_struct(Content, content, path)
    if converted.role not in ("user", "model"):
        raise InvalidRequest(f"{path}.role", converted.role, "user or model")
    return converted
