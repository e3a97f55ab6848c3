"""
Every operation that google-genai 1.51.0 has, too, as a `Call`: what it is given, drawn by Hypothesis, and both ways to
pass it.

Arguments are plain values with google-genai's own names, snake_case dicts down to the leaves, so that neither library's
types are in the way.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

from google.genai import types
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import genai_fn
from genai_fn import schema
from genai_fn.ops import auth_tokens, batches, caches, images, operations, tokens, tunings, videos
from genai_fn.ops.embed import embed
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.schema import Content, Message, OpenEnum, Part
from genai_fn.testing.strategies import of, texts

Given: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """An operation, what it is given, and how often it is drawn."""

    name: str
    build: Callable[..., Request[Any]]
    method: str | Callable[..., Any]
    """Google-genai's: the path to it from a client, or a function of a client and the arguments."""

    given: SearchStrategy[Given]
    examples: int = 12
    spelled: bool = False
    """Whether the spelling of names in the body counts."""

    def ours(self, given: Given) -> Request[Any]:
        return self.build(**deepcopy(given))

    def theirs(self, client: Any, given: Given) -> Any:
        if isinstance(self.method, str):
            return attrgetter(self.method)(client)(**deepcopy(given))
        return self.method(client, **deepcopy(given))


def plain(value: Any) -> Any:
    """Write a value as a program would that knows no types: dicts with Python names, lists, texts."""
    if isinstance(value, Message):
        defaults = zip(value.__struct_fields__, value.__struct_defaults__, strict=True)
        return {name: plain(each) for name, unset in defaults if (each := getattr(value, name)) != unset}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return value.value if isinstance(value, OpenEnum) else value


def _some(kind: Any) -> SearchStrategy[Any]:
    return of(kind).map(plain)


def arguments(*, config: Any = None, **given: SearchStrategy[Any]) -> SearchStrategy[Given]:
    """Draw arguments, and maybe a config of a type."""
    optional = {} if config is None else {"config": _some(config)}
    return st.fixed_dictionaries(given, optional=optional)


_IDS = st.text("abcxyz0189-_", min_size=1, max_size=12)


def names(*prefixes: str) -> SearchStrategy[str]:
    """Draw names that begin as one of these."""
    return st.tuples(st.sampled_from(prefixes), _IDS).map("".join)


