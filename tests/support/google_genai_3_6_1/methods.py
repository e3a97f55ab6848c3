"""The method of google-genai 3.6.1 for each operation, by our name of it."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from google.genai import types

__all__ = ["OPERATIONS", "call"]


def call(operation: str, client: Any, arguments: dict[str, Any]) -> Any:
    """Call the method with the arguments."""
    method = _METHODS.get(operation) or operation.replace("stores", "file_search_stores")
    return attrgetter(method)(client)(**arguments) if isinstance(method, str) else method(client, **arguments)


def _edit_image(client: Any, reference_images: list[dict[str, Any]], **arguments: Any) -> Any:
    typed = [_build_reference_image(dict(each)) for each in reference_images]
    return client.models.edit_image(reference_images=typed, **arguments)


def _build_reference_image(fields: dict[str, Any]) -> Any:
    name = fields.pop("reference_type").removeprefix("REFERENCE_TYPE_").title()
    return getattr(types, f"{name}ReferenceImage")(**fields)


def _get_operation(kind: Any) -> Callable[..., Any]:
    return lambda client, name: client.operations.get(kind(name=name))


_METHODS: dict[str, str | Callable[..., Any]] = {
    "generate": "models.generate_content",
    "generate.stream": "models.generate_content_stream",
    "embed": "models.embed_content",
    "tokens.count": "models.count_tokens",
    "tokens.compute": "models.compute_tokens",
    "images.generate": "models.generate_images",
    "images.edit": _edit_image,
    "images.upscale": "models.upscale_image",
    "images.recontext": "models.recontext_image",
    "images.segment": "models.segment_image",
    "videos.generate": "models.generate_videos",
    "operations.get": _get_operation(types.GenerateVideosOperation),
    "operations.get.import": _get_operation(types.ImportFileOperation),
    "operations.get.upload": _get_operation(types.UploadToFileSearchStoreOperation),
}

OPERATIONS: dict[str, dict[str, Any]] = {
    "generate": {"model": "m", "contents": "hi"},
    "embed": {"model": "m", "contents": "hi"},
    "tokens.count": {"model": "m", "contents": "hi"},
    "tokens.compute": {"model": "m", "contents": "hi"},
    "images.generate": {"model": "m", "prompt": "hi"},
    "images.edit": {"model": "m", "prompt": "hi", "reference_images": []},
    "images.upscale": {"model": "m", "image": {"image_bytes": b"x", "mime_type": "image/png"}, "upscale_factor": "x2"},
    "images.recontext": {"model": "m", "source": {"prompt": "hi"}},
    "images.segment": {"model": "m", "source": {"prompt": "hi"}},
    "videos.generate": {"model": "m", "prompt": "hi"},
    "models.get": {"model": "m"},
    "models.delete": {"model": "m"},
    "models.update": {"model": "m"},
    "models.list": {},
    "files.get": {"name": "f"},
    "files.delete": {"name": "f"},
    "files.list": {},
    "caches.create": {"model": "m"},
    "caches.get": {"name": "c"},
    "caches.delete": {"name": "c"},
    "caches.update": {"name": "c"},
    "caches.list": {},
    "batches.create": {"model": "m", "src": "gs://b/x.jsonl"},
    "batches.create_embeddings": {"model": "m", "src": {"file_name": "files/f"}},
    "batches.get": {"name": "batches/1"},
    "batches.cancel": {"name": "batches/1"},
    "batches.delete": {"name": "batches/1"},
    "batches.list": {},
    "tunings.tune": {"base_model": "m", "training_dataset": {"gcs_uri": "gs://b/x.jsonl"}},
    "tunings.get": {"name": "tunedModels/1"},
    "tunings.cancel": {"name": "tunedModels/1"},
    "tunings.list": {},
    "stores.create": {},
    "stores.get": {"name": "fileSearchStores/s"},
    "stores.delete": {"name": "fileSearchStores/s"},
    "stores.list": {},
    "stores.import_file": {"file_search_store_name": "fileSearchStores/s", "file_name": "files/f"},
    "stores.documents.get": {"name": "fileSearchStores/s/documents/d"},
    "stores.documents.delete": {"name": "fileSearchStores/s/documents/d"},
    "stores.documents.list": {"parent": "fileSearchStores/s"},
    "operations.get": {"name": "models/veo/operations/1"},
    "operations.get.import": {"name": "fileSearchStores/s/operations/1"},
    "operations.get.upload": {"name": "fileSearchStores/s/upload/operations/1"},
    "auth_tokens.create": {},
}
"""Every operation, with arguments that are complete."""
