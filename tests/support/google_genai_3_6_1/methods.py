"""The method of google-genai 3.6.1 for each operation, by our name of it."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from google.genai import types
from google.oauth2.credentials import Credentials

__all__ = ["call"]


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


def _register_files(client: Any, auth: str, **arguments: Any) -> Any:
    return client.files.register_files(auth=Credentials(token=auth), **arguments)


_METHODS: dict[str, str | Callable[..., Any]] = {
    "generate": "models.generate_content",
    "generate.stream": "models.generate_content_stream",
    "embed": "models.embed_content",
    "tokens.count": "models.count_tokens",
    "tokens.compute": "models.compute_tokens",
    "files.register_files": _register_files,
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
