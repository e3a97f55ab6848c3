"""Where models are found on either backend, for the routes of what is asked of them."""

from typing import Final

__all__ = ["GEMINI_MODEL_PATHS", "VERTEX_MODEL_PATHS"]

GEMINI_MODEL_PATHS: Final = ("models/{model}", "tunedModels/{model}")

VERTEX_MODEL_PATHS: Final = (
    "publishers/*/models/{model}",
    "projects/*/locations/*/publishers/*/models/{model}",
    "projects/*/locations/*/models/{model}",
    "projects/*/locations/*/endpoints/{model}",
)
