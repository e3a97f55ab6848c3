"""Runs one case of the fault matrix over HTTP."""

import pickle
import ssl
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httptools
from returns.result import Failure, Result

from genai_fn import Retry, Timeouts, generate, streamed, text, with_options
from genai_fn.errors import GenaiError
from genai_fn.ops import files
from genai_fn.request import Stream
from tests.cases.faults.strictness import OUTCOMES_WITH_HTTPTOOLS
from tests.support.cancellation.cancel_points import count_tasks
from tests.support.faults.fault import ATTEMPTS, CHUNK, MEMORY, PATH, START, STREAM, UNARY, Fault, Outcome
from tests.support.faults.identities import make_server_context
from tests.support.faults.leaks import check_nothing_stays
from tests.support.interpreter_kinds import AwaitableInterpreter, InterpreterKind, make_gemini
from tests.support.loopback import Answer, Loopback, ReceivedRequest, Reply, build_json_reply, make_identity
from tests.support.loopback_replies import build_text_response

KEY = "test-key"
MAX_RESPONSE_BYTES = 1_000_000
OLD = b"what was there before"
GENEROUS = Timeouts(connect=60, idle=60, total=60)
AFTER = generate("after", "hi") | text | with_options(timeouts=GENEROUS)
RETRY = Retry(attempts=ATTEMPTS, initial_delay=0.001, max_delay=0.001)
NEVER = 600.0
"""Seconds of deadlines that must not be reached."""


LIMITS = (0.05, 0.2, 0.8, 3.2, 12.8)
"""
Seconds of deadlines that must be reached. On a slow machine, one may expire earlier than where the server stops, such
as while connecting; then the case runs again with the next. No fault ends by itself, so that any deadline will do.
"""


class Observation(NamedTuple):
    """What an operation has returned, and how many attempts the server has seen."""

    error: GenaiError | None
    attempts: int


def build_action(operation: str, folder: Path) -> Any:
    """Build the action of an operation."""
    actions = {
        UNARY: generate("m", "hi") | text,
        STREAM: generate("m", "hi") | streamed | text,
        START: files.upload(b"data" * 16, {"mime_type": "text/plain"}),
        CHUNK: files.upload(b"data" * 16, {"mime_type": "text/plain"}),
        MEMORY: files.download("abc"),
        PATH: files.download("abc", folder / "target"),
    }
    return actions[operation]


class FaultScript:
    """Performs the steps of a fault for the operation, and answers the call after it correctly."""

    def __init__(self, fault: Fault, operation: str) -> None:
        self._steps = () if fault.on_accept else fault.steps
        self._operation = operation
        self._scheme = "https" if fault.tls else "http"
        self.attempts = 0

    def __call__(self, request: ReceivedRequest) -> Answer:
        if "models/after" in request.target:
            return build_json_reply(build_text_response("after"))
        if self._operation == CHUNK and request.headers.get("x-goog-upload-command") == "start":
            return Reply(200, (("x-goog-upload-url", f"{self._scheme}://{request.headers['host']}/session"),))
        self.attempts += 1
        return self._steps


def check_case(fault: Fault, operation: str, kind: InterpreterKind, folder: Path) -> None:
    """Run one case, and compare its outcome with the one that the fault states."""
    outcomes = fault.outcomes
    if kind.transport is httptools:
        outcomes = OUTCOMES_WITH_HTTPTOOLS.get(fault.name, outcomes)
    expected = outcomes[operation]
    for limit in LIMITS if fault.lasts else (NEVER,):
        seen = observe_case(fault, operation, kind, folder, limit)
        if is_expected(expected, seen):
            return
    raise AssertionError(f"{fault.name}, {operation}, {kind}: expected {expected}, got {seen}")


def is_expected(expected: Outcome, seen: Observation) -> bool:
    """Return whether an observation is the expected outcome."""
    if expected.error is None:
        return seen.error is None and seen.attempts == expected.attempts
    is_kind = isinstance(seen.error, expected.error) and expected.fragment in str(seen.error)
    return is_kind and seen.attempts == expected.attempts


