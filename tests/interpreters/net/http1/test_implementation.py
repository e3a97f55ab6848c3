"""Which implementation of HTTP/1.1 is imported."""

import subprocess
import sys

import httpcore
import httptools
import pytest

from genai_fn.interpreters.net.http1.implementation import load_implementation
from tests.support.loopback import Loopback, build_json_reply
from tests.support.loopback_replies import build_text_response


def test_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default is httptools, and httpcore where that cannot be imported."""
    assert load_implementation(None) is httptools
    monkeypatch.setitem(sys.modules, "httptools", None)
    assert load_implementation(None) is httpcore
    assert load_implementation(httptools) is httptools


def test_imports() -> None:
    """A call over httptools imports neither httpcore nor trio, which take most of the time to the first answer."""
    program = (
        "import sys; from genai_fn import Gemini, Http, generate, text;"
        "run = Http(Gemini('test-key', base_url=sys.argv[1]), proxy='');"
        "assert (run(generate('m', 'hi') | text)).unwrap() == 'hi';"
        "unneeded = {'anyio', 'asyncio', 'difflib', 'h11', 'httpcore', 'trio'};"
        "sys.exit(repr(sorted(unneeded & set(sys.modules))))"
    )
    with Loopback(build_json_reply(build_text_response("hi"))) as server:
        process = subprocess.run(
            [sys.executable, "-c", program, server.url], capture_output=True, text=True, check=False
        )
    assert process.stderr.strip() == "[]"
