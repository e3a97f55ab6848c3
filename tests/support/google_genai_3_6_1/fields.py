"""Arguments in each of which one field is set, for each field of the types that google-genai 3.6.1 takes."""

import enum
import inspect
import types as python_types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, get_args, get_origin

import pydantic
from google.genai import types
from operations import OPERATIONS

__all__ = ["list_fields", "list_models"]

_SAMPLES: Mapping[Any, Any] = {
    str: "AQID",
    bool: False,
    int: 1,
    float: 0.5,
    bytes: b"\xfb\xff",
    datetime: "2025-01-02T03:04:05Z",
    Any: {"a_b": 1},
}
"""A value for each kind of field; empty ones count as set."""

_NAMED_SAMPLES: Mapping[str, Any] = {
    "additional_properties": {"type": "STRING"},
    "model_routing_preference": "BALANCED",
    "null_value": "NULL_VALUE",
}

_CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "generate": {"config": types.GenerateContentConfig, "contents": types.Content},
    "embed": {"config": types.EmbedContentConfig},
    "tokens.count": {"config": types.CountTokensConfig},
    "tokens.compute": {"config": types.ComputeTokensConfig},
    "images.generate": {"config": types.GenerateImagesConfig},
    "images.edit": {"config": types.EditImageConfig},
    "images.upscale": {"config": types.UpscaleImageConfig, "image": types.Image},
    "images.recontext": {"config": types.RecontextImageConfig, "source": types.RecontextImageSource},
    "images.segment": {"config": types.SegmentImageConfig, "source": types.SegmentImageSource},
    "videos.generate": {"config": types.GenerateVideosConfig, "source": types.GenerateVideosSource},
    "models.update": {"config": types.UpdateModelConfig},
    "models.list": {"config": types.ListModelsConfig},
    "files.list": {"config": types.ListFilesConfig},
    "caches.create": {"config": types.CreateCachedContentConfig},
    "caches.update": {"config": types.UpdateCachedContentConfig},
    "caches.list": {"config": types.ListCachedContentsConfig},
    "batches.create": {"config": types.CreateBatchJobConfig, "src": types.BatchJobSource},
    "batches.create_embeddings": {
        "config": types.CreateEmbeddingsBatchJobConfig,
        "src": types.EmbeddingsBatchJobSource,
    },
    "batches.list": {"config": types.ListBatchJobsConfig},
    "tunings.tune": {"config": types.CreateTuningJobConfig, "training_dataset": types.TuningDataset},
    "tunings.validate_reward": {
        "example": types.ReinforcementTuningExample,
        "single_reward_config": types.SingleReinforcementTuningRewardConfig,
    },
    "tunings.list": {"config": types.ListTuningJobsConfig},
    "stores.create": {"config": types.CreateFileSearchStoreConfig},
    "stores.delete": {"config": types.DeleteFileSearchStoreConfig},
    "stores.list": {"config": types.ListFileSearchStoresConfig},
    "stores.import_file": {"config": types.ImportFileConfig},
    "stores.documents.delete": {"config": types.DeleteDocumentConfig},
    "stores.documents.list": {"config": types.ListDocumentsConfig},
    "auth_tokens.create": {"config": types.CreateAuthTokenConfig},
}

_ELSEWHERE: Mapping[str, frozenset[type[Any]]] = {
    "batches.create": frozenset({types.GenerateContentConfig, types.Content, types.GenerateContentResponse}),
    "caches.create": frozenset({types.Content}),
    "tokens.count": frozenset({types.Content, types.FunctionDeclaration}),
    "auth_tokens.create": frozenset({types.Content, types.Tool, types.GenerationConfig}),
    "batches.create_embeddings": frozenset({types.Content}),
    "tunings.tune": frozenset({types.GenerationConfig, types.Content}),
    "tunings.validate_reward": frozenset({types.GenerationConfig, types.Content, types.Tool}),
}
"""Types whose fields the cases of generate and of tokens.count cover already."""

_CONFIGURATION = {"http_options", "should_return_http_response", "automatic_function_calling"}
"""Fields that configure the library."""


def list_fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield operations and arguments."""
    for operation, complete in OPERATIONS.items():
        yield operation, complete
        for parameter, kind in _CONFIGS.get(operation, {}).items():
            for value in list_models(kind, _ELSEWHERE.get(operation, frozenset())):
                others = {key: each for key, each in complete.items() if (key, parameter) != ("prompt", "source")}
                yield operation, {**others, parameter: value}


def list_models(kind: Any, elsewhere: frozenset[Any], above: tuple[Any, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield the fields of a type as dicts that set only one; the fields of the types `elsewhere` are left out."""
    for name, field in kind.model_fields.items():
        if name not in _CONFIGURATION:
            samples = [_NAMED_SAMPLES[name]] if name in _NAMED_SAMPLES else None
            for value in samples or _list_values(field.annotation, elsewhere, (*above, kind)):
                yield {name: value}


def _list_values(annotation: Any, elsewhere: frozenset[Any], above: tuple[Any, ...]) -> Iterator[Any]:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in _SAMPLES:
        yield _SAMPLES[annotation]
    elif origin in (typing.Union, python_types.UnionType):
        yield from _list_values(_choose(args), elsewhere, above)
    elif origin is list:
        yield []
        yield from ([value] for value in _list_values(args[0], elsewhere, above))
    elif origin is typing.Annotated:  # the tools of a config, which accept functions, too
        yield from _list_values(list[types.Tool], elsewhere, above)
    elif origin is dict:
        yield {}
        yield from ({"a_b": value} for value in _list_values(args[1], elsewhere, above))
    elif origin is typing.Literal:
        yield args[0]
    elif inspect.isclass(annotation) and issubclass(annotation, enum.Enum):
        yield list(annotation)[-1].value
    elif inspect.isclass(annotation) and issubclass(annotation, pydantic.BaseModel) and annotation not in above:
        yield {}
        if annotation not in elsewhere:
            yield from list_models(annotation, elsewhere, above)


def _choose(options: tuple[Any, ...]) -> Any:
    """Choose the type of a union whose fields matter."""
    for wanted in (types.Content, types.Schema, types.SpeechConfig, types.Metric):
        if wanted in options:
            return wanted
    return next(each for each in options if each is not type(None))
