"""The reference: which public names are on which page. mkdocstrings renders each from its docstring."""

import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from docs.site_pages.wire import sections

__all__ = [
    "PAGES",
    "ReferencePage",
    "get_public_name",
    "link_operations",
    "list_missing_names",
    "list_names",
    "render_page",
]


class ReferencePage(NamedTuple):
    """A page of the reference: a module and the names from it, or all of its names."""

    file: str
    title: str
    summary: str
    module: str
    names: tuple[str, ...] = ()


PAGES = (
    ReferencePage(
        "requests",
        "Requests and modifiers",
        "What builds requests, and what follows `|`.",
        "genai_fn",
        (
            *("generate", "embed", "embed_many", "with_config", "with_model", "with_system", "with_tools"),
            *("with_options", "with_http_response", "text", "streamed", "joined", "collected", "each", "items"),
            *("pages", "next_page", "parse", "partial", "returning", "retry_invalid", "calling", "continued"),
            *("explained", "batched", "until_done", "Retry", "Timeouts", "Request", "Stream", "Live", "Modifier"),
            *(
                "Operation",
                "ParsedResponse",
                "Partial",
                "ValueWithResponse",
                "Usage",
                "get_usage",
                "to_dict",
                "to_json",
            ),
            *("ContentEmbeddingArray", "EmbedContentArrayResponse"),
        ),
    ),
    ReferencePage(
        "flows",
        "Flows and results",
        "Several requests as one value, and what running one returns. `Result`, `Success` and `Failure` are those of "
        "the library `returns`: `.unwrap()` returns the value of a success, and raises the error of a failure; "
        "`.failure()` returns the error; `ok` and `raise_for` below are exact for type checkers.",
        "genai_fn",
        (
            *("flow", "stream", "ask", "attempt", "emit", "sleep", "both", "gather", "Action", "Flow"),
            *("ok", "raise_for"),
        ),
    ),
    ReferencePage(
        "interpreters",
        "Interpreters and backends",
        "What runs requests, and where they are sent.",
        "genai_fn",
        (
            *("Http", "AsyncHttp", "Offline", "run", "arun", "Interpreter", "AsyncInterpreter", "Session"),
            *("Gemini", "Vertex", "Backend", "backend_from_env", "encode", "decode", "to_curl"),
            *("HttpRequest", "HttpResponse", "mcp_tools", "list_mcp_tools", "LocalTokenizer"),
        ),
    ),
    ReferencePage(
        "chats",
        "chats",
        "Conversations as values.",
        "genai_fn.flows.chats",
        ("start", "send", "stream", "history", "keep_rounds", "Chat", "Turn"),
    ),
    ReferencePage("files", "files", "The Files API.", "genai_fn.ops.files"),
    ReferencePage("stores", "stores", "File search stores.", "genai_fn.ops.stores"),
    ReferencePage("documents", "stores.documents", "Documents of a store.", "genai_fn.ops.stores.documents"),
    ReferencePage("caches", "caches", "Cached contents.", "genai_fn.ops.caches"),
    ReferencePage("batches", "batches", "Batch jobs.", "genai_fn.ops.batches"),
    ReferencePage("images", "images", "Generate and edit images.", "genai_fn.ops.images"),
    ReferencePage("videos", "videos", "Generate videos.", "genai_fn.ops.videos"),
    ReferencePage("live", "live", "Live sessions.", "genai_fn.ops.live"),
    ReferencePage("music", "live.music", "Live music.", "genai_fn.ops.live.music"),
    ReferencePage("models", "models", "Models.", "genai_fn.ops.models"),
    ReferencePage("tokens", "tokens", "Count and compute tokens.", "genai_fn.ops.tokens"),
    ReferencePage("tunings", "tunings", "Tuning jobs.", "genai_fn.ops.tunings"),
    ReferencePage("long-running-operations", "operations", "Long-running operations.", "genai_fn.ops.operations"),
    ReferencePage("auth-tokens", "auth_tokens", "Ephemeral tokens.", "genai_fn.ops.auth_tokens"),
    ReferencePage("errors", "errors", "Every error, as a value of a `Failure` or raised.", "genai_fn.errors"),
    ReferencePage("events", "events", "What happens while a request runs.", "genai_fn.events"),
    ReferencePage("middleware", "middleware", "Wrappers of any interpreter.", "genai_fn.middleware"),
    ReferencePage("jobs", "jobs", "Embedding jobs.", "genai_fn.jobs"),
    ReferencePage("testing", "testing", "Fakes, recordings and the emulator.", "genai_fn.testing"),
    ReferencePage("strategies", "testing.strategies", "Strategies for Hypothesis.", "genai_fn.testing.strategies"),
)
"""Every page, in the order of the navigation."""

