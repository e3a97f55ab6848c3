"""The types of config dicts have the fields of the Structs, and their values are what the builders convert."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

from genai_fn.schema.annotations import (
    EnumOf,
    MappingOf,
    OptionalOf,
    ScalarOf,
    StructOf,
    TupleOf,
    UnionOf,
    classify_annotation,
    find_metadata,
    get_defined_fields,
    is_union,
)
from genai_fn.schema.base import Coerce, OpenEnum
from genai_fn.schema.batches import BatchJobDestinationLike
from genai_fn.schema.config_dicts import every_field, generation, media, resources, tunings
from genai_fn.schema.content import ContentLike
from genai_fn.schema.foreign_values import GoogleGenaiValue
from genai_fn.schema.speech import SpeechConfigLike
from genai_fn.schema.tools import ToolLike

LIKE = {
    name.removesuffix("Like"): get_args(alias)
    for module in (generation, media, resources, tunings)
    for name, alias in vars(module).items()
    if f"{name.removesuffix('Like')}Dict" in vars(module)
}
CONFIGS = {name: (struct, fields) for name, (struct, fields, _) in LIKE.items()}
"""The Struct and the dict of each config, by the name of the Struct."""

WITH_SHORTHANDS = (BatchJobDestinationLike, ContentLike, SpeechConfigLike, ToolLike)
"""Types that are aliases of everything they are converted from, for type checkers alone."""


def widen(annotation: Any) -> Any:
    """Return the type of what is converted to an annotation."""
    if find_metadata(annotation, Coerce) is not None:
        return annotation
    if get_origin(annotation) is Annotated and get_args(annotation)[0] is not bytes:
        return widen(get_args(annotation)[0])
    match classify_annotation(annotation):
        case OptionalOf(inner):
            return widen(inner) | None
        case UnionOf(members):
            return reduce(or_, map(widen, members))
        case TupleOf(item):
            return Sequence[widen(item)]
        case MappingOf(value):
            return Mapping[str, widen(value)]
        case StructOf(kind):
            return kind if kind in WITH_SHORTHANDS else kind | Mapping[str, Any]
        case EnumOf(kind):
            return kind | str
        case ScalarOf(kind):
            return {datetime: datetime | str, bytes: bytes | str}.get(kind, kind)


@pytest.mark.parametrize("name", LIKE)
def test_takes_configs_of_google_genai(name: str) -> None:
    """Each config may be google-genai's, too."""
    assert LIKE[name][2] is GoogleGenaiValue


@pytest.mark.parametrize("name", CONFIGS)
def test_has_the_fields_of_the_struct(name: str) -> None:
    """A dict has each field of its Struct, in the same order, and the type that the builders convert to the field's."""
    struct, fields = CONFIGS[name]
    assert {each.name: widen(each.type) for each in get_defined_fields(struct)} == get_type_hints(
        fields, include_extras=True
    )
    assert [each.name for each in get_defined_fields(struct)] == [*fields.__annotations__]


def list_members(annotation: Any) -> set[Any]:
    """Return what an annotation accepts, as type checkers see it: the members of an enum of texts are texts."""
    if get_origin(annotation) is Annotated:
        return list_members(get_args(annotation)[0])
    if get_origin(annotation) is Sequence:
        return {(Sequence, frozenset(list_members(get_args(annotation)[0])))}
    if is_union(annotation):
        return set().union(*map(list_members, get_args(annotation)))
    return {str if isinstance(annotation, type) and issubclass(annotation, OpenEnum) else annotation}


def test_every_field() -> None:
    """The type of ``with_config`` has the fields of all configs, and accepts what any of them does."""
    parts: dict[str, set[Any]] = {}
    for _, fields in CONFIGS.values():
        for field, annotation in get_type_hints(fields, include_extras=True).items():
            parts.setdefault(field, set()).update(list_members(annotation))
    parts["top_k"].remove(int)  # which a float includes
    declared = get_type_hints(every_field.ConfigFields, include_extras=True)
    assert parts == {field: list_members(each) for field, each in declared.items()}
