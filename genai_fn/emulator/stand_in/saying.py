"""What the model says: who it is, and what it was given."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from genai_fn import codec
from genai_fn.schema import Content, Part

__all__ = ["document", "question", "reply"]


def reply(model: str, contents: Sequence[Content], system: Content | None, found: Sequence[str] = ()) -> str:
    """
    Answer a conversation in plain text; `found` are passages of documents.

    >>> from genai_fn.schema import UserContent
    >>> reply("gemini-2.5-flash", [UserContent("Why?")], None)
    'I am an offline model in place of gemini-2.5-flash: nothing was sent anywhere. You asked: “Why?”'
    """
    sentences = [
        f"I am an offline model in place of {model}: nothing was sent anywhere.",
        _quoted("My instructions are:", _text(system)),
        _quoted("You asked:", question(contents)),
        *_answers(contents[-1]),
        _quoted("The documents say:", " ".join(found)),
        _attached(contents[-1]),
        f"Before that came {_count(len(contents) - 1, 'turn')}." if len(contents) > 1 else "",
    ]
    return " ".join(filter(None, sentences))


def document(model: str, contents: Sequence[Content], system: Content | None) -> dict[str, Any]:
    """Answer a conversation in JSON of no particular shape."""
    return {
        "offline": True,
        "model": model,
        "instructions": _text(system),
        "question": question(contents),
        "attached": dict(_kinds(contents[-1])),
        "turns": len(contents),
    }


def question(contents: Sequence[Content]) -> str:
    """Find what was asked last."""
    return next((text for turn in reversed(contents) if turn.role != "model" and (text := _text(turn))), "")


def _text(content: Content | None) -> str:
    parts = (content.parts or ()) if content is not None else ()
    return " ".join(part.text for part in parts if part.text and not part.thought)


def _quoted(opening: str, text: str) -> str:
    shown = text if len(text) <= _QUOTED else f"{text[:_QUOTED].rstrip()}…"
    return f"{opening} “{shown}”" if text else ""


_QUOTED = 300


def _answers(turn: Content) -> list[str]:
    """Repeat what functions answered."""
    said = [part.function_response for part in turn.parts or () if part.function_response is not None]
    told = [(each.name, codec.encode(each.response).decode()) for each in said]
    return [_quoted(f"The function {name} answered:", text) for name, text in told]


def _attached(turn: Content) -> str:
    kinds = _kinds(turn)
    each = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"With it came {_count(kinds.total(), 'file')}: {each}." if kinds else ""


def _kinds(turn: Content) -> Counter[str]:
    return Counter(kind for part in turn.parts or () if (kind := _kind(part)) is not None)


def _kind(part: Part) -> str | None:
    medium = part.inline_data or part.file_data
    return None if medium is None else medium.mime_type or "of no known kind"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
