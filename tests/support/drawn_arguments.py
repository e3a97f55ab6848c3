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
    """Google-genai's: the path to it from a client, or a function of a client and the arguments."""

    given: SearchStrategy[Arguments]
    examples: int = 12
    spelled: bool = False
    """Whether the spelling of names in the body counts."""

    def ours(self, given: Arguments) -> Request[Any]:
        return self.build(**deepcopy(given))

    def theirs(self, client: Any, given: Arguments) -> Any:
        if isinstance(self.method, str):
            return attrgetter(self.method)(client)(**deepcopy(given))
        return self.method(client, **deepcopy(given))


def _edited(client: Any, reference_images: list[Arguments], **given: Any) -> Any:
    """Convert to google-genai's types, which 1.51.0 requires here."""
    typed = [_typed(each) for each in reference_images]
    return client.models.edit_image(reference_images=typed, **given)


def _typed(given: Arguments) -> Any:
    fields = dict(given)
    name = fields.pop("reference_type").removeprefix("REFERENCE_TYPE_").title()
    return getattr(types, f"{name}ReferenceImage")(**fields)


def _operation(kind: str) -> Callable[..., Any]:
    def call(client: Any, name: str) -> Any:
        return client.operations.get(getattr(types, kind)(name=name))

    return call


HOW_OFTEN = {
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
"""How often those are drawn that are given much."""

METHODS: dict[str, str | Callable[..., Any]] = {
    "generate": "models.generate_content",
    "embed": "models.embed_content",
    "tokens.count": "models.count_tokens",
    "tokens.compute": "models.compute_tokens",
    "images.generate": "models.generate_images",
    "images.edit": _edited,
    "images.upscale": "models.upscale_image",
    "images.recontext": "models.recontext_image",
    "images.segment": "models.segment_image",
    "videos.generate": "models.generate_videos",
    "operations.get": _operation("GenerateVideosOperation"),
    "operations.get.import": _operation("ImportFileOperation"),
    "operations.get.upload": _operation("UploadToFileSearchStoreOperation"),
}
"""Google-genai's own ways to what it calls otherwise."""

NEWER = {"files.register_files", "stores.download_media", "tunings.validate_reward"}
"""Operations that 1.51.0 does not have."""

SPELLED = {name for name in BUILDERS if name.startswith(("embed", "images.", "videos."))}
"""Where the spelling of names in the body counts."""

CALLS: tuple[DrawnCall, ...] = tuple(
    DrawnCall(
        name,
        build,
        METHODS.get(name, name.replace("stores", "file_search_stores")),
        given,
        HOW_OFTEN.get(name, 12),
        name in SPELLED,
    )
    for name, (build, given) in BUILDERS.items()
    if name not in NEWER
)
