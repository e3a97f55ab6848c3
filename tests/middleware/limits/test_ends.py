"""What ends a wait at a limit from outside: closing the interpreter, an interrupt, and a fork of the process."""

import os
import signal
import threading
from typing import Any

import pytest
from returns.result import Result

from genai_fn import Gemini, Http, generate, streamed, text
from genai_fn.errors import Closed
from genai_fn.middleware import adaptive, limited
from genai_fn.middleware.limits.gate import Gate
from genai_fn.middleware.limits.tickets import AttemptTicket, Cost
from genai_fn.testing import Fake
from tests.support.idle_threads import is_blocked
from tests.support.interpreter_kinds import wait_until
from tests.support.loopback import Loopback, build_json_reply, build_sse_reply
from tests.support.loopback_replies import build_text_response

HI = generate("gemini-2.5-flash", "hi")


def answer(received: Any) -> Any:
    """Answer a request, or a stream by two chunks."""
    response = build_text_response("hi")
    return build_sse_reply([response, response]) if "stream" in received.target else build_json_reply(response)


def test_closing_the_interpreter_ends_waits() -> None:
    """Threads that wait for a slot get `Failure(Closed)` when their interpreter is closed, and leave the queue."""
    limit = limited(in_flight=1)
    results: list[Result[Any, Any]] = []
    with Loopback(answer) as server:
        backend = Gemini("test-key", base_url=server.url)
        first, second = (Http(backend).with_middleware(limit) for _ in range(2))
        with first, first.stream(HI | streamed | text) as items:
            next(items)
            threads = [threading.Thread(target=lambda: results.append(second(HI))) for _ in range(5)]
            for each in threads:
                each.start()
            assert wait_until(lambda: limit.get_gate().waiting == 5)
            second.close()
            for each in threads:
                each.join(60)
            assert limit.get_gate().waiting == 0
            assert limit.get_gate().in_flight == 1
    assert [Closed] * 5 == [type(each.failure()) for each in results]
    assert limit.get_gate().in_flight == 0


def test_an_interrupt_ends_a_wait() -> None:
    """Ctrl-C during a wait leaves nothing behind, and the next request is sent."""
    limit = limited(in_flight=1)
    main = threading.current_thread()
    with Loopback(answer) as server, Http(Gemini("test-key", base_url=server.url)).with_middleware(limit) as run:
        with run.stream(HI | streamed | text) as items:
            next(items)

            def interrupt() -> None:
                if wait_until(lambda: limit.get_gate().waiting == 1 and is_blocked(main)):
                    signal.pthread_kill(main.ident or 0, signal.SIGINT)

            watcher = threading.Thread(target=interrupt)
            watcher.start()
            with pytest.raises(KeyboardInterrupt):
                run(HI)
            watcher.join(60)
            assert limit.get_gate().waiting == 0
        assert run(HI | text).unwrap() == "hi"
    assert limit.get_gate().in_flight == 0


def test_closing_a_ticket_while_the_lock_is_taken() -> None:
    """A signal handler, or the garbage collector, may close a ticket within a method of its own gate."""
    gate = Gate(max_in_flight=1)
    ticket = AttemptTicket(gate, Cost(1))
    program = gate.acquire(ticket, float("inf"))
    program.send(None)
    program.send(0.0)  # the time
    with pytest.raises(StopIteration):
        program.send(None)  # the ticket is registered
    assert gate.in_flight == 1
    with gate.lock:
        ticket.close()
        assert gate.in_flight == 1
    gate.process_closed()
    assert gate.in_flight == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_starts_with_an_empty_limit() -> None:
    """A child process is not bound by a lock, a slot or a log of its parent."""
    for limit in (limited(1, in_flight=1), adaptive(1)):
        run = Fake({"generate": "hi"}).with_middleware(limit)
        assert run(HI | text).unwrap() == "hi"
        parent = limit.get_gate()
        with parent.lock:
            pid = os.fork()
            if not pid:
                is_new = limit.get_gate() is not parent and limit.get_gate().passed == 0
                os._exit(0 if is_new and run(HI | text).unwrap() == "hi" else 1)
        assert os.waitpid(pid, 0)[1] == 0
