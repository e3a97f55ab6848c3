"""Paths of models on both backends, for the routes of methods on models."""

from typing import Final

GEMINI_MODEL_PATHS: Final = ("models/{model}", "tunedModels/{model}")

VERTEX_MODEL_PATHS: Final = (
    "publishers/*/models/{model}",
    "projects/*/locations/*/publishers/*/models/{model}",
    "projects/*/locations/*/models/{model}",
    "projects/*/locations/*/endpoints/{model}",
)

MODEL_PATHS: Final = (*GEMINI_MODEL_PATHS, *VERTEX_MODEL_PATHS)
