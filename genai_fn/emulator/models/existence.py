"""Which models exist: a request for another one gets a 404, as from the API."""

import re

from genai_fn.emulator.models.catalog import BASE_MODELS
from genai_fn.emulator.openai.errors import is_openai_path
from genai_fn.emulator.server.faults import EmulatedFault, make_not_found
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.state import EmulatorState


def check_model_exists(state: EmulatorState, request: EmulatedRequest, model: str, method: str) -> None:
    """
    Check that a base model exists, and supports a method if it is in the catalog.

    If the state lists models, no others exist. Otherwise a name that reads like a model of a known family must be one:
    ``gemini-2.5-flash`` is, ``gemini-2.5-flsh``, ``gemini-1.5-pro`` (retired) and ``gpt-4o`` are not. Names of your
    own, such as ``m``, are models. Tuned models, endpoints and models of other publishers are not checked.

    Raises:
        EmulatedFault: If it does not exist (404).
    """
    if _NAMES_NO_BASE_MODEL.search(request.path):
        return
    model = model.partition("@")[0]  # a version
    exists = is_base_model(state, model)
    cataloged = BASE_MODELS.get(model)
    if cataloged is not None and not request.is_vertex:
        exists = exists and method in cataloged.supported_generation_methods
    if not exists:
        raise _make_model_fault(request, model, method)


def is_base_model(state: EmulatorState, model: str) -> bool:
    """Whether a base model exists, by the rules of `check_model_exists`."""
    return _is_model_name(model) if state.models is None else model in state.models


_NAMES_NO_BASE_MODEL = re.compile(r"/tunedModels/|/endpoints/|/locations/[^/]+/models/|/publishers/(?!google/)")


def _is_model_name(name: str) -> bool:
    """
    Return False for names that read like a model of a known family, and are not one.

    >>> [_is_model_name(each) for each in ("gemini-2.5-flash-preview-09-2025", "m", "gemini-1.5-pro", "gpt-4o")]
    [True, True, False, False]
    """
    return name in BASE_MODELS or _FAMILY_PATTERN.match(name) is None or _GEMINI_PATTERN.fullmatch(name) is not None


_FAMILY_PATTERN = re.compile(r"(?:gemini|gpt|claude|chatgpt|chat-bison|text-bison|palm)(?![a-z])", re.IGNORECASE)
_GEMINI_PATTERN = re.compile(
    r"gemini-(?:2\.[05]|[3-9](?:\.[0-9]+)?)-(?:pro|flash|ultra|nano|deep-think|computer-use)(?:-[\w.-]+)?"
    r"|gemini-(?:pro|flash|flash-lite)-latest"
    r"|gemini-(?:embedding|live|robotics|exp|omni)-[\w.-]+"
)
"""Names of the Gemini models since 2.0: https://ai.google.dev/gemini-api/docs/models."""


def _make_model_fault(request: EmulatedRequest, model: str, method: str) -> EmulatedFault:
    if request.is_vertex:
        name = request.path.lstrip("/").partition("/")[2].rpartition(":")[0]
        return make_not_found(
            f"Publisher Model `{name}` was not found or your project does not have access to it. Please ensure you are"
            " using a valid model version. For more information, see:"
            " https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
        )
    version = "v1main" if is_openai_path(request.path) else request.api_root.rpartition("/")[2]
    return make_not_found(
        f"models/{model} is not found for API version {version}, or is not supported for {method}. Call ListModels to"
        " see the list of available models and their supported methods."
    )
