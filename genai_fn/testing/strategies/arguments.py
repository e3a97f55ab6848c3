"""
What each builder of requests takes, as a program would pass it that knows no types: dicts with Python names, lists,
texts.
"""

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
from genai_fn.testing.strategies.types import of, texts

__all__ = ["BUILDERS", "STORES", "Given", "arguments", "asked", "names"]

Given: TypeAlias = dict[str, Any]


def arguments(*, config: Any = None, **given: SearchStrategy[Any]) -> SearchStrategy[Given]:
    """Draw arguments, and maybe a config of a type."""
    return _dicts(given, {} if config is None else {"config": _some(config)})


def names(*prefixes: str) -> SearchStrategy[str]:
    """Draw names that begin as one of these."""
    return st.tuples(st.sampled_from(prefixes), _IDS).map("".join)


def asked(kind: type[Any]) -> Callable[[str], Request[Any]]:
    """Ask after work of one type by its name."""
    return lambda name: operations.get(name, kind)


def _dicts(needed: dict[str, SearchStrategy[Any]], optional: dict[str, SearchStrategy[Any]]) -> SearchStrategy[Given]:
    return st.fixed_dictionaries(needed, optional=optional)


def _some(kind: Any) -> SearchStrategy[Any]:
    return of(kind).map(_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        defaults = zip(value.__struct_fields__, value.__struct_defaults__, strict=True)
        return {name: _plain(each) for name, unset in defaults if (each := getattr(value, name)) != unset}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in cast("Given", value).items()}
    return value.value if isinstance(value, OpenEnum) else value


# What goes by names


_IDS = st.text("abcxyz0189-_", min_size=1, max_size=12)

_MODELS = names(
    "",
    "models/",
    "tunedModels/",
    "publishers/google/models/",
    "publishers/meta/models/",
    "projects/q/locations/l/models/",
    "meta/",
)
_CACHES = names("", "cachedContents/", "locations/l/cachedContents/", "projects/q/locations/l/cachedContents/")
_FILES = st.text("abcxyz0189", min_size=1, max_size=12).flatmap(
    lambda name: st.sampled_from(
        [name, f"files/{name}", f"https://generativelanguage.googleapis.com/v1beta/files/{name}"]
    )
)
STORES = names("fileSearchStores/")
"""Names of stores."""

_DOCUMENTS = st.tuples(STORES, names("/documents/")).map("".join)
_BATCHES = st.one_of(names("batches/", "projects/q/locations/l/batchPredictionJobs/"), st.integers(0, 10**9).map(str))
_TUNINGS = names("tunedModels/", "projects/q/locations/l/tuningJobs/", "")
_FILMED = names(
    "models/veo/operations/",
    "projects/p/locations/us-central1/publishers/google/models/veo/operations/",
    "publishers/google/models/veo/operations/",
)
_WORK = names("fileSearchStores/s/operations/", "fileSearchStores/s/upload/operations/")


# What is said and seen


_TURNS = st.lists(_some(Content).filter(lambda turn: turn.get("parts")), min_size=1, max_size=3)
_PARTS = _some(Part).filter(bool)
_CONTENTS: SearchStrategy[Any] = st.one_of(
    texts.filter(bool), _TURNS, _PARTS, st.lists(st.one_of(texts.filter(bool), _PARTS), min_size=1, max_size=4)
)
_TEXTS = st.one_of(texts.filter(bool), st.lists(texts.filter(bool), min_size=1, max_size=3))
_REFERENCES = {
    "RAW": schema.RawReferenceImage,
    "MASK": schema.MaskReferenceImage,
    "CONTROL": schema.ControlReferenceImage,
    "STYLE": schema.StyleReferenceImage,
    "SUBJECT": schema.SubjectReferenceImage,
    "CONTENT": schema.ContentReferenceImage,
}


@st.composite
def _references(draw: DrawFn) -> Given:
    name = draw(st.sampled_from(sorted(_REFERENCES)))
    return {"reference_type": f"REFERENCE_TYPE_{name}", **draw(_some(_REFERENCES[name]))}


_SOURCES = st.one_of(
    names("gs://b/").map("{}.jsonl".format),
    names("bq://p.d."),
    names("files/"),
    st.lists(
        _dicts(
            {"contents": _CONTENTS},
            {
                "config": _some(schema.GenerateContentConfig),
                "metadata": st.dictionaries(texts, texts, max_size=2),
            },
        ),
        min_size=1,
        max_size=2,
    ),
)
_EMBEDDED = st.one_of(
    _FILES.map(lambda name: {"file_name": name}),
    _dicts({"contents": _TEXTS}, {"config": _some(schema.EmbedContentConfig)}).map(
        lambda inlined: {"inlined_requests": inlined}
    ),
)
_APART = {"prompt": texts, "image": _some(schema.Image), "video": _some(schema.Video)}
_FILMS = {"config": _some(schema.GenerateVideosConfig)}
_SCENES = st.one_of(
    _dicts({"model": _MODELS}, {**_FILMS, **_APART}),
    _dicts({"model": _MODELS, "source": _some(schema.GenerateVideosSource)}, _FILMS),
)


