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
from google.genai import types
from msgspec.structs import fields

from genai_fn import schema
from genai_fn.schema import Message, OpenEnum
from genai_fn.schema.base import BackendOnly
from tests.support.check_each import check_each
from tests.support.schema_samples import ENUMS, MESSAGES, get_field_annotations, strip_annotation

DIFFERENCES = {
    "HttpOptions": "with_options, Timeouts, Retry and the parameters of the interpreter replace it",
    "HttpRetryOptions": "Retry replaces it",
    "InlinedResponse.metadata": "1.51.0 does not have it, and cannot match a response to its request",
    "HttpResponse": "with_http_response returns the HTTP response together with the value",
    "ReplayFile": "only the tests of google-genai use it",
    "ReplayInteraction": "only the tests of google-genai use it",
    "ReplayRequest": "only the tests of google-genai use it",
    "ReplayResponse": "only the tests of google-genai use it",
    "TestTableFile": "only the tests of google-genai use it",
    "TestTableItem": "only the tests of google-genai use it",
    "UserContent": "a function, which returns a Content",
    "ModelContent": "a function, which returns a Content",
    "*.http_options": "with_options replaces it",
    "*.sdk_http_response": "with_http_response replaces it",
    "*.should_return_http_response": "with_http_response replaces it",
    "CitationMetadata.citation_sources": "Gemini's name for the citations, decoded into citations",
    "GenerateContentResponse.parsed": "returning(T) returns a T, and parse(response, T) decodes one",
    "Metric.aggregate_summary_fn": "a Python function cannot be sent",
    "Metric.parse_and_reduce_fn": "a Python function cannot be sent",
    "ContentReferenceImage.reference_type": "the class determines it",
    "ControlReferenceImage.control_image_config": "derived from config",
    "ControlReferenceImage.reference_type": "the class determines it",
    "MaskReferenceImage.mask_image_config": "derived from config",
    "MaskReferenceImage.reference_type": "the class determines it",
    "RawReferenceImage.reference_type": "the class determines it",
    "StyleReferenceImage.reference_type": "the class determines it",
    "StyleReferenceImage.style_image_config": "derived from config",
    "SubjectReferenceImage.reference_type": "the class determines it",
    "SubjectReferenceImage.subject_image_config": "derived from config",
}
"""Deliberate differences, with reasons."""


METHOD_DIFFERENCES = {
    "FunctionDeclaration.from_callable_with_api_option": "from_callable returns the same declaration for both backends",
    "GenerateVideosOperation.from_api_response": "internal to google-genai; here a decoder does it",
    "ImportFileOperation.from_api_response": "internal to google-genai; here a decoder does it",
    "Metric.validate_name": "internal to google-genai",
    "UploadToFileSearchStoreOperation.from_api_response": "internal to google-genai; here a decoder does it",
}
"""Methods that genai_fn deliberately does not have, with reasons."""


def list_their_types(kind: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(types).items()
        if isinstance(value, type)
        and issubclass(value, kind)
        and value.__module__ == types.__name__
        and not name.startswith("_")
    }


THEIR_TYPES = list_their_types(pydantic.BaseModel)
THEIR_ENUMS = list_their_types(enum.Enum)
for _each in THEIR_TYPES.values():
    _each.model_rebuild()  # some refer to types that are defined later in the module
IGNORED_FIELDS = {key.removeprefix("*.") for key in DIFFERENCES if key.startswith("*.")}
SHARED_TYPES = tuple(sorted(set(THEIR_TYPES) & {each.__name__ for each in MESSAGES}))


def list_shared_fields(name: str) -> Iterator[tuple[str, str]]:
    """Return the fields that both types have, with their JSON names."""
    for field, field_info in THEIR_TYPES[name].model_fields.items():
        if field not in IGNORED_FIELDS and f"{name}.{field}" not in DIFFERENCES:
            yield field, field_info.alias or field


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


@check_each(SHARED_TYPES)
def test_fields(name: str) -> None:
    """All fields have the names of google-genai, in Python and in JSON."""
    ours = {each.name: each.encode_name for each in fields(getattr(schema, name))}
    assert dict(list_shared_fields(name)).items() <= ours.items()


@check_each([each for each in ENUMS if each.__name__ in THEIR_ENUMS])
def test_members(kind: type[OpenEnum]) -> None:
    """All enums have the members and values of google-genai."""
    theirs = {name: each.value for name, each in THEIR_ENUMS[kind.__name__].__members__.items()}
    assert theirs.items() <= {name: each.value for name, each in kind.__members__.items()}.items()


def summarize_annotation(annotation: Any) -> str:
    """Reduce an annotation of either side to what both must agree on."""
    if typing.get_origin(annotation) is list or typing.get_origin(annotation) is tuple:
        return f"many {summarize_annotation(get_args(annotation)[0])}"
    if typing.get_origin(annotation) is not None and issubclass(typing.get_origin(annotation), typing.Mapping):
        return f"mapping {summarize_annotation(get_args(annotation)[1])}"
    return "any" if annotation is Any else getattr(annotation, "__name__", str(annotation))


