"""
What tests of programs that use this library are made of: no network, no key, no patches.

The names are loaded at their first use. ``genai_fn.testing.strategies``, which needs the extra ``testing``, and
``genai_fn.testing.fixtures``, for pytest, are imported by their own names; `served` needs the extra ``emulator``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genai_fn.effects import Sleep
    from genai_fn.emulator.troubles import Trouble
    from genai_fn.testing.ambient import using
    from genai_fn.testing.answers import Sessions
    from genai_fn.testing.asgi import Emulator
    from genai_fn.testing.fake import Fake, forbid
    from genai_fn.testing.recordings import recording
    from genai_fn.testing.replay import Replay
    from genai_fn.testing.scripts import perform
    from genai_fn.testing.serving import served
    from genai_fn.words import Ask, Listen

__all__ = [
    "Ask",
    "Emulator",
    "Fake",
    "Listen",
    "Replay",
    "Sessions",
    "Sleep",
    "Trouble",
    "forbid",
    "perform",
    "recording",
    "served",
    "using",
]

_PLACE = {
    "Ask": "words",
    "Emulator": "testing.asgi",
    "Fake": "testing.fake",
    "Listen": "words",
    "Replay": "testing.replay",
    "Sessions": "testing.answers",
    "Sleep": "effects",
    "Trouble": "emulator.troubles",
    "forbid": "testing.fake",
    "perform": "testing.scripts",
    "recording": "testing.recordings",
    "served": "testing.serving",
    "using": "testing.ambient",
}


def __getattr__(name: str) -> Any:
    place = _PLACE.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"genai_fn.{place}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
