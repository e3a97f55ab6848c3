"""
Test tools for programs that use this library: no network, no key, no monkeypatching.

The names below are loaded on first use. Import ``genai_fn.testing.strategies`` (needs the extra ``testing``) directly;
pytest loads ``genai_fn.testing.fixtures`` itself. `serve_emulator` needs the extra ``emulator``.

- ``fake``: `Fake`, an interpreter that returns answers from a table or a function.
- ``canned_answers``: the request handler that converts such answers to results.
- ``fake_connector``: live sessions of a `Fake`.
- ``script``: `perform` runs a flow against a script; ``value_diff`` shows where the two differ.
- ``override``: `use_interpreter` replaces the default interpreter.
- ``sequential``: runs concurrent programs one after another; ``observed_clock`` reports their sleeps.
- ``fixtures``: the pytest fixture ``emulator``.
- ``recordings/``: records real calls to a file and replays them.
- ``server/``: the emulator as an ASGI application, and its server.
- ``strategies/``: Hypothesis strategies for values, requests, responses and interpreters.
"""

from typing import TYPE_CHECKING

from genai_fn.lazy_names import defer_imports

if TYPE_CHECKING:
    from genai_fn.effects import Ask as Ask, OpenStream as OpenStream, Sleep as Sleep
    from genai_fn.emulator.scripts.script import ScriptedRequest as ScriptedRequest
    from genai_fn.emulator.server.injected_faults import InjectedFault as InjectedFault
    from genai_fn.testing.canned_answers import Delayed as Delayed, Sessions as Sessions
    from genai_fn.testing.fake import Fake as Fake, forbid as forbid
    from genai_fn.testing.override import use_interpreter as use_interpreter
    from genai_fn.testing.recordings.interpreters import recording as recording
    from genai_fn.testing.recordings.replay import Replay as Replay
    from genai_fn.testing.script import perform as perform
    from genai_fn.testing.server.asgi import Emulator as Emulator
    from genai_fn.testing.server.serving import serve_emulator as serve_emulator
else:
    __getattr__, __dir__ = defer_imports(globals())
