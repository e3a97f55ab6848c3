"""Resolves names of models and resources to the full names that each backend uses."""

import re

from genai_fn.backend import Backend, Vertex
from genai_fn.errors import AuthError, InvalidRequest, Unsupported

__all__ = [
    "ResourceName",
    "check_model_name",
    "check_name_in",
    "check_resource_name",
    "complete_resource_name",
    "fill_placeholders",
    "resolve_model_name",
]


class ResourceName(str):
    """A full resource name in a body, with the placeholders ``{project}`` and ``{location}``."""

    __slots__ = ()


def fill_placeholders(name: str, at: Vertex) -> str:
    """Replace ``{project}`` and ``{location}`` in a name. Raises AuthError or Unsupported if there is no project."""
    if "{project}" in name and at.project is None:
        if at.is_gateway or at.is_express:
            raise Unsupported(
                at.title, (name,), "express mode and gateways have no project: use a full name, projects/…"
            )
        raise AuthError("no project: neither Vertex(project=…) nor the credentials name one")
    return name.replace("{project}", at.project or "").replace("{location}", at.location or "global")


def check_model_name(model: object, path: str = "model") -> str:
    """Validate a model name. Raises InvalidRequest if it is empty, leaves its collection, or contains a query."""
    return check_resource_name(model, path, "a model name, such as 'gemini-2.5-flash'")


def check_resource_name(
    name: object, path: str = "name", expected: str = "the name of a resource", pattern: re.Pattern[str] | None = None
) -> str:
    """
    Validate a resource name.

    Raises InvalidRequest if it is empty, leaves its collection, contains a query, or does not have the `pattern`.
    """
    if not isinstance(name, str) or not name or not name.isprintable() or _FORBIDDEN_PART.search(name):
        raise InvalidRequest(path, name, expected)
    if pattern is not None and not pattern.fullmatch(name):
        raise InvalidRequest(path, name, expected)
    return name if type(name) is str else str.__str__(name)  # of a subclass, such as NumPy's


def check_name_in(name: object, *collections: str, path: str = "name") -> str:
    """
    Validate the name of a resource in one of some collections: an id, or ``COLLECTION/ID`` after any parent.

    Raises InvalidRequest if it is malformed, or names a resource of another collection.

    >>> check_name_in("projects/p/locations/l/cachedContents/1", "cachedContents"), check_name_in("1", "cachedContents")
    ('projects/p/locations/l/cachedContents/1', '1')
    """
    expected = " or ".join(f"{each}/…" for each in collections)
    checked = check_resource_name(name, path, expected)
    parent, slash, identity = checked.rpartition("/")
    if slash and (parent.rpartition("/")[2] not in collections or not identity):
        raise InvalidRequest(path, name, expected)
    return checked


_FORBIDDEN_PART = re.compile(r"\.\.|[?&#\\{}]")


def resolve_model_name(at: Backend, model: str) -> str:
    """
    Resolve the full name of a model on a backend.

    >>> from genai_fn.backend import Gemini
    >>> resolve_model_name(Gemini(), "gemini-2.5-flash"), resolve_model_name(Gemini(), "tunedModels/x")
    ('models/gemini-2.5-flash', 'tunedModels/x')
    >>> resolve_model_name(Vertex("p"), "gemini-2.5-flash"), resolve_model_name(Vertex("p"), "meta/llama-4")
    ('publishers/google/models/gemini-2.5-flash', 'publishers/meta/models/llama-4')
    """
    if not isinstance(at, Vertex):
        return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
    if model.startswith(("projects/", "models/", "publishers/")):
        return model
    publisher, slash, identity = model.partition("/")
    return f"publishers/{publisher}/models/{identity}" if slash else f"publishers/google/models/{model}"


def complete_resource_name(collection: str, name: str) -> str:
    """
    Add the collection, or the missing part of it, to the name of a resource.

    >>> complete_resource_name("cachedContents", "1"), complete_resource_name("cachedContents", "cachedContents/1")
    ('cachedContents/1', 'cachedContents/1')
    >>> complete_resource_name("projects/{project}/locations/{location}/cachedContents", "cachedContents/1")
    'projects/{project}/locations/{location}/cachedContents/1'
    >>> collection = "projects/{project}/locations/{location}/cachedContents"
    >>> complete_resource_name(collection, "locations/eu/cachedContents/1")
    'projects/{project}/locations/eu/cachedContents/1'
    """
    parent, _, last = collection.rpartition("/")
    if not parent:
        return f"{last}/{name}" if "/" not in name else name
    if name.startswith("projects/"):
        return name
    if name.startswith("locations/"):
        return f"projects/{{project}}/{name}"
    if name.startswith(f"{last}/"):
        return f"{parent}/{name}"
    return f"{collection}/{name}" if "/" not in name else name
