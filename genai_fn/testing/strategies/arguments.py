"""Strategies for the arguments of each request builder, as plain Python values: dicts, lists and strings."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

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
from genai_fn.schema import Content, Message, OpenEnum, Part
from genai_fn.testing.strategies.values.types import from_type, texts

Arguments: TypeAlias = dict[str, Any]


def arguments(*, config: Any = None, **strategies: SearchStrategy[Any]) -> SearchStrategy[Arguments]:
    """Draw keyword arguments, with or without a config of the given type."""
    return _dictionaries(strategies, {} if config is None else {"config": _plain_values(config)})


def names(*prefixes: str) -> SearchStrategy[str]:
    """Draw resource names with one of the prefixes."""
    return st.tuples(st.sampled_from(prefixes), _RESOURCE_IDS).map("".join)


def make_operation_getter(kind: type[Any]) -> Callable[[str], Request[Any]]:
    """Return a function that builds the request for an operation of the given type from its name."""
    return lambda name: operations.get(name, kind)


def _dictionaries(
    required: dict[str, SearchStrategy[Any]], optional: dict[str, SearchStrategy[Any]]
) -> SearchStrategy[Arguments]:
    return st.fixed_dictionaries(required, optional=optional)


def _plain_values(kind: Any) -> SearchStrategy[Any]:
    return from_type(kind).map(_dump_plain)


def _dump_plain(value: Any) -> Any:
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

_DOCUMENT_NAMES = st.tuples(STORE_NAMES, names("/documents/")).map("".join)
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


_TURNS = st.lists(_plain_values(Content).filter(lambda turn: turn.get("parts")), min_size=1, max_size=3)
_PARTS = _plain_values(Part).filter(bool)
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
    return {"reference_type": f"REFERENCE_TYPE_{name}", **draw(_plain_values(_REFERENCE_TYPES[name]))}


_BATCH_SOURCES = st.one_of(
    names("gs://b/").map("{}.jsonl".format),
    names("bq://p.d."),
    names("files/"),
    st.lists(
        _dictionaries(
            {"contents": _CONTENTS},
            {
                "config": _plain_values(schema.GenerateContentConfig),
                "metadata": st.dictionaries(texts, texts, max_size=2),
            },
        ),
        min_size=1,
        max_size=2,
    ),
)
_EMBEDDING_SOURCES = st.one_of(
    _FILE_NAMES.map(lambda name: {"file_name": name}),
    _dictionaries({"contents": _TEXTS}, {"config": _plain_values(schema.EmbedContentConfig)}).map(
        lambda inlined: {"inlined_requests": inlined}
    ),
)
_VIDEO_SOURCE_FIELDS = {"prompt": texts, "image": _plain_values(schema.Image), "video": _plain_values(schema.Video)}
_VIDEO_OPTIONS = {"config": _plain_values(schema.GenerateVideosConfig)}
_VIDEO_ARGUMENTS = st.one_of(
    _dictionaries({"model": _MODEL_NAMES}, {**_VIDEO_OPTIONS, **_VIDEO_SOURCE_FIELDS}),
    _dictionaries({"model": _MODEL_NAMES, "source": _plain_values(schema.GenerateVideosSource)}, _VIDEO_OPTIONS),
)


# Builders


def _with_model_argument(
    build: Any, *, config: Any = None, **strategies: SearchStrategy[Any]
) -> tuple[Any, SearchStrategy[Arguments]]:
    return build, arguments(model=_MODEL_NAMES, config=config, **strategies)


def _with_name_argument(
    build: Any, names: SearchStrategy[str], config: Any = None
) -> tuple[Any, SearchStrategy[Arguments]]:
    return build, arguments(name=names, config=config)


def _with_arguments(
    build: Any, config: Any, **strategies: SearchStrategy[Any]
) -> tuple[Any, SearchStrategy[Arguments]]:
    return build, arguments(config=config, **strategies)


_documents = stores.documents

BUILDERS: Mapping[str, tuple[Callable[..., Request[Any]], SearchStrategy[Arguments]]] = {
    "generate": _with_model_argument(generate, contents=_CONTENTS, config=schema.GenerateContentConfig),
    "embed": _with_model_argument(embed, contents=_TEXTS, config=schema.EmbedContentConfig),
    "tokens.count": _with_model_argument(tokens.count, contents=_CONTENTS, config=schema.CountTokensConfig),
    "tokens.compute": _with_model_argument(tokens.compute, contents=_CONTENTS),
    "images.generate": _with_model_argument(images.generate, prompt=texts, config=schema.GenerateImagesConfig),
    "images.edit": _with_model_argument(
        images.edit,
        prompt=texts,
        reference_images=st.lists(_reference_images(), max_size=3),
        config=schema.EditImageConfig,
    ),
    "images.upscale": _with_model_argument(
        images.upscale, image=_plain_values(schema.Image), upscale_factor=texts, config=schema.UpscaleImageConfig
    ),
    "images.recontext": _with_model_argument(
        images.recontext, source=_plain_values(schema.RecontextImageSource), config=schema.RecontextImageConfig
    ),
    "images.segment": _with_model_argument(
        images.segment, source=_plain_values(schema.SegmentImageSource), config=schema.SegmentImageConfig
    ),
    "videos.generate": (videos.generate, _VIDEO_ARGUMENTS),
    "models.get": _with_model_argument(models.get),
    "models.delete": _with_model_argument(models.delete),
    "models.update": _with_model_argument(models.update, config=schema.UpdateModelConfig),
    "models.list": _with_arguments(models.list, schema.ListModelsConfig),
    "files.get": _with_name_argument(files.get, _FILE_NAMES),
    "files.delete": _with_name_argument(files.delete, _FILE_NAMES),
    "files.list": _with_arguments(files.list, schema.ListFilesConfig),
    "caches.create": _with_model_argument(caches.create, config=schema.CreateCachedContentConfig),
    "caches.get": _with_name_argument(caches.get, _CACHE_NAMES),
    "caches.delete": _with_name_argument(caches.delete, _CACHE_NAMES),
    "caches.update": _with_name_argument(caches.update, _CACHE_NAMES, schema.UpdateCachedContentConfig),
    "caches.list": _with_arguments(caches.list, schema.ListCachedContentsConfig),
    "batches.create": _with_model_argument(batches.create, src=_BATCH_SOURCES, config=schema.CreateBatchJobConfig),
    "batches.create_embeddings": _with_model_argument(
        batches.create_embeddings, src=_EMBEDDING_SOURCES, config=schema.CreateEmbeddingsBatchJobConfig
    ),
    "batches.get": _with_name_argument(batches.get, _BATCH_NAMES),
    "batches.cancel": _with_name_argument(batches.cancel, _BATCH_NAMES),
    "batches.delete": _with_name_argument(batches.delete, _BATCH_NAMES),
    "batches.list": _with_arguments(batches.list, schema.ListBatchJobsConfig),
    "tunings.tune": _with_arguments(
        tunings.tune,
        schema.CreateTuningJobConfig,
        base_model=_MODEL_NAMES,
        training_dataset=_plain_values(schema.TuningDataset),
    ),
    "tunings.get": _with_name_argument(tunings.get, _TUNING_NAMES),
    "tunings.cancel": _with_name_argument(tunings.cancel, _TUNING_NAMES),
    "tunings.list": _with_arguments(tunings.list, schema.ListTuningJobsConfig),
    "stores.create": _with_arguments(stores.create, schema.CreateFileSearchStoreConfig),
    "stores.get": _with_name_argument(stores.get, STORE_NAMES),
    "stores.delete": _with_name_argument(stores.delete, STORE_NAMES, schema.DeleteFileSearchStoreConfig),
    "stores.list": _with_arguments(stores.list, schema.ListFileSearchStoresConfig),
    "stores.import_file": _with_arguments(
        stores.import_file, schema.ImportFileConfig, file_search_store_name=STORE_NAMES, file_name=names("files/")
    ),
    "stores.documents.get": _with_name_argument(_documents.get, _DOCUMENT_NAMES),
    "stores.documents.delete": _with_name_argument(_documents.delete, _DOCUMENT_NAMES, schema.DeleteDocumentConfig),
    "stores.documents.list": _with_arguments(_documents.list, schema.ListDocumentsConfig, parent=STORE_NAMES),
    "operations.get": _with_name_argument(
        make_operation_getter(schema.GenerateVideosOperation), _VIDEO_OPERATION_NAMES
    ),
    "operations.get.import": _with_name_argument(
        make_operation_getter(schema.ImportFileOperation), _STORE_OPERATION_NAMES
    ),
    "operations.get.upload": _with_name_argument(
        make_operation_getter(schema.UploadToFileSearchStoreOperation), _STORE_OPERATION_NAMES
    ),
    "auth_tokens.create": _with_arguments(auth_tokens.create, schema.CreateAuthTokenConfig),
}
"""Operation name → request builder, and a strategy for its arguments."""
