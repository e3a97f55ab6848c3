"""Replies: text and JSON that repeat what the prompt contains."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from genai_fn import codec
from genai_fn.schema.content import Content, Part


def build_reply(model: str, contents: Sequence[Content], system: Content | None, passages: Sequence[str] = ()) -> str:
    """
    Build a text reply to a conversation; `passages` are excerpts of documents.

    >>> from genai_fn.schema import UserContent
    >>> build_reply("gemini-2.5-flash", [UserContent("Why?")], None)
    'I am an offline model in place of gemini-2.5-flash: nothing was sent anywhere. You asked: “Why?”'
    """
    sentences = [
        f"I am an offline model in place of {model}: nothing was sent anywhere.",
        _quote_text("My instructions are:", join_text(system)),
        _quote_text("You asked:", find_question(contents)),
        *_quote_function_responses(contents[-1]),
        _quote_text("The documents say:", " ".join(passages)),
        _describe_attachments(contents[-1]),
        f"Before that came {_format_count(len(contents) - 1, 'turn')}." if len(contents) > 1 else "",
    ]
    return " ".join(filter(None, sentences))


def build_json_reply(model: str, contents: Sequence[Content], system: Content | None) -> dict[str, Any]:
    """Build a JSON reply to a conversation, if no schema is given."""
    return {
        "offline": True,
        "model": model,
        "instructions": join_text(system),
        "question": find_question(contents),
        "attached": dict(_count_mime_types(contents[-1])),
        "turns": len(contents),
    }


def find_question(contents: Sequence[Content]) -> str:
    """Return the text of the last user turn that has any."""
    return next((text for turn in reversed(contents) if turn.role != "model" and (text := join_text(turn))), "")


def join_text(content: Content | None) -> str:
    """Return the text of a content without thoughts."""
    parts = (content.parts or ()) if content is not None else ()
    return " ".join(part.text for part in parts if part.text and not part.thought)


def _quote_text(opening: str, text: str) -> str:
    quote = text if len(text) <= _MAX_QUOTE_LENGTH else f"{text[:_MAX_QUOTE_LENGTH].rstrip()}…"
    return f"{opening} “{quote}”" if text else ""


_MAX_QUOTE_LENGTH = 300


def _quote_function_responses(turn: Content) -> list[str]:
    """Repeat the function responses of a turn."""
    responses = [part.function_response for part in turn.parts or () if part.function_response is not None]
    texts = [(each.name, codec.encode(each.response).decode()) for each in responses]
    return [_quote_text(f"The function {name} answered:", text) for name, text in texts]


def _describe_attachments(turn: Content) -> str:
    kinds = _count_mime_types(turn)
    each = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"With it came {_format_count(kinds.total(), 'file')}: {each}." if kinds else ""


def _count_mime_types(turn: Content) -> Counter[str]:
    return Counter(kind for part in turn.parts or () if (kind := _get_mime_type(part)) is not None)


def _get_mime_type(part: Part) -> str | None:
    medium = part.inline_data or part.file_data
    return None if medium is None else medium.mime_type or "of no known kind"


def _format_count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
