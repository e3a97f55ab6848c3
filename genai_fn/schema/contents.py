"""What people pass as a conversation, grouped into turns."""

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, cast

from genai_fn.schema._base import Misfit, Via
from genai_fn.schema._convert import as_value, at, settle
from genai_fn.schema.content import Content, ContentsLike, Part

__all__ = ["as_contents", "grouped", "separate"]


def as_contents(contents: ContentsLike, path: str = "contents") -> tuple[Content, ...]:
    """
    Group texts, parts, files and images into turns.

    What stands side by side in a list is one turn of the user's; function calls make a turn of the model's; a Content
    or a list within the list is a turn of its own.

    >>> as_contents(["look:", {"file_data": {"file_uri": "gs://b/x.png", "mime_type": "image/png"}}])[0].role
    'user'
    >>> [turn.role for turn in as_contents(["do it", {"function_call": {"name": "f", "args": {}}}])]
    ['user', 'model']
    """
    turns: tuple[Content, ...] = as_value(_Grouped, contents, path)
    return turns


def grouped(contents: Any) -> tuple[Content, ...]:
    """
    Do the same for a field that takes contents.

    Raises:
        Misfit: with the steps to what makes no sense.
    """
    if not isinstance(contents, list | tuple):
        return tuple(_turns([_settled(contents)]))
    if not contents:
        raise Misfit(contents, "at least one content")
    items = (at(index, _settled, each) for index, each in enumerate(cast("Sequence[Any]", contents)))
    return _or_as_it_was(contents, tuple(_turns(items)))


def separate(contents: Any) -> tuple[Content, ...]:
    """
    Settle contents that are to have a vector each: what stands side by side in a list stays apart.

    Raises:
        Misfit: with the steps to what makes no sense.
    """
    if not isinstance(contents, list | tuple):
        return grouped(contents)
    if not contents:
        raise Misfit(contents, "at least one content")
    turns = tuple(at(index, _alone, each) for index, each in enumerate(cast("Sequence[Any]", contents)))
    return _or_as_it_was(contents, turns)


def _or_as_it_was(contents: Any, turns: tuple[Content, ...]) -> tuple[Content, ...]:
    given: tuple[Any, ...] = cast("Any", contents) if isinstance(contents, tuple) else ()
    return given if len(given) == len(turns) and all(map(operator.is_, given, turns)) else turns


def _alone(value: Any) -> Content:
    return next(_turns([_settled(value)]))


def _settled(value: Any) -> Content | Part:
    if isinstance(value, list | tuple):
        return _user(cast("Sequence[Any]", value))
    if isinstance(value, Content) or (isinstance(value, Mapping) and ("parts" in value or "role" in value)):
        turn: Content = settle(Content, value)
        return turn
    return _part(value)


def _user(parts: Sequence[Any]) -> Content:
    if not parts:
        raise Misfit(parts, "at least one part")
    return Content(parts=tuple(at(index, _part, each) for index, each in enumerate(parts)), role="user")


def _part(value: Any) -> Part:
    if value is None or value == {}:
        raise Misfit(value, "a text, a Part, a File, a Blob, an image, or a dict of one")
    part: Part = settle(Part, value)
    return part


def _turns(items: Iterable[Content | Part]) -> Iterator[Content]:
    for role, side_by_side in itertools.groupby(items, _role):
        if role is None:
            yield from cast("Iterator[Content]", side_by_side)
        else:
            yield Content(parts=cast("tuple[Part, ...]", tuple(side_by_side)), role=role)


def _role(item: Content | Part) -> str | None:
    if isinstance(item, Content):
        return None
    return "user" if item.function_call is None else "model"


_Grouped: Any = Annotated[cast("Any", tuple), Via(grouped)]  # and nothing more: what is inside is settled by then
