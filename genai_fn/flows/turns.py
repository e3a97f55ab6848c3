"""Chats as values: the history, the part of it that the model receives, and a response with its chat."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeVar

from msgspec.structs import replace
from typing_extensions import TypeIs

from genai_fn.schema.content import Content, Part
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.values import Value

T_co = TypeVar("T_co", covariant=True)


class Chat(Value):
    """
    A conversation with a model: its config and its history.

    It is immutable: each turn returns a new chat, so a chat can be continued any number of times.

    >>> from genai_fn import Offline, chats
    >>> run, chat = Offline(), chats.start("gemini-2.5-flash")
    >>> first = run(chats.send(chat, "hi")).unwrap()
    >>> second = run(chats.send(first.chat, "Why?")).unwrap()
    >>> [len(chats.history(each)) for each in (chat, first.chat, second.chat)]
    [0, 2, 4]
    """

    model: str
    config: GenerateContentConfig = GenerateContentConfig()
    comprehensive: tuple[Content, ...] = ()
    """All turns."""
    curated: tuple[Content, ...] = ()
    """The turns that are sent to the model: without those in which it returned no content."""

    def __repr__(self) -> str:
        count, curated = len(self.comprehensive), len(self.curated)
        suffix = "" if curated == count else f", {curated} of them curated"
        return f"<Chat with {self.model} of {count} turns{suffix}>"


class Turn(Value, Generic[T_co]):
    """
    A response, and the chat that includes this turn.

    >>> from genai_fn import Offline, chats
    >>> turn = Offline()(chats.send(chats.start("gemini-2.5-flash"), "hi")).unwrap()
    >>> turn.answer.text.startswith("I am"), len(chats.history(turn.chat))
    (True, 2)
    """

    chat: Chat
    answer: T_co


def get_answer(value: Any) -> Any:
    """Return the answer of a turn; any other value is returned as it is."""
    return value.answer if _is_turn(value) else value


def replace_answer(value: Any, answer: Any) -> Any:
    """Return a turn with another answer; if `value` is not a turn, return the answer."""
    return Turn(value.chat, answer) if _is_turn(value) else answer


def _is_turn(value: Any) -> TypeIs[Turn[Any]]:
    return isinstance(value, Turn)


def add_turn(chat: Chat, message: Content, response: GenerateContentResponse, *, is_finished: bool = True) -> Chat:
    """
    Add a turn to a chat: the message, the function calls and responses, and the model's content.

    A response that is not finished, or has no content, is not sent to the model again; nor is the message, unless
    complete rounds of function calls followed it.
    """
    content = response.candidates[0].content if response.candidates else None
    rounds = response.automatic_function_calling_history[len(chat.curated) :]
    turn = (*(rounds or (message,)), complete_role(content or Content(parts=())))
    curated = turn if is_finished and content is not None and _has_content(content) else rounds
    return replace(chat, comprehensive=(*chat.comprehensive, *turn), curated=(*chat.curated, *curated))


def complete_role(content: Content) -> Content:
    """Return a content of the model with its role, which a server may omit; the history of a chat needs it."""
    return content if content.role else replace(content, role="model")


def select_curated(history: Iterable[Content]) -> tuple[Content, ...]:
    """Leave out the model's turns without content, and the user's turn before each."""
    curated: list[Content] = []
    for role, side_by_side in groupby(history, attrgetter("role")):
        contents = tuple(side_by_side)
        if role == "user" or all(map(_has_content, contents)):
            curated += contents
        else:
            del curated[-1:]
    return tuple(curated)


def _has_content(content: Content) -> bool:
    """
    Check whether a content can be sent to the model again.

    An empty text beside other parts is valid, since streams end with one. google-genai 1.51.0 drops such a turn, and
    its thought signatures with it; 1.57 does not.
    """
    parts = content.parts or ()
    return Part() not in parts and any(part != Part(text="") for part in parts)