INHERITED_MEMBERS = {
    "Flow": ("traits", "map", "bind", "lash"),
    "Request": ("map", "bind", "lash"),
    "Stream": ("traits",),
}
"""The public members of classes that stand in a base class."""

NAMES_OF_RETURNS = {"Failure", "Result", "Success"}
"""Names from another library, which the page of the results explains."""

_OPERATIONS = (
    "\nThe HTTP requests of these are in [operations](../operations.md), their types in [types](../types/index.md).\n"
)


def render_page(page: ReferencePage) -> str:
    """Return the source of a page: a directive for each name, and the sections that show a builder on the wire."""
    links = _OPERATIONS if page.module.startswith("genai_fn.ops") else ""
    parts = [f"\n{_render_directive(page, name)}{_render_example(page, name)}" for name in list_names(page)]
    introduction = sections.INTRODUCTION if any(_find_sections(page, name) for name in list_names(page)) else ""
    return f"# {page.title}\n\n{page.summary}\n{links}{introduction}{''.join(parts)}"


def _render_directive(page: ReferencePage, name: str) -> str:
    """Return the directive that inserts the docstrings of a name and its members."""
    inherited = "".join(f"\n        - {member}" for member in INHERITED_MEMBERS.get(name, ()))
    options = f"    options:\n      inherited_members:{inherited}\n" if inherited else ""
    return f"::: {page.module}.{name}\n{options}"


def _render_example(page: ReferencePage, name: str) -> str:
    """Return the sections of a builder, or the link of an operation to the one that shows it."""
    operation = getattr(getattr(import_module(page.module), name), "op", None)
    if isinstance(operation, str) and (found := sections.find_section(operation)):
        builder, section = found
        return f"\n[`{builder}` on the wire](#{section.anchor})\n"
    return "".join(f"\n{section.text}" for section in _find_sections(page, name))


def _find_sections(page: ReferencePage, name: str) -> tuple[sections.Section, ...]:
    return sections.build_sections().get(get_public_name(page, name), ())


def get_public_name(page: ReferencePage, name: str) -> str:
    """
    Return what users write for a name of a page after importing its resource.

    >>> get_public_name(ReferencePage("files", "files", "", "genai_fn.ops.files"), "get")
    'files.get'
    """
    resource = re.sub(r"^genai_fn(\.(ops|flows))?\.?", "", page.module)
    return f"{resource}.{name}" if resource else name


def link_operations(text: str) -> str:
    """Return the page of the operations with a link from each to the section that shows it on the wire."""
    pages = {get_public_name(page, name): page.file for page in PAGES for name in list_names(page)}

    def link(row: re.Match[str]) -> str:
        found = sections.find_section(row["operation"])
        if found is None:
            return row[0]
        builder, section = found
        return f"| [`{row['operation']}`](reference/{pages[builder]}.md#{section.anchor}) |"

    return re.sub(r"^\| `(?P<operation>[\w.]+)` \|", link, text, flags=re.MULTILINE)


def list_names(page: ReferencePage) -> list[str]:
    """List the names of a page: functions before classes, where the page does not list them itself."""
    if page.names:
        return list(page.names)
    module = import_module(page.module)
    names = (name for name in module.__all__ if not isinstance(getattr(module, name), ModuleType))
    return sorted(names, key=lambda name: isinstance(getattr(module, name), type))


def list_missing_names() -> Iterator[str]:
    """Yield the public names of the package that no page contains."""
    listed = NAMES_OF_RETURNS.union(*map(list_names, PAGES))
    for name in import_module("genai_fn").__all__:
        if name not in listed and not isinstance(getattr(import_module("genai_fn"), name), ModuleType):
            yield name
