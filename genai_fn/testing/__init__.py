"""
Test tools for programs that use this library: no network, no key, no monkeypatching.

The names below are loaded on first use. Import ``genai_fn.testing.strategies`` (needs the extra ``testing``) and
``genai_fn.testing.fixtures`` (a pytest plugin) directly; `serve_emulator` needs the extra ``emulator``.

- ``fake``, ``async_fake``: `Fake`, an interpreter that returns canned answers; ``canned_answers`` finds the answers.
- ``fake_connector``: Live sessions of a `Fake`.
- ``script``: `perform` runs a flow against a script; ``value_diff`` shows where the two differ.
- ``override``: `use_interpreter` replaces the default interpreter.
- ``sequential_executor``, ``async_sequential_executor``: run concurrent flows one after another, in a fixed order.
- ``source_code``: writes values as Python code, to paste into a test.
- ``fixtures``: the pytest fixture ``emulator``.
- ``recordings/``: records real calls to a file and replays them.
- ``server/``: the emulator as an ASGI application, and its server.
- ``strategies/``: Hypothesis strategies for values, requests, responses and interpreters.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genai_fn.effects import Ask, OpenStream, Sleep
    from genai_fn.emulator.server.injected_faults import InjectedFault
    from genai_fn.testing.canned_answers import Sessions
    from genai_fn.testing.fake import Fake, forbid
    from genai_fn.testing.override import use_interpreter
    from genai_fn.testing.recordings.interpreters import recording
    from genai_fn.testing.recordings.replay import Replay
    from genai_fn.testing.script import perform
    from genai_fn.testing.server.asgi import Emulator
    from genai_fn.testing.server.serving import serve_emulator

__all__ = [
    "Ask",
    "Emulator",
    "Fake",
    "InjectedFault",
    "OpenStream",
    "Replay",
    "Sessions",
    "Sleep",
    "forbid",
    "perform",
    "recording",
    "serve_emulator",
    "use_interpreter",
]

_MODULES = {
    "Ask": "effects",
    "Emulator": "testing.server.asgi",
    "Fake": "testing.fake",
    "InjectedFault": "emulator.server.injected_faults",
    "OpenStream": "effects",
    "Replay": "testing.recordings.replay",
    "Sessions": "testing.canned_answers",
    "Sleep": "effects",
    "forbid": "testing.fake",
    "perform": "testing.script",
    "recording": "testing.recordings.interpreters",
    "serve_emulator": "testing.server.serving",
    "use_interpreter": "testing.override",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"genai_fn.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