MODELS = names(
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
_DOCUMENTS = st.tuples(STORES, names("/documents/")).map("".join)
_BATCHES = st.one_of(names("batches/", "projects/q/locations/l/batchPredictionJobs/"), st.integers(0, 10**9).map(str))
_TUNINGS = names("tunedModels/", "projects/q/locations/l/tuningJobs/", "")
_TURNS = st.lists(_some(Content).filter(lambda turn: turn.get("parts")), min_size=1, max_size=3)
_PARTS = _some(Part).filter(bool)
CONTENTS: SearchStrategy[Any] = st.one_of(
    texts.filter(bool), _TURNS, _PARTS, st.lists(st.one_of(texts.filter(bool), _PARTS), min_size=1, max_size=4)
)
"""What people pass as contents."""

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
def _references(draw: st.DrawFn) -> Given:
    name = draw(st.sampled_from(sorted(_REFERENCES)))
    return {"reference_type": f"REFERENCE_TYPE_{name}", **draw(_some(_REFERENCES[name]))}


def _edited(client: Any, reference_images: list[Given], **given: Any) -> Any:
    """1.51.0 wants its own types here."""
    typed = [_typed(each) for each in reference_images]
    return client.models.edit_image(reference_images=typed, **given)


def _typed(given: Given) -> Any:
    fields = dict(given)
    name = fields.pop("reference_type").removeprefix("REFERENCE_TYPE_").title()
    return getattr(types, f"{name}ReferenceImage")(**fields)


def _operation(kind: str) -> Callable[..., Any]:
    def call(client: Any, name: str) -> Any:
        return client.operations.get(getattr(types, kind)(name=name))

    return call


def asked(kind: type[Any]) -> Callable[[str], Request[Any]]:
    """Ask after work of one type by its name."""
    return lambda name: operations.get(name, kind)


_FILMED = names(
    "models/veo/operations/",
    "projects/p/locations/us-central1/publishers/google/models/veo/operations/",
    "publishers/google/models/veo/operations/",
)
_WORK = names("fileSearchStores/s/operations/", "fileSearchStores/s/upload/operations/")

_SOURCES = st.one_of(
    names("gs://b/").map("{}.jsonl".format),
    names("bq://p.d."),
    names("files/"),
    st.lists(
        st.fixed_dictionaries(
            {"contents": CONTENTS},
            optional={
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
    st.fixed_dictionaries({"contents": _TEXTS}, optional={"config": _some(schema.EmbedContentConfig)}).map(
        lambda inlined: {"inlined_requests": inlined}
    ),
)
_APART = {"prompt": texts, "image": _some(schema.Image), "video": _some(schema.Video)}
_FILMS = {"config": _some(schema.GenerateVideosConfig)}
_SCENES = st.one_of(
    st.fixed_dictionaries({"model": MODELS}, optional={**_FILMS, **_APART}),
    st.fixed_dictionaries({"model": MODELS, "source": _some(schema.GenerateVideosSource)}, optional=_FILMS),
)
"""What videos are made of: told apart, or in one."""


def _alike(resource: str, verbs: str, **given: Any) -> tuple[Call, ...]:
    """Give the calls of a resource that take the same and go by the same names in both libraries."""
    theirs = resource.replace("stores", "file_search_stores")
    builders = attrgetter(resource)(genai_fn)
    return tuple(
        Call(f"{resource}.{verb}", getattr(builders, verb), f"{theirs}.{verb}", arguments(**given))
        for verb in verbs.split()
    )


def _model(**given: Any) -> SearchStrategy[Given]:
    return arguments(model=MODELS, **given)


CALLS: tuple[Call, ...] = (
    Call(
        "generate",
        generate,
        "models.generate_content",
        _model(contents=CONTENTS, config=schema.GenerateContentConfig),
        80,
    ),
    Call(
        "embed",
        embed,
        "models.embed_content",
        _model(contents=_TEXTS, config=schema.EmbedContentConfig),
        25,
        spelled=True,
    ),
    Call(
        "tokens.count",
        tokens.count,
        "models.count_tokens",
        _model(contents=CONTENTS, config=schema.CountTokensConfig),
        30,
    ),
    Call("tokens.compute", tokens.compute, "models.compute_tokens", _model(contents=CONTENTS)),
    Call(
        "images.generate",
        images.generate,
        "models.generate_images",
        _model(prompt=texts, config=schema.GenerateImagesConfig),
        30,
        spelled=True,
    ),
    Call(
        "images.edit",
        images.edit,
        _edited,
        _model(prompt=texts, reference_images=st.lists(_references(), max_size=3), config=schema.EditImageConfig),
        30,
        spelled=True,
    ),
    Call(
        "images.upscale",
        images.upscale,
        "models.upscale_image",
        _model(image=_some(schema.Image), upscale_factor=texts, config=schema.UpscaleImageConfig),
        15,
        spelled=True,
    ),
    Call(
        "images.recontext",
        images.recontext,
        "models.recontext_image",
        _model(source=_some(schema.RecontextImageSource), config=schema.RecontextImageConfig),
        20,
        spelled=True,
    ),
    Call(
        "images.segment",
        images.segment,
        "models.segment_image",
        _model(source=_some(schema.SegmentImageSource), config=schema.SegmentImageConfig),
        15,
        spelled=True,
    ),
    Call("videos.generate", videos.generate, "models.generate_videos", _SCENES, 40, spelled=True),
    *_alike("models", "get delete", model=MODELS),
    *_alike("models", "update", model=MODELS, config=schema.UpdateModelConfig),
    *_alike("models", "list", config=schema.ListModelsConfig),
    *_alike("files", "get delete", name=_FILES),
    *_alike("files", "list", config=schema.ListFilesConfig),
    Call("caches.create", caches.create, "caches.create", _model(config=schema.CreateCachedContentConfig), 40),
    *_alike("caches", "get delete", name=_CACHES),
    *_alike("caches", "update", name=_CACHES, config=schema.UpdateCachedContentConfig),
    *_alike("caches", "list", config=schema.ListCachedContentsConfig),
    Call(
        "batches.create",
        batches.create,
        "batches.create",
        _model(src=_SOURCES, config=schema.CreateBatchJobConfig),
        40,
    ),
    *_alike("batches", "create_embeddings", model=MODELS, src=_EMBEDDED, config=schema.CreateEmbeddingsBatchJobConfig),
    *_alike("batches", "get cancel delete", name=_BATCHES),
    *_alike("batches", "list", config=schema.ListBatchJobsConfig),
    Call(
        "tunings.tune",
        tunings.tune,
        "tunings.tune",
        arguments(base_model=MODELS, training_dataset=_some(schema.TuningDataset), config=schema.CreateTuningJobConfig),
        40,
    ),
    *_alike("tunings", "get cancel", name=_TUNINGS),
    *_alike("tunings", "list", config=schema.ListTuningJobsConfig),
    *_alike("stores", "create", config=schema.CreateFileSearchStoreConfig),
    *_alike("stores", "get", name=STORES),
    *_alike("stores", "delete", name=STORES, config=schema.DeleteFileSearchStoreConfig),
    *_alike("stores", "list", config=schema.ListFileSearchStoresConfig),
    *_alike(
        "stores",
        "import_file",
        file_search_store_name=STORES,
        file_name=names("files/"),
        config=schema.ImportFileConfig,
    ),
    *_alike("stores.documents", "get", name=_DOCUMENTS),
    *_alike("stores.documents", "delete", name=_DOCUMENTS, config=schema.DeleteDocumentConfig),
    *_alike("stores.documents", "list", parent=STORES, config=schema.ListDocumentsConfig),
    *(
        Call(name, asked(getattr(schema, kind)), _operation(kind), arguments(name=given))
        for name, kind, given in (
            ("operations.get", "GenerateVideosOperation", _FILMED),
            ("operations.get.import", "ImportFileOperation", _WORK),
            ("operations.get.upload", "UploadToFileSearchStoreOperation", _WORK),
        )
    ),
    Call(
        "auth_tokens.create",
        auth_tokens.create,
        "auth_tokens.create",
        arguments(config=schema.CreateAuthTokenConfig),
        40,
    ),
)
