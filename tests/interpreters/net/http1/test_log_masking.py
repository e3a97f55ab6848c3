"""httpcore's log at the level DEBUG contains no credentials of responses."""

import logging
from typing import Any

import httptools
import pytest

from genai_fn import Success
from genai_fn.interpreters.net.http1.log_masking import mask_log
from genai_fn.ops import files
from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind, make_gemini
from tests.support.loopback import Loopback, ReceivedRequest, Reply, build_json_reply

SECRET = "test-secret-of-the-session"


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_upload_session(kind: InterpreterKind, caplog: pytest.LogCaptureFixture) -> None:
    """The address of an upload session and a cookie are masked; httptools logs nothing."""
    caplog.set_level(logging.DEBUG)
    finished = build_json_reply({"file": {"name": "files/a"}}, 200, (("x-goog-upload-status", "final"),))

    def answer(request: ReceivedRequest) -> Reply:
        address = f"http://{request.headers['host']}/upload?upload_id={SECRET}&upload_protocol=resumable"
        started = Reply(200, (("x-goog-upload-url", address), ("set-cookie", f"a={SECRET}"), ("x-other", "shown")))
        return finished if "upload_id" in request.target else started

    with Loopback(answer) as server:
        result = kind.run(make_gemini(server.url), files.upload(b"data", {"mime_type": "text/plain"}))
    assert isinstance(result, Success)
    assert SECRET not in caplog.text
    is_silent = kind.transport is httptools
    assert ("upload_id=***&upload_protocol=resumable" in caplog.text) is not is_silent
    assert ("(b'x-other', b'shown')" in caplog.text) is not is_silent


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("(b'Set-Cookie', b\"it's a secret\")", "(b'Set-Cookie', b\"***\")"),
        ("(b'X-Api-Key', b'a\\'b\\\\')]", "(b'X-Api-Key', b'***')]"),
        ("(b'Location', b'https://h.test/?key=k&a=b')", "(b'Location', b'https://h.test/?key=***&a=b')"),
        ("(b'x-key', b'')", "(b'x-key', b'')"),
        ("(b'a', b'x-key'), (b'x-key', b'a')", "(b'a', b'x-key'), (b'x-key', b'***')"),
        ("started request=<Request [b'POST']>", "started request=<Request [b'POST']>"),
    ],
)
def test_lines(line: str, expected: str, caplog: pytest.LogCaptureFixture) -> None:
    """A line keeps everything but the values of credentials, also after masking twice."""
    module: Any = type(logging)("test_transport")
    mask_log(module)
    mask_log(module)
    logging.getLogger("test_transport.http11").warning(line)
    assert caplog.messages == [expected]
