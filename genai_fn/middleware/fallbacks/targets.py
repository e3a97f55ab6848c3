"""The targets of a fallback: in which order, which errors lead to the next, and which requests cannot move."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from genai_fn.backend import Backend, Gemini, check_backend
from genai_fn.errors import APIError, Closed, GenaiError, InvalidRequest
from genai_fn.middleware.operation_names import EMBED, GENERATE, IMAGES, TOKENS
from genai_fn.request import Operation
from genai_fn.values import Value

Condition: TypeAlias = int | type[GenaiError] | Callable[[GenaiError], bool]
"""An HTTP status code, a class of errors, or a function of an error."""


class FallbackTarget(Value, kw_only=True):
    """
    A place where a request may go.

    Args:
        model: Name of the model; None for the request's own.

        backend: The backend; None for the interpreter's own, or the one that the request sets.

    Raises:
        InvalidRequest: If an argument has the wrong type.

    >>> from genai_fn import Vertex
    >>> from genai_fn.middleware import fallback
    >>> europe = FallbackTarget(model="gemini-2.5-flash", backend=Vertex("my-project", "europe-west1"))
    >>> middleware = fallback(targets=[europe])
    """

    model: str | None = None
    backend: Backend | None = None

    def __post_init__(self) -> None:
        if self.model is not None and (not isinstance(self.model, str) or not self.model):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be anything
            raise InvalidRequest("model", self.model, "the name of a model, or None")
        check_backend(self.backend, "the interpreter's")


class FallbackConditions:
    """Decides which errors lead to the next target: a single condition, or several."""

    def __init__(self, conditions: Condition | Iterable[Condition]) -> None:
        given: Any = conditions
        items: tuple[Any, ...] = (given,) if isinstance(given, type) or not hasattr(given, "__iter__") else tuple(given)
        self._codes = frozenset(each for each in items if _is_status_code(each))
        self._kinds = tuple(each for each in items if isinstance(each, type) and issubclass(each, GenaiError))
        others = [each for each in items if not _is_status_code(each) and each not in self._kinds]
        self._predicates: tuple[Callable[[GenaiError], bool], ...] = tuple(others)
        for each in others:
            if isinstance(each, type) or not callable(each):
                raise InvalidRequest("on", each, "HTTP status codes of errors, classes of errors, or functions of one")
        if not items:
            raise InvalidRequest("on", conditions, "at least one condition")

    def match(self, error: GenaiError) -> bool:
        """Return whether an error leads to the next target. A closed interpreter has no next one."""
        if isinstance(error, Closed):
            return False
        if isinstance(error, self._kinds) or (isinstance(error, APIError) and error.code in self._codes):
            return True
        return any(predicate(error) for predicate in self._predicates)


def _is_status_code(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599


MOVABLE_OPERATIONS = frozenset((*EMBED, *GENERATE, *IMAGES, *TOKENS))
"""
Operations that run a model and leave nothing behind, so that any backend may answer them.

Others create, read or change resources, which exist at one backend only; what creates one must not be sent twice.
"""


def takes_other_models(operation: Operation[Any]) -> bool:
    """Return whether another model may answer; vectors, tokens and images of another model are not the same."""
    return operation.op in GENERATE


class Bonds(Value):
    """
    What keeps a request where it is.

    Args:
        model: It has a cached content, which belongs to one model.

        backend: It names what exists at one backend only: a cached content, a file of the Files API, or a store or
            corpus that a tool searches.

        owned_model: Its model is a tuned one, or another with the name of a resource.
    """

    model: bool
    backend: bool
    owned_model: bool


def find_bonds(operation: Operation[Any]) -> Bonds:
    """
    Find what keeps a request where it is.

    >>> from genai_fn import generate
    >>> find_bonds(generate("tunedModels/mine", "hi").operation)
    Bonds(model=False, backend=False, owned_model=True)
    """
    inner: Any = getattr(operation, "request", operation)  # the request whose tokens are counted
    config = getattr(inner, "config", None)
    is_cached = bool(getattr(config, "cached_content", None))
    is_bound = is_cached or any(map(_has_sources, getattr(config, "tools", None) or ()))
    return Bonds(
        is_cached,
        is_bound or any(map(_is_uploaded_file, _iterate_file_uris(inner, config))),
        _OWNED_MODEL.match(getattr(inner, "model", None) or "") is not None,
    )


_OWNED_MODEL = re.compile(r"(?:projects|tunedModels|endpoints|locations)/")


def _has_sources(tool: Any) -> bool:
    return bool(getattr(tool, "file_search", None) or getattr(tool, "retrieval", None))


def _iterate_file_uris(operation: Any, config: Any) -> Iterator[str]:
    """Iterate over the URIs of files in the contents and the system instruction of an operation."""
    instruction = getattr(config, "system_instruction", None)
    for content in (*(getattr(operation, "contents", None) or ()), instruction):
        for part in getattr(content, "parts", None) or ():
            yield from _iterate_part_uris(part)


def _iterate_part_uris(part: Any) -> Iterator[str]:
    if part.file_data is not None:
        yield part.file_data.file_uri or ""
    if part.function_response is not None:
        for each in part.function_response.parts or ():
            if each.file_data is not None:
                yield each.file_data.file_uri or ""


def _is_uploaded_file(uri: str) -> bool:
    return _UPLOADED_FILE.fullmatch(uri) is not None


_UPLOADED_FILE = re.compile(r"(?:https?://[^?#]*/v[0-9]\w*/)?files/[^/:?#]+.*")


def describe_backend(backend: Backend | None) -> str:
    """
    Describe a backend in words, without its credential.

    >>> from genai_fn import Vertex
    >>> describe_backend(Gemini("key")), describe_backend(Vertex("my-project", "us-central1"))
    ('Gemini Developer API', 'Vertex AI, my-project, us-central1')
    """
    if backend is None:
        return ""
    if isinstance(backend, Gemini):
        return "Gemini Developer API"
    return ", ".join(("Vertex AI", *filter(None, (backend.project, backend.location or "global"))))