def observe_case(
    fault: Fault, operation: str, kind: InterpreterKind, folder: Path, limit: float = NEVER
) -> Observation:
    """
    Run one case; return its outcome.

    Whatever the outcome is, the next call to the same server must succeed, over an interpreter with a single
    connection: neither the place in the pool nor a part of the response may be left. In the end nothing may be open.
    """
    script = FaultScript(fault, operation)
    target = folder / "target"
    target.write_bytes(OLD)
    with ExitStack() as stack:
        server = stack.enter_context(
            Loopback(
                script,
                tls=make_server_context(fault.tls) if fault.tls and not fault.plain else False,
                on_accept=fault.steps if fault.on_accept else (),
                body_limits=_list_body_limits(fault, operation),
            )
        )
        stack.enter_context(check_nothing_stays(server.port))
        result = _run_case(fault, operation, kind, server, folder, limit)
        attempts = server.connections - 1 if fault.on_accept or fault.plain or fault.tls else script.attempts
    _check_target(target, result)
    assert [each.name for each in folder.iterdir()] == ["target"], "a temporary file is left"
    error = result.failure() if isinstance(result, Failure) else None
    if error is not None:
        check_secrets(error)
    return Observation(error, attempts)


def _list_body_limits(fault: Fault, operation: str) -> tuple[int | None, ...]:
    """List how much of the body of each request the server reads: the start of an upload is whole, if it succeeds."""
    limits = () if fault.reads is None else (fault.reads,) * 50
    return (None, *limits) if operation == CHUNK else limits


def _run_case(
    fault: Fault, operation: str, kind: InterpreterKind, server: Loopback, folder: Path, limit: float
) -> Result[Any, GenaiError]:
    action = build_action(operation, folder) | with_options(deadline=limit)
    scheme = "https" if fault.tls else "http"

    async def body(run: AwaitableInterpreter) -> Result[Any, GenaiError]:
        tasks = 0 if kind.is_sync else count_tasks()
        result = (await run.read_items(action))[-1] if isinstance(action, Stream) else await run(action)
        server.on_accept = ()
        _heal(server)
        await run.run_blocking(server.wait_until_idle)  # all that it sends has arrived, before the connection is reused
        after = await run(AFTER | with_options(base_url=f"http://127.0.0.1:{server.port}"))
        assert after.value_or(None) == "after", f"the next call: {after}"
        assert (0 if kind.is_sync else count_tasks()) == tasks, "a task is left"
        return result

    result: Result[Any, GenaiError] = kind.run_body(
        make_gemini(f"{scheme}://127.0.0.1:{server.port}"),
        body,
        timeouts=Timeouts(connect=min(limit, 60), idle=60, total=limit),
        retry=RETRY,
        max_connections=1,
        max_response_bytes=MAX_RESPONSE_BYTES,
        proxy="",
        ssl_context=_make_client_context(),
    )
    return result


def _heal(server: Loopback) -> None:
    """Make a server answer plain HTTP from now on."""
    server.tls = False
    server.body_limits = ()


@cache
def _make_client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    make_identity()[0].configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def _check_target(target: Path, result: Result[Any, GenaiError]) -> None:
    """Check that a download to a path is all or nothing."""
    replaced = not isinstance(result, Failure) and isinstance(result.unwrap(), Path)
    assert target.exists()
    assert replaced or target.read_bytes() == OLD, "the target of a failed download has changed"


def check_secrets(error: GenaiError) -> None:
    """Check that no form of an error contains the key."""
    shown = (str(error), repr(error), str(vars(error)), pickle.dumps(error).decode("latin-1"))
    assert not [each for each in shown if KEY in each], "an error contains the key"
    assert pickle.loads(pickle.dumps(error)) == error  # what was just pickled
