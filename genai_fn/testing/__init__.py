"""
What tests of programs that use this library are made of: no network, no key, no patches.

The names are loaded at their first use. ``genai_fn.testing.strategies``, which needs the extra ``testing``, and
``genai_fn.testing.fixtures``, for pytest, are imported by their own names; `served` needs the extra ``emulator``.
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
    place = _MODULES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"genai_fn.{place}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