def test_methods() -> None:
    """All methods and properties of google-genai exist, except for listed differences."""
    missing: list[str] = []
    for kind in (each for each in MESSAGES if each.__name__ in THEIR_TYPES):
        for name, member in vars(THEIR_TYPES[kind.__name__]).items():
            is_method = isinstance(member, classmethod | property) or inspect.isfunction(member)
            is_public = not name.startswith("_") and name != "model_post_init"
            if is_method and is_public and not hasattr(kind, name):
                missing.append(f"{kind.__name__}.{name}")
    assert sorted(missing) == sorted(METHOD_DIFFERENCES)


TYPE_DIFFERENCES = {
    "GenerationConfigRoutingConfigAutoRoutingMode.model_routing_preference": "a str: a Literal would refuse new values",
    "JSONSchema.type": "one type or several",
    "Part.thought_signature": "kept as the received text",
    "PartialArg.null_value": "a str: a Literal would refuse new values",
}
"""Fields whose types differ deliberately, in addition to those that accept several types."""


@check_each(SHARED_TYPES)
def test_field_types(name: str) -> None:
    """Fields have the types of google-genai, where that is a single type."""
    ours = get_field_annotations(getattr(schema, name))
    for field, field_info in THEIR_TYPES[name].model_fields.items():
        options = [each for each in get_args(field_info.annotation) if each is not type(None)]
        if field in ours and len(options) == 1 and f"{name}.{field}" not in TYPE_DIFFERENCES:
            assert (field, summarize_annotation(strip_item_annotation(ours[field]))) == (
                field,
                summarize_annotation(strip_item_annotation(options[0])),
            )


def strip_item_annotation(annotation: Any) -> Any:
    annotation = strip_annotation(annotation)
    if typing.get_origin(annotation) in (list, tuple):
        return list[strip_annotation(get_args(annotation)[0])]  # type: ignore[misc]  # built from what is found
    return annotation


def collect_request_types() -> set[str]:
    """Collect the types of requests: those reachable from parameters of google-genai's methods."""
    roots = [each for name, each in vars(types).items() if name.endswith("Parameters") and isinstance(each, type)]
    names = {"LiveClientMessage", "LiveMusicClientMessage", "UploadFileConfig", "DownloadFileConfig", "JSONSchema"}
    names |= {"GenerationConfigThinkingConfig", "BleuSpec", "RougeSpec", "PairwiseMetricSpec", "PointwiseMetricSpec"}
    names |= {name for name in THEIR_TYPES if name.endswith("ReferenceImage")}
    pending, seen = [*roots, *(THEIR_TYPES[name] for name in names)], set[Any]()
    while pending:
        kind = pending.pop()
        if kind not in seen:
            seen.add(kind)
            for field, field_info in kind.model_fields.items():
                if field not in IGNORED_FIELDS and f"{kind.__name__}.{field}" not in RESPONSE_FIELDS:
                    pending += [each for each in find_models(field_info.annotation) if each not in seen]
    return {each.__name__ for each in seen}


RESPONSE_FIELDS = {"BatchJobDestination.inlined_responses", "BatchJobDestination.inlined_embed_content_responses"}
"""Fields of request types that only responses set."""


def find_models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from find_models(each)


def test_sequences() -> None:
    """The default of a sequence is None in types of requests, and () in types of responses."""
    request_types = collect_request_types() | {"Transcription"}  # which a Part of 3.6.1 contains
    for kind in (each for each in MESSAGES if each.__name__ in THEIR_TYPES):
        for each in fields(kind):
            if typing.get_origin(strip_annotation(each.type)) is tuple:
                default = (
                    None
                    if kind.__name__ in request_types and f"{kind.__name__}.{each.name}" not in RESPONSE_FIELDS
                    else ()
                )
                assert (kind.__name__, each.name, each.default) == (kind.__name__, each.name, default)


def test_no_field_is_required() -> None:
    """No field is required, as any field may be missing from a response."""
    for kind in MESSAGES:
        assert kind().__struct_fields__ == kind.__struct_fields__


@check_each([*MESSAGES, *ENUMS])
def test_docstrings(kind: type) -> None:
    """Every type has a docstring of one sentence, which is not Google's."""
    docstring = vars(kind)["__doc__"]
    theirs = (THEIR_TYPES | THEIR_ENUMS).get(kind.__name__)
    assert re.fullmatch(r"\S[^\n]*[.…]", docstring)
    assert docstring not in (getattr(theirs, "__doc__", None) or "")


def test_one_backend() -> None:
    """An annotation names one backend, and no field has two."""
    for kind in MESSAGES:
        for name, annotation in get_type_hints(kind, include_extras=True).items():
            backends = [
                each.backend for each in getattr(annotation, "__metadata__", ()) if isinstance(each, BackendOnly)
            ]
            assert (kind.__name__, name, backends in ([], ["gemini"], ["vertex"])) == (kind.__name__, name, True)


def test_all() -> None:
    """`__all__` is sorted, and every name exists."""
    assert schema.__all__ == sorted(schema.__all__)
    assert [name for name in schema.__all__ if not hasattr(schema, name)] == []
    assert issubclass(schema.Message, Message)
