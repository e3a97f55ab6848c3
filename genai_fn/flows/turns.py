"""Chats as values: what was said in one, which of it a model is shown again, and an answer together with its chat."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeVar

from msgspec.structs import replace
from typing_extensions import TypeIs

from genai_fn.schema import Content, GenerateContentConfig, GenerateContentResponse, Part
from genai_fn.values import Value

__all__ = ["Chat", "Turn", "add_turn", "get_answer", "replace_answer", "select_curated"]

T_co = TypeVar("T_co", covariant=True)


class Chat(Value):
    """
    A conversation with a model: what it is held with, and all that was said.

    It never changes: a turn makes another one, so a chat that is kept can be gone on with any number of times.
    """

    model: str
    config: GenerateContentConfig = GenerateContentConfig()
    comprehensive: tuple[Content, ...] = ()
    """All turns."""
    curated: tuple[Content, ...] = ()
    """The turns that a model is shown again: without those in which it said nothing of use."""

    def __repr__(self) -> str:
        count, kept = len(self.comprehensive), len(self.curated)
        but = "" if kept == count else f", {kept} of them shown again"
        return f"<Chat with {self.model} of {count} turns{but}>"


class Turn(Value, Generic[T_co]):
    """An answer, and the chat with this turn in it."""

    chat: Chat
    answer: T_co


def get_answer(value: Any) -> Any:
    """Give the answer that a turn holds; anything else is an answer itself."""
    return value.answer if _is_turn(value) else value


def replace_answer(value: Any, answer: Any) -> Any:
    """Put an answer that was read further back where `answer_in` had it from."""
    return Turn(value.chat, answer) if _is_turn(value) else answer


def _is_turn(value: Any) -> TypeIs[Turn[Any]]:
    return isinstance(value, Turn)


def add_turn(chat: Chat, message: Content, response: GenerateContentResponse, *, is_finished: bool = True) -> Chat:
    """
    Put a turn into a chat: what was asked, what functions were called for it, and the model's own content, untouched.

    A turn that is not over, or without anything in the answer, stays out of what the model is shown again.
    """
    said = response.candidates[0].content if response.candidates else None
    called = response.automatic_function_calling_history[len(chat.curated) :]
    turn = (*(called or (message,)), said or Content(parts=(), role="model"))
    shown = turn if is_finished and said is not None and _has_content(said) else ()
    return replace(chat, comprehensive=(*chat.comprehensive, *turn), curated=(*chat.curated, *shown))


def select_curated(history: Iterable[Content]) -> tuple[Content, ...]:
    """Leave out the turns of the model's that say nothing, and with each of them what was asked."""
    kept: list[Content] = []
    for role, side_by_side in groupby(history, attrgetter("role")):
        contents = tuple(side_by_side)
        if role == "user" or all(map(_has_content, contents)):
            kept += contents
        else:
            del kept[-1:]
    return tuple(kept)


def _has_content(content: Content) -> bool:
    """
    Tell whether a model may be shown this again: an empty text beside other parts is no fault, as streams end in one.

    google-genai 1.51.0 drops such a turn, and its signatures with it; 1.57 does not.
    """
    parts = content.parts or ()
    return Part() not in parts and any(part != Part(text="") for part in parts)
