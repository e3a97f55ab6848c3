"""Converts the ``contents`` argument of a request to a tuple of `Content`s, one for each turn of the conversation."""

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

from genai_fn.errors import InvalidRequest
from genai_fn.schema.base import Coerce, ConversionError, Message
from genai_fn.schema.content import Content, ContentLike, Part
from genai_fn.schema.convert import as_value, convert, convert_items
from genai_fn.schema.foreign_values import is_table, list_column, read_google_genai_value
from genai_fn.schema.plain_contents import convert_plain_contents, convert_plain_part, convert_plain_turn
from genai_fn.schema.reusable import PlainTurns


def as_contents(contents: "ContentsLike", path: str = "contents") -> tuple[Content, ...]:
    """
    Group texts, parts, files and images into turns.

    Adjacent items of a list form one user turn; adjacent function calls form one model turn. In the list, each
    `Content` is a turn of its own, and each inner list is a user turn of its own.

    Raises:
        InvalidRequest: If the list is empty, an item cannot be converted, or a part has no content; the error states
            the path of the item, or of the part in the turns, which starts with `path`.

    >>> as_contents(["look:", {"file_data": {"file_uri": "gs://b/x.png", "mime_type": "image/png"}}])[0].role
    'user'
    >>> [turn.role for turn in as_contents(["do it", {"function_call": {"name": "f", "args": {}}}])]
    ['user', 'model']
    """
    plain = convert_plain_contents(contents)
    if plain is not None:
        return plain
    turns: tuple[Content, ...] = as_value(_GroupedContents, contents, path)
    if type(turns) is not PlainTurns:
        check_parts(turns, path)
    return turns


def check_parts(contents: tuple[Content, ...], path: str) -> None:
    """
    Raise `InvalidRequest` with its place for a part without content, which the service rejects.

    Parts of the model go back as they came.
    """
    if _EMPTY_PART not in itertools.chain.from_iterable(filter(None, map(_get_parts, contents))):
        return
    for index, content in enumerate(contents):
        if content.role == "model":
            continue
        for place, part in enumerate(content.parts or ()):
            if part == _EMPTY_PART:
                expected = "a part with a text, data, a file, a function call or the like"
                raise InvalidRequest(f"{path}[{index}].parts[{place}]", part, expected)


_EMPTY_PART = Part()
_get_parts = operator.attrgetter("parts")


def _group_contents(contents: Any) -> tuple[Content, ...]:
    """Group contents as `as_contents` does. Raises `ConversionError`, as a `Coerce` function does."""
    given = _list_items(contents)
    if given is None:
        return tuple(_group_by_role([_convert_item(contents)]))
    if not given:
        raise ConversionError(contents, "at least one content")
    plain = [convert_plain_turn(each) for each in given]
    if all(plain):
        return PlainTurns(cast("list[Content]", plain))
    items = convert_items(_convert_unless_plain, zip(plain, given, strict=True))
    return _keep_if_unchanged(given, tuple(_group_by_role(items)))


def _group_contents_of_field(contents: Any) -> tuple[Content, ...]:
    """Group contents. A tuple of turns of plain text is returned itself, too: a converted Struct stays as it is."""
    return _keep_if_unchanged(contents, _group_contents(contents))


def _separate_contents(contents: Any) -> tuple[Content, ...]:
    """Convert contents of which each gets its own embedding: each item of a list is a turn of its own."""
    given = _list_items(contents)
    if not given:
        return _group_contents(contents)
    turns = tuple(convert_items(_convert_separate_item, cast("Sequence[Any]", given)))
    return _keep_if_unchanged(given, turns)


def _list_items(contents: Any) -> Any:
    """Return a list or tuple, or the items of a column; None for one item. Raises `ConversionError` for a table."""
    if isinstance(contents, list | tuple):
        return cast("Any", contents)
    if isinstance(contents, str | Mapping | Message):
        return None
    if is_table(contents):
        raise ConversionError(type(contents), 'a column of it, such as table["text"]')
    return list_column(contents)


def _keep_if_unchanged(contents: Any, turns: tuple[Content, ...]) -> tuple[Content, ...]:
    """Return `contents` itself if it is a tuple of exactly the objects in `turns`, otherwise `turns`."""
    given: tuple[Any, ...] = cast("Any", contents) if isinstance(contents, tuple) else ()
    return given if len(given) == len(turns) and all(map(operator.is_, given, turns)) else turns


def _convert_separate_item(value: Any) -> Content:
    return next(_group_by_role([_convert_item(value)]))


def _convert_item(value: Any) -> Content | Part:
    return _convert_unless_plain((convert_plain_turn(value), value))


def _convert_unless_plain(item: tuple[Content | None, Any]) -> Content | Part:
    """Convert an item of contents, given what `convert_plain_turn` has returned for it."""
    plain, value = item
    if plain is not None:
        return plain
    if isinstance(value, list | tuple):
        return _build_user_content(cast("Sequence[Any]", value))
    if isinstance(value, Content) or (isinstance(value, Mapping) and ("parts" in value or "role" in value)):
        turn: Content = convert(Content, value)
        return turn
    google_fields = read_google_genai_value(value)
    return _convert_part(value) if google_fields is None else _convert_item(google_fields)


def _build_user_content(parts: Sequence[Any]) -> Content:
    if not parts:
        raise ConversionError(parts, "at least one part")
    return Content(parts=tuple(convert_items(_convert_part, parts)), role="user")


def _convert_part(value: Any) -> Part:
    plain = convert_plain_part(value)
    if plain is not None:
        return plain
    if value is None or (isinstance(value, Mapping) and not value):
        raise ConversionError(value, "a text, a Part, a File, a Blob, an image, or a dict of one")
    part: Part = convert(Part, value)
    return part


def _group_by_role(items: Iterable[Content | Part]) -> Iterator[Content]:
    for role, adjacent in itertools.groupby(items, _get_part_role):
        if role is None:
            yield from cast("Iterator[Content]", adjacent)
        else:
            yield Content(parts=cast("tuple[Part, ...]", tuple(adjacent)), role=role)


def _get_part_role(item: Content | Part) -> str | None:
    """Return the role of the turn that a part belongs to; None for a `Content`, which is a turn already."""
    if isinstance(item, Content):
        return None
    return "user" if item.function_call is None else "model"


# a bare tuple: `_group_contents` has already converted the items
_GroupedContents: Any = Annotated[cast("Any", tuple), Coerce(_group_contents)]

if TYPE_CHECKING:
    from genai_fn.schema.foreign_values import Column

    ContentsLike: TypeAlias = ContentLike | Sequence[ContentLike] | Column
    """Accepted as the contents of a request; adjacent items of a list or column are grouped into turns."""
    SeparateContentsLike: TypeAlias = ContentsLike
    """Accepted as contents to embed: as `ContentsLike`, but each item of a list is a turn of its own."""
else:
    ContentsLike = Annotated[tuple[Content, ...], Coerce(_group_contents_of_field)]
    SeparateContentsLike = Annotated[tuple[Content, ...], Coerce(_separate_contents)]
