"""Where models are found on either backend, for the routes of what is asked of them."""

from typing import Final

__all__ = ["GEMINI_MODELS", "VERTEX_MODELS"]

GEMINI_MODELS: Final = ("models/{model}", "tunedModels/{model}")

VERTEX_MODELS: Final = (
    "publishers/*/models/{model}",
    "projects/*/locations/*/publishers/*/models/{model}",
    "projects/*/locations/*/models/{model}",
    "projects/*/locations/*/endpoints/{model}",
)