# Who takes what


def _of_models(build: Any, *, config: Any = None, **given: SearchStrategy[Any]) -> tuple[Any, SearchStrategy[Given]]:
    return build, arguments(model=_MODELS, config=config, **given)


def _named(build: Any, names: SearchStrategy[str], config: Any = None) -> tuple[Any, SearchStrategy[Given]]:
    return build, arguments(name=names, config=config)


def _listed(build: Any, config: Any, **given: SearchStrategy[Any]) -> tuple[Any, SearchStrategy[Given]]:
    return build, arguments(config=config, **given)


_documents = stores.documents

BUILDERS: Mapping[str, tuple[Callable[..., Request[Any]], SearchStrategy[Given]]] = {
    "generate": _of_models(generate, contents=_CONTENTS, config=schema.GenerateContentConfig),
    "embed": _of_models(embed, contents=_TEXTS, config=schema.EmbedContentConfig),
    "tokens.count": _of_models(tokens.count, contents=_CONTENTS, config=schema.CountTokensConfig),
    "tokens.compute": _of_models(tokens.compute, contents=_CONTENTS),
    "images.generate": _of_models(images.generate, prompt=texts, config=schema.GenerateImagesConfig),
    "images.edit": _of_models(
        images.edit,
        prompt=texts,
        reference_images=st.lists(_references(), max_size=3),
        config=schema.EditImageConfig,
    ),
    "images.upscale": _of_models(
        images.upscale, image=_some(schema.Image), upscale_factor=texts, config=schema.UpscaleImageConfig
    ),
    "images.recontext": _of_models(
        images.recontext, source=_some(schema.RecontextImageSource), config=schema.RecontextImageConfig
    ),
    "images.segment": _of_models(
        images.segment, source=_some(schema.SegmentImageSource), config=schema.SegmentImageConfig
    ),
    "videos.generate": (videos.generate, _SCENES),
    "models.get": _of_models(models.get),
    "models.delete": _of_models(models.delete),
    "models.update": _of_models(models.update, config=schema.UpdateModelConfig),
    "models.list": _listed(models.list, schema.ListModelsConfig),
    "files.get": _named(files.get, _FILES),
    "files.delete": _named(files.delete, _FILES),
    "files.list": _listed(files.list, schema.ListFilesConfig),
    "caches.create": _of_models(caches.create, config=schema.CreateCachedContentConfig),
    "caches.get": _named(caches.get, _CACHES),
    "caches.delete": _named(caches.delete, _CACHES),
    "caches.update": _named(caches.update, _CACHES, schema.UpdateCachedContentConfig),
    "caches.list": _listed(caches.list, schema.ListCachedContentsConfig),
    "batches.create": _of_models(batches.create, src=_SOURCES, config=schema.CreateBatchJobConfig),
    "batches.create_embeddings": _of_models(
        batches.create_embeddings, src=_EMBEDDED, config=schema.CreateEmbeddingsBatchJobConfig
    ),
    "batches.get": _named(batches.get, _BATCHES),
    "batches.cancel": _named(batches.cancel, _BATCHES),
    "batches.delete": _named(batches.delete, _BATCHES),
    "batches.list": _listed(batches.list, schema.ListBatchJobsConfig),
    "tunings.tune": _listed(
        tunings.tune,
        schema.CreateTuningJobConfig,
        base_model=_MODELS,
        training_dataset=_some(schema.TuningDataset),
    ),
    "tunings.get": _named(tunings.get, _TUNINGS),
    "tunings.cancel": _named(tunings.cancel, _TUNINGS),
    "tunings.list": _listed(tunings.list, schema.ListTuningJobsConfig),
    "stores.create": _listed(stores.create, schema.CreateFileSearchStoreConfig),
    "stores.get": _named(stores.get, STORES),
    "stores.delete": _named(stores.delete, STORES, schema.DeleteFileSearchStoreConfig),
    "stores.list": _listed(stores.list, schema.ListFileSearchStoresConfig),
    "stores.import_file": _listed(
        stores.import_file, schema.ImportFileConfig, file_search_store_name=STORES, file_name=names("files/")
    ),
    "stores.documents.get": _named(_documents.get, _DOCUMENTS),
    "stores.documents.delete": _named(_documents.delete, _DOCUMENTS, schema.DeleteDocumentConfig),
    "stores.documents.list": _listed(_documents.list, schema.ListDocumentsConfig, parent=STORES),
    "operations.get": _named(asked(schema.GenerateVideosOperation), _FILMED),
    "operations.get.import": _named(asked(schema.ImportFileOperation), _WORK),
    "operations.get.upload": _named(asked(schema.UploadToFileSearchStoreOperation), _WORK),
    "auth_tokens.create": _listed(auth_tokens.create, schema.CreateAuthTokenConfig),
}
"""By the name of an operation, its builder, and what that is given."""
