"""
The types are complete: nothing of google-genai 1.51.0 is missing, except for listed differences.

`test_catalogue_3_6_1` compares them with 3.6.1, which is also what the types must not exceed.
"""

import enum
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pydantic
import pytest
from google.genai import types
from msgspec.structs import fields

from genai_fn import schema
from genai_fn.schema import Message, OpenEnum
from genai_fn.schema.base import BackendOnly
from tests.support.schema_samples import ENUMS, MESSAGES, bare, hints

DIFFERENCES = {
    "HttpOptions": "what it says of the network is with_options, Timeouts, Retry and the interpreter's own",
    "HttpRetryOptions": "Retry",
    "InlinedResponse.metadata": "1.51.0 drops it, and with it whose answer it is",
    "HttpResponse": "with_http_response gives the reply beside the value",
    "ReplayFile": "google-genai's own tests",
    "ReplayInteraction": "google-genai's own tests",
    "ReplayRequest": "google-genai's own tests",
    "ReplayResponse": "google-genai's own tests",
    "TestTableFile": "google-genai's own tests",
    "TestTableItem": "google-genai's own tests",
    "UserContent": "a function: what it makes is a Content, and equals one",
    "ModelContent": "a function: what it makes is a Content, and equals one",
    "*.http_options": "with_options",
    "*.sdk_http_response": "with_http_response",
    "*.should_return_http_response": "with_http_response",
    "CitationMetadata.citation_sources": "what Gemini calls the citations; they are folded into them",
    "GenerateContentResponse.parsed": "returning(T) answers a T, parse(response, T) makes one",
    "Metric.aggregate_summary_fn": "a Python function cannot be sent",
    "Metric.custom_function": "a Python function cannot be sent",
    "Metric.parse_and_reduce_fn": "a Python function cannot be sent",
    "ContentReferenceImage.reference_type": "the class says it",
    "ControlReferenceImage.control_image_config": "made of config",
    "ControlReferenceImage.reference_type": "the class says it",
    "MaskReferenceImage.mask_image_config": "made of config",
    "MaskReferenceImage.reference_type": "the class says it",
    "RawReferenceImage.reference_type": "the class says it",
    "StyleReferenceImage.reference_type": "the class says it",
    "StyleReferenceImage.style_image_config": "made of config",
    "SubjectReferenceImage.reference_type": "the class says it",
    "SubjectReferenceImage.subject_image_config": "made of config",
}
"""Where the two differ on purpose, and why."""


METHODS = {
    "FunctionDeclaration.from_callable_with_api_option": "from_callable is the same for both backends",
    "FunctionResponse.from_mcp_response": "MCP is not spoken here",
    "GenerateVideosOperation.from_api_response": "google-genai's own: here an operation's reader does it",
    "ImportFileOperation.from_api_response": "google-genai's own: here an operation's reader does it",
    "Image.show": "opens a window, for which Pillow is there",
    "Metric.to_yaml_file": "writes a file of google-genai's own",
    "Metric.validate_name": "google-genai's own",
    "UploadToFileSearchStoreOperation.from_api_response": "google-genai's own: here an operation's reader does it",
    "Video.show": "opens a window, for which players are there",
}
"""Methods that are not here on purpose, and why."""


def _theirs(kind: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(types).items()
        if isinstance(value, type)
        and issubclass(value, kind)
        and value.__module__ == types.__name__
        and not name.startswith("_")
    }


THEIR_TYPES = _theirs(pydantic.BaseModel)
THEIR_ENUMS = _theirs(enum.Enum)
for _each in THEIR_TYPES.values():
    _each.model_rebuild()  # some wait for types that come later in their file
EXPLAINED_FIELDS = {key.removeprefix("*.") for key in DIFFERENCES if key.startswith("*.")}
SHARED = tuple(sorted(set(THEIR_TYPES) & {each.__name__ for each in MESSAGES}))


def _same_fields(name: str) -> Iterator[tuple[str, str]]:
    """Return the fields that both types have, with their JSON names."""
    for field, about in THEIR_TYPES[name].model_fields.items():
        if field not in EXPLAINED_FIELDS and f"{name}.{field}" not in DIFFERENCES:
            yield field, about.alias or field


def test_types() -> None:
    """All types of google-genai exist under the same names."""
    assert sorted(set(THEIR_TYPES) - set(DIFFERENCES) - {each.__name__ for each in MESSAGES}) == []


def test_enums() -> None:
    """All enums of google-genai exist under the same names."""
    assert sorted(set(THEIR_ENUMS) - {each.__name__ for each in ENUMS}) == []


def test_differences() -> None:
    """Every listed difference exists."""
    ours = {each.__name__: set(each.__struct_fields__) for each in MESSAGES}
    for key in DIFFERENCES:
        name, _, field = key.partition(".")
        if not field:
            assert (key, name in THEIR_TYPES, name in ours) == (key, True, False)
        elif name != "*":
            in_theirs = field in THEIR_TYPES[name].model_fields
            assert (key, in_theirs != (field in ours[name])) == (key, True)


@pytest.mark.parametrize("name", SHARED)
def test_fields(name: str) -> None:
    """All fields have the names of google-genai, in Python and in JSON."""
    ours = {each.name: each.encode_name for each in fields(getattr(schema, name))}
    assert dict(_same_fields(name)).items() <= ours.items()


@pytest.mark.parametrize(
    "kind", [each for each in ENUMS if each.__name__ in THEIR_ENUMS], ids=lambda kind: kind.__name__
)
def test_members(kind: type[OpenEnum]) -> None:
    """All enums have the members and values of google-genai."""
    theirs = {name: each.value for name, each in THEIR_ENUMS[kind.__name__].__members__.items()}
    assert theirs.items() <= {name: each.value for name, each in kind.__members__.items()}.items()


