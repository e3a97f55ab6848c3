"""A request of every operation, as the harnesses of responses need it."""

from collections.abc import Callable, Mapping
from typing import Any

from genai_fn.ops import tokens
from genai_fn.ops.files.downloads import download_bytes
from genai_fn.ops.files.uploads import QueryUpload, SendUploadChunk, StartStoreUpload, StartUpload
from genai_fn.ops.generate import generate
from genai_fn.ops.operations import get as get_operation
from genai_fn.request import Request
from genai_fn.schema import ProjectOperation, UploadFileConfig, UploadToFileSearchStoreConfig
from genai_fn.testing.strategies.arguments import BUILDERS as _BUILDERS

__all__ = ["ARGUMENTS", "BUILDERS", "REQUESTS"]

BUILDERS: Mapping[str, Callable[..., Request[Any]]] = {name: build for name, (build, _) in _BUILDERS.items()}

_IMAGE: dict[str, Any] = {"image_bytes": "aGk=", "mime_type": "image/png"}
_MODEL: dict[str, Any] = {"model": "m"}
_JOB: dict[str, Any] = {"name": "projects/p/locations/l/tuningJobs/1"}
_CACHE: dict[str, Any] = {"name": "cachedContents/1"}
_STORE: dict[str, Any] = {"name": "fileSearchStores/s"}
_OPERATION: dict[str, Any] = {"name": "fileSearchStores/s/operations/1"}
_SESSION = "https://h.test/upload?upload_id=1"
_TUNING_DATA: dict[str, Any] = {"gcs_uri": "gs://b/x"}

ARGUMENTS: Mapping[str, dict[str, Any]] = {
    "generate": {**_MODEL, "contents": "hi"},
    "embed": {**_MODEL, "contents": ["a", "b"]},
    "tokens.count": {**_MODEL, "contents": "hi"},
    "tokens.compute": {**_MODEL, "contents": "hi"},
    "images.generate": {**_MODEL, "prompt": "a cat"},
    "images.edit": {**_MODEL, "prompt": "a cat", "reference_images": []},
    "images.upscale": {**_MODEL, "image": _IMAGE, "upscale_factor": "x2"},
    "images.recontext": {**_MODEL, "source": {"prompt": "a cat"}},
    "images.segment": {**_MODEL, "source": {"image": _IMAGE}},
    "videos.generate": {**_MODEL, "prompt": "a cat"},
    "models.get": _MODEL,
    "models.delete": {"model": "tunedModels/m"},
    "models.update": {"model": "tunedModels/m", "config": {"display_name": "n"}},
    "models.list": {},
    "files.get": {"name": "a"},
    "files.delete": {"name": "a"},
    "files.register_files": {"uris": ["gs://b/a"]},
    "files.list": {},
    "caches.create": {**_MODEL, "config": {"contents": ["hi"]}},
    "caches.get": _CACHE,
    "caches.delete": _CACHE,
    "caches.update": {**_CACHE, "config": {"ttl": "300s"}},
    "caches.list": {},
    "batches.create": {**_MODEL, "src": "files/a"},
    "batches.create_embeddings": {**_MODEL, "src": {"file_name": "files/a"}},
    "batches.get": {"name": "batches/1"},
    "batches.cancel": {"name": "batches/1"},
    "batches.delete": {"name": "batches/1"},
    "batches.list": {},
    "tunings.tune": {"base_model": "m", "training_dataset": _TUNING_DATA},
    "tunings.validate_reward": {
        "sample_response": "hi",
        "example": {"contents": ["hi"]},
        "single_reward_config": {"string_match_reward_scorer": {}},
    },
    "tunings.get": _JOB,
    "tunings.cancel": _JOB,
    "tunings.list": {},
    "stores.create": {},
    "stores.get": _STORE,
    "stores.delete": _STORE,
    "stores.list": {},
    "stores.download_media": {"media_id": "fileSearchStores/s/media/1"},
    "stores.import_file": {"file_search_store_name": "fileSearchStores/s", "file_name": "files/a"},
    "stores.documents.get": {"name": "fileSearchStores/s/documents/1"},
    "stores.documents.delete": {"name": "fileSearchStores/s/documents/1"},
    "stores.documents.list": {"parent": "fileSearchStores/s"},
    "operations.get": {"name": "models/m/operations/1"},
    "operations.get.import": _OPERATION,
    "operations.get.upload": {"name": "fileSearchStores/s/upload/operations/1"},
    "auth_tokens.create": {},
}
"""Operation name → arguments of its builder, as JSON."""

_START: dict[str, Any] = {"size": 10, "mime_type": "image/png", "file_name": "a.png"}

REQUESTS: Mapping[str, Request[Any]] = {
    **{name: build(**ARGUMENTS[name]) for name, build in BUILDERS.items()},
    "generate.stream": Request(generate("m", "hi").operation.get_streaming_operation()),  # type: ignore[arg-type]  # it has one
    "tokens.count.request": tokens.count(generate("m", "hi")),
    "operations.get.project": get_operation("operations/1", ProjectOperation),
    "files.download": download_bytes("a"),
    "files.upload.start": Request(StartUpload(**_START, config=UploadFileConfig())),
    "stores.upload.start": Request(
        StartStoreUpload(**_START, file_search_store_name="fileSearchStores/s", config=UploadToFileSearchStoreConfig())
    ),
    "files.upload.send": Request(SendUploadChunk(session=_SESSION, offset=0, data=b"x", is_last=True)),
    "files.upload.query": Request(QueryUpload(session=_SESSION)),
}
"""Operation name → a request."""
