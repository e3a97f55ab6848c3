"""How google-genai 3.6.1 declares Python functions as tools, by the source text of each function."""

import json
from typing import Any

from exchange import send
from functions import PREAMBLE, list_functions, load_namespace

__all__ = ["declare_functions"]


def declare_functions() -> dict[str, Any]:
    """Return the preamble, and the declaration of each function, which is the same on both backends."""
    return {"preamble": {"source": PREAMBLE}, "functions": {source: _declare(source) for source in list_functions()}}


def _declare(source: str) -> Any:
    gemini, vertex = (_declare_on(backend, source) for backend in ("gemini", "vertex"))
    if json.dumps(gemini) != json.dumps(vertex):
        return {"gemini": gemini, "vertex": vertex}
    return gemini


def _declare_on(backend: str, source: str) -> Any:
    namespace = load_namespace(PREAMBLE)
    exec(compile(source, "function", "exec", dont_inherit=True), namespace)  # noqa: S102  # the text is in this folder
    config = {"tools": [namespace["f"]], "automatic_function_calling": {"disable": True}}
    wire = send(backend, lambda client: client.models.generate_content(model="m", contents="x", config=config))
    if "error" in wire:
        return {"error": wire["error"]}
    ((declaration,),) = (tool["functionDeclarations"] for tool in wire["body"]["tools"])
    return declaration