def _outline(annotation: Any) -> str:
    """Reduce an annotation of either side to what both must agree on."""
    if typing.get_origin(annotation) is list or typing.get_origin(annotation) is tuple:
        return f"many {_outline(get_args(annotation)[0])}"
    if typing.get_origin(annotation) is not None and issubclass(typing.get_origin(annotation), typing.Mapping):
        return f"mapping {_outline(get_args(annotation)[1])}"
    return "any" if annotation is Any else getattr(annotation, "__name__", str(annotation))


def test_methods() -> None:
    """All methods and properties of google-genai exist, except for listed differences."""
    missing: list[str] = []
    for kind in (each for each in MESSAGES if each.__name__ in THEIR_TYPES):
        for name, member in vars(THEIR_TYPES[kind.__name__]).items():
            own = isinstance(member, classmethod | property) or inspect.isfunction(member)
            public = not name.startswith("_") and name != "model_post_init"
            if own and public and not hasattr(kind, name):
                missing.append(f"{kind.__name__}.{name}")
    assert sorted(missing) == sorted(METHODS)


OTHER_TYPES = {
    "GenerationConfigRoutingConfigAutoRoutingMode.model_routing_preference": "a word: Literals would refuse new ones",
    "JSONSchema.type": "one or several",
    "Part.thought_signature": "kept as the text it came as",
    "PartialArg.null_value": "a word: Literals would refuse new ones",
}
"""Fields whose types differ on purpose, besides those that accept more than one."""


@pytest.mark.parametrize("name", SHARED)
def test_field_types(name: str) -> None:
    """Fields have the types of google-genai, where that is a single type."""
    ours = hints(getattr(schema, name))
    for field, about in THEIR_TYPES[name].model_fields.items():
        options = [each for each in get_args(about.annotation) if each is not type(None)]
        if field in ours and len(options) == 1 and f"{name}.{field}" not in OTHER_TYPES:
            assert (field, _outline(_bare_items(ours[field]))) == (field, _outline(_bare_items(options[0])))


def _bare_items(annotation: Any) -> Any:
    annotation = bare(annotation)
    if typing.get_origin(annotation) in (list, tuple):
        return list[bare(get_args(annotation)[0])]  # type: ignore[misc]  # built from what is found
    return annotation


def _sent() -> set[str]:
    """Collect the types of requests: those reachable from parameters of google-genai's methods."""
    roots = [each for name, each in vars(types).items() if name.endswith("Parameters") and isinstance(each, type)]
    names = {"LiveClientMessage", "LiveMusicClientMessage", "UploadFileConfig", "DownloadFileConfig", "JSONSchema"}
    names |= {"GenerationConfigThinkingConfig", "BleuSpec", "RougeSpec", "PairwiseMetricSpec", "PointwiseMetricSpec"}
    names |= {name for name in THEIR_TYPES if name.endswith("ReferenceImage")}
    waiting, seen = [*roots, *(THEIR_TYPES[name] for name in names)], set[Any]()
    while waiting:
        kind = waiting.pop()
        if kind not in seen:
            seen.add(kind)
            for field, about in kind.model_fields.items():
                if field not in EXPLAINED_FIELDS and f"{kind.__name__}.{field}" not in ANSWERED:
                    waiting += [each for each in _models(about.annotation) if each not in seen]
    return {each.__name__ for each in seen}


ANSWERED = {"BatchJobDestination.inlined_responses", "BatchJobDestination.inlined_embed_content_responses"}
"""Fields of request types that only responses set."""


def _models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)


def test_sequences() -> None:
    """The default of a sequence is None in types of requests, and () in types of responses."""
    sent = _sent()
    for kind in (each for each in MESSAGES if each.__name__ in THEIR_TYPES):
        for each in fields(kind):
            if typing.get_origin(bare(each.type)) is tuple:
                absent = None if kind.__name__ in sent and f"{kind.__name__}.{each.name}" not in ANSWERED else ()
                assert (kind.__name__, each.name, each.default) == (kind.__name__, each.name, absent)


def test_no_field_is_required() -> None:
    """No field is required, as any field may be missing from a response."""
    for kind in MESSAGES:
        assert kind().__struct_fields__ == kind.__struct_fields__


@pytest.mark.parametrize("kind", [*MESSAGES, *ENUMS], ids=lambda kind: kind.__name__)
def test_docstrings(kind: type) -> None:
    """Every type has a docstring of one sentence, which is not Google's."""
    docstring = vars(kind)["__doc__"]
    theirs = (THEIR_TYPES | THEIR_ENUMS).get(kind.__name__)
    assert re.fullmatch(r"\S[^\n]*[.…]", docstring)
    assert docstring not in (getattr(theirs, "__doc__", None) or "")


def test_marks() -> None:
    """An annotation names one backend, and no field has two."""
    for kind in MESSAGES:
        for name, annotation in get_type_hints(kind, include_extras=True).items():
            marks = [each.backend for each in getattr(annotation, "__metadata__", ()) if isinstance(each, BackendOnly)]
            assert (kind.__name__, name, marks in ([], ["gemini"], ["vertex"])) == (kind.__name__, name, True)


def test_all() -> None:
    """`__all__` is sorted, and every name exists."""
    assert schema.__all__ == sorted(schema.__all__)
    assert [name for name in schema.__all__ if not hasattr(schema, name)] == []
    assert issubclass(schema.Message, Message)
