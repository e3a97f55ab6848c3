"""Strategies for the arguments of each request builder, as plain Python values: dicts, lists and strings."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn import schema
from genai_fn.ops import (
    auth_tokens,
    batches,
    caches,
    files,
    images,
    models,
    operations,
    stores,
    tokens,
    tunings,
    videos,
)
from genai_fn.ops.embed import embed
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.schema import contents, responses
from genai_fn.schema.annotations import iter_types
from genai_fn.schema.base import Message, OpenEnum
from genai_fn.schema.config_dicts import generation, media, resources, tunings as tuning_configs
from genai_fn.schema.content import Content, Part
from genai_fn.testing.strategies.values.types import from_type, texts

Arguments: TypeAlias = dict[str, Any]


def names(*prefixes: str) -> SearchStrategy[str]:
    """Draw resource names with one of the prefixes."""
    return st.tuples(st.sampled_from(prefixes), _RESOURCE_IDS).map("".join)


def make_operation_getter(kind: type[Any]) -> Callable[[str], Request[Any]]:
    """Return a function that builds the request for an operation of the given type from its name."""
    return lambda name: operations.get(name, kind)


def _dictionaries(
    required: dict[str, SearchStrategy[Any]], optional: dict[str, SearchStrategy[Any]]
) -> SearchStrategy[Arguments]:
    """Draw dicts, with types that checkers do not find by themselves."""
    return st.fixed_dictionaries(required, optional=optional)


def plain_values(kind: Any) -> SearchStrategy[Any]:
    """Draw values of a type as users may write them: dicts, lists and strings."""
    return from_type(kind).map(_dump_plain)


def _dump_plain(value: Any) -> Any:
    if isinstance(value, Content) and Part() in (value.parts or ()):  # refused in contents
        value = replace(value, parts=tuple(each for each in value.parts or () if each != Part()))
    if isinstance(value, Message):
        defaults = zip(value.__struct_fields__, value.__struct_defaults__, strict=True)
        return {name: _dump_plain(each) for name, unset in defaults if (each := getattr(value, name)) != unset}
    if isinstance(value, tuple | list):
        return [_dump_plain(each) for each in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        return {key: _dump_plain(each) for key, each in cast("Arguments", value).items()}
    return value.value if isinstance(value, OpenEnum) else value


# Resource names


_RESOURCE_IDS = st.text("abcxyz0189-_", min_size=1, max_size=12)

_MODEL_NAMES = names(
    "",
    "models/",
    "tunedModels/",
    "publishers/google/models/",
    "publishers/meta/models/",
    "projects/q/locations/l/models/",
    "meta/",
)
_CACHE_NAMES = names("", "cachedContents/", "locations/l/cachedContents/", "projects/q/locations/l/cachedContents/")
_FILE_NAMES = st.text("abcxyz0189", min_size=1, max_size=12).flatmap(
    lambda name: st.sampled_from(
        [name, f"files/{name}", f"https://generativelanguage.googleapis.com/v1beta/files/{name}"]
    )
)
STORE_NAMES = names("fileSearchStores/")
"""Names of file search stores."""
UPLOAD_URLS = names("https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=")
"""URLs of upload sessions."""

_DOCUMENT_NAMES = st.tuples(STORE_NAMES, names("/documents/")).map("".join)
_MEDIA_IDS = st.tuples(STORE_NAMES, names("/media/")).map("".join)
_BATCH_NAMES = st.one_of(
    names("batches/", "projects/q/locations/l/batchPredictionJobs/"), st.integers(0, 10**9).map(str)
)
_TUNING_NAMES = names("tunedModels/", "projects/q/locations/l/tuningJobs/", "")
_VIDEO_OPERATION_NAMES = names(
    "models/veo/operations/",
    "projects/p/locations/us-central1/publishers/google/models/veo/operations/",
    "publishers/google/models/veo/operations/",
)
_STORE_OPERATION_NAMES = names("fileSearchStores/s/operations/", "fileSearchStores/s/upload/operations/")


# Contents


_TURNS = st.lists(plain_values(Content).filter(lambda turn: turn.get("parts")), min_size=1, max_size=3)
_PARTS = plain_values(Part).filter(bool)
_CONTENTS: SearchStrategy[Any] = st.one_of(
    texts.filter(bool), _TURNS, _PARTS, st.lists(st.one_of(texts.filter(bool), _PARTS), min_size=1, max_size=4)
)
_TEXTS = st.one_of(texts.filter(bool), st.lists(texts.filter(bool), min_size=1, max_size=3))
_REFERENCE_TYPES = {
    "RAW": schema.RawReferenceImage,
    "MASK": schema.MaskReferenceImage,
    "CONTROL": schema.ControlReferenceImage,
    "STYLE": schema.StyleReferenceImage,
    "SUBJECT": schema.SubjectReferenceImage,
    "CONTENT": schema.ContentReferenceImage,
}


@st.composite
def _reference_images(draw: DrawFn) -> Arguments:
    name = draw(st.sampled_from(sorted(_REFERENCE_TYPES)))
    return {"reference_type": f"REFERENCE_TYPE_{name}", **draw(plain_values(_REFERENCE_TYPES[name]))}


_INLINED_OPTIONS: dict[str, SearchStrategy[Any]] = {
    "config": plain_values(schema.GenerateContentConfig),
    "metadata": st.dictionaries(texts, texts, max_size=2),
}
_INLINED_REQUESTS = _dictionaries({"contents": _CONTENTS}, _INLINED_OPTIONS)
_BATCH_SOURCES = st.one_of(
    names("gs://b/").map("{}.jsonl".format),
    names("bq://p.d."),
    names("files/"),
    names("projects/q/locations/l/datasets/"),
    st.lists(_INLINED_REQUESTS, min_size=1, max_size=2),
)
_INLINED_EMBEDDINGS = _dictionaries({"contents": _TEXTS}, {"config": plain_values(schema.EmbedContentConfig)})
_EMBEDDING_SOURCES = st.one_of(
    st.fixed_dictionaries({"file_name": _FILE_NAMES}),
    st.fixed_dictionaries({"inlined_requests": _INLINED_EMBEDDINGS}),
)
_VIDEO_SOURCE_FIELDS = {"prompt": texts, "image": plain_values(schema.Image), "video": plain_values(schema.Video)}
_VIDEO_OPTIONS = {"config": plain_values(schema.GenerateVideosConfig)}
_VIDEO_ARGUMENTS = st.one_of(
    _dictionaries({"model": _MODEL_NAMES}, {**_VIDEO_OPTIONS, **_VIDEO_SOURCE_FIELDS}),
    _dictionaries({"model": _MODEL_NAMES, "source": plain_values(schema.GenerateVideosSource)}, _VIDEO_OPTIONS),
)


_REWARD_FIELDS = {
    "sample_response": st.one_of(texts.filter(bool), plain_values(Content).filter(lambda turn: turn.get("parts"))),
    "example": plain_values(schema.ReinforcementTuningExample),
}
_REWARD_CONFIGS = {
    "single_reward_config": plain_values(schema.SingleReinforcementTuningRewardConfig),
    "composite_reward_config": plain_values(schema.CompositeReinforcementTuningRewardConfig),
}
_REWARD_ARGUMENTS = st.one_of(
    [
        _dictionaries({**_REWARD_FIELDS, name: config}, {"parent": names("projects/q/locations/")})
        for name, config in _REWARD_CONFIGS.items()
    ]
)


# Builders


_TYPES = {
    name: kind
    for module in (contents, responses, generation, media, resources, tuning_configs)
    for name, kind in vars(module).items()
}
"""The types that only type checkers import where the builders are."""


def _pair(
    build: Callable[..., Request[Any]], **strategies: SearchStrategy[Any]
) -> tuple[Callable[..., Request[Any]], SearchStrategy[Arguments]]:
    """Pair a builder with its arguments: model, and types of the API, are drawn by its signature."""
    drawn = dict(strategies)
    for name, annotation in get_type_hints(build, localns=_TYPES).items():
        message_types = [
            each for each in iter_types(annotation) if isinstance(each, type) and issubclass(each, Message)
        ]
        if name == "model":
            drawn[name] = _MODEL_NAMES
        elif message_types and name not in strategies:
            drawn[name] = plain_values(message_types[0])
    optional = {name: drawn.pop(name) for name in ("config",) if name in drawn}
    return build, _dictionaries(drawn, optional)


BUILDERS: Mapping[str, tuple[Callable[..., Request[Any]], SearchStrategy[Arguments]]] = {
    "generate": _pair(generate, contents=_CONTENTS),
    "embed": _pair(embed, contents=_TEXTS),
    "tokens.count": _pair(tokens.count, contents=_CONTENTS, config=plain_values(schema.CountTokensConfig)),
    "tokens.compute": _pair(tokens.compute, contents=_CONTENTS),
    "images.generate": _pair(images.generate, prompt=texts),
    "images.edit": _pair(images.edit, prompt=texts, reference_images=st.lists(_reference_images(), max_size=3)),
    "images.upscale": _pair(images.upscale, upscale_factor=texts),
    "images.recontext": _pair(images.recontext),
    "images.segment": _pair(images.segment),
    "videos.generate": (videos.generate, _VIDEO_ARGUMENTS),
    "models.get": _pair(models.get),
    "models.delete": _pair(models.delete),
    "models.update": _pair(models.update),
    "models.list": _pair(models.list),
    "files.get": _pair(files.get, name=_FILE_NAMES),
    "files.delete": _pair(files.delete, name=_FILE_NAMES),
    "files.register_files": _pair(files.register_files, uris=st.lists(names("gs://b/"), min_size=1, max_size=3)),
    "files.list": _pair(files.list),
    "caches.create": _pair(caches.create),
    "caches.get": _pair(caches.get, name=_CACHE_NAMES),
    "caches.delete": _pair(caches.delete, name=_CACHE_NAMES),
    "caches.update": _pair(caches.update, name=_CACHE_NAMES),
    "caches.list": _pair(caches.list),
    "batches.create": _pair(batches.create, src=_BATCH_SOURCES),
    "batches.create_embeddings": _pair(batches.create_embeddings, src=_EMBEDDING_SOURCES),
    "batches.get": _pair(batches.get, name=_BATCH_NAMES),
    "batches.cancel": _pair(batches.cancel, name=_BATCH_NAMES),
    "batches.delete": _pair(batches.delete, name=_BATCH_NAMES),
    "batches.list": _pair(batches.list),
    "tunings.tune": _pair(tunings.tune, base_model=_MODEL_NAMES),
    "tunings.validate_reward": (tunings.validate_reward, _REWARD_ARGUMENTS),
    "tunings.get": _pair(tunings.get, name=_TUNING_NAMES),
    "tunings.cancel": _pair(tunings.cancel, name=_TUNING_NAMES),
    "tunings.list": _pair(tunings.list),
    "stores.create": _pair(stores.create),
    "stores.get": _pair(stores.get, name=STORE_NAMES),
    "stores.delete": _pair(stores.delete, name=STORE_NAMES),
    "stores.list": _pair(stores.list),
    "stores.download_media": _pair(stores.download_media, media_id=_MEDIA_IDS),
    "stores.import_file": _pair(stores.import_file, file_search_store_name=STORE_NAMES, file_name=names("files/")),
    "stores.documents.get": _pair(stores.documents.get, name=_DOCUMENT_NAMES),
    "stores.documents.delete": _pair(stores.documents.delete, name=_DOCUMENT_NAMES),
    "stores.documents.list": _pair(stores.documents.list, parent=STORE_NAMES),
    "operations.get": _pair(make_operation_getter(schema.GenerateVideosOperation), name=_VIDEO_OPERATION_NAMES),
    "operations.get.import": _pair(make_operation_getter(schema.ImportFileOperation), name=_STORE_OPERATION_NAMES),
    "operations.get.upload": _pair(
        make_operation_getter(schema.UploadToFileSearchStoreOperation), name=_STORE_OPERATION_NAMES
    ),
    "auth_tokens.create": _pair(auth_tokens.create),
}
"""Operation name → request builder, and a strategy for its arguments."""
