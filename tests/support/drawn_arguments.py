"""
Arguments for every operation that google-genai 1.51.0 also has, drawn by Hypothesis, and both calls.

Arguments are plain values with google-genai's names, snake_case dicts down to the leaves, without types of either
library.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from google.genai import types
from hypothesis.strategies import SearchStrategy

from genai_fn.request import Request
from genai_fn.testing.strategies.arguments import BUILDERS, Arguments


@dataclass(frozen=True)
class DrawnCall:
    """An operation, the strategy for its arguments, and its weight."""

    name: str
    build: Callable[..., Request[Any]]
    method: str | Callable[..., Any]
    """The method of google-genai: its path from a client, or a function of a client and the arguments."""

    strategy: SearchStrategy[Arguments]
    examples: int = 12
    exact_names: bool = False
    """Whether the spelling of names in the body is compared."""

    def ours(self, arguments: Arguments) -> Request[Any]:
        return self.build(**deepcopy(arguments))

    def theirs(self, client: Any, arguments: Arguments) -> Any:
        if isinstance(self.method, str):
            return attrgetter(self.method)(client)(**deepcopy(arguments))
        return self.method(client, **deepcopy(arguments))


def _call_edit_image(client: Any, reference_images: list[Arguments], **arguments: Any) -> Any:
    """Convert to google-genai's types, which 1.51.0 requires here."""
    converted = [_convert_reference_image(each) for each in reference_images]
    return client.models.edit_image(reference_images=converted, **arguments)


def _convert_reference_image(arguments: Arguments) -> Any:
    fields = dict(arguments)
    name = fields.pop("reference_type").removeprefix("REFERENCE_TYPE_").title()
    return getattr(types, f"{name}ReferenceImage")(**fields)


def _build_operation_call(kind: str) -> Callable[..., Any]:
    def call(client: Any, name: str) -> Any:
        return client.operations.get(getattr(types, kind)(name=name))

    return call


EXAMPLE_COUNTS = {
    "generate": 80,
    "embed": 25,
    "tokens.count": 30,
    "images.generate": 30,
    "images.edit": 30,
    "images.upscale": 15,
    "images.recontext": 20,
    "images.segment": 15,
    "videos.generate": 40,
    "caches.create": 40,
    "batches.create": 40,
    "tunings.tune": 40,
    "auth_tokens.create": 40,
}
"""Numbers of examples for operations with many arguments."""

METHODS: dict[str, str | Callable[..., Any]] = {
    "generate": "models.generate_content",
    "embed": "models.embed_content",
    "tokens.count": "models.count_tokens",
    "tokens.compute": "models.compute_tokens",
    "images.generate": "models.generate_images",
    "images.edit": _call_edit_image,
    "images.upscale": "models.upscale_image",
    "images.recontext": "models.recontext_image",
    "images.segment": "models.segment_image",
    "videos.generate": "models.generate_videos",
    "operations.get": _build_operation_call("GenerateVideosOperation"),
    "operations.get.import": _build_operation_call("ImportFileOperation"),
    "operations.get.upload": _build_operation_call("UploadToFileSearchStoreOperation"),
}
"""Methods of google-genai for operations that it names differently."""

NEWER = {"files.register_files", "stores.download_media", "tunings.validate_reward"}
"""Operations that 1.51.0 does not have."""

EXACT_NAMES = {name for name in BUILDERS if name.startswith(("embed", "images.", "videos."))}
"""Operations for which the spelling of names in the body is compared."""

CALLS: tuple[DrawnCall, ...] = tuple(
    DrawnCall(
        name,
        build,
        METHODS.get(name, name.replace("stores", "file_search_stores")),
        arguments,
        EXAMPLE_COUNTS.get(name, 12),
        name in EXACT_NAMES,
    )
    for name, (build, arguments) in BUILDERS.items()
    if name not in NEWER
)
