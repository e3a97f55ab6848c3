"""Interrupts thousands of sync calls, streams, uploads and downloads by signals at random moments."""

import gc
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from genai_fn import Http, Success, Timeouts, generate
from genai_fn.request import Stream
from tests.support.cancellation.cancel_points import count_client_sockets, list_client_sockets
from tests.support.faults.chaos import PAIR, PLACES, ChaosScript, check_folder, draw_action
from tests.support.interpreter_kinds import make_gemini
from tests.support.loopback import Loopback

MAX_DELAY = 0.004
"""Seconds after the start of an action: in this time it ends, or waits for a server that does not answer."""

EACH = 50
"""Signals between two checks that all places are usable."""

CALLS = 200
RAISE, CLOSE = "raise", "close"


class Interrupted(BaseException):
    """Stands for ``KeyboardInterrupt``."""


@contextmanager
def _prepare_process() -> Iterator[None]:
    """Keep the signal handler, and disable the garbage collector, which may close a generator at any point."""
    gc.disable()
    before = signal.getsignal(signal.SIGALRM)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
        gc.enable()


class Alarm:
    """
    Interrupts the main thread once, at a random moment of a block: the handler raises, or calls a function.

    The signal is repeated until its handler has run, because Python may miss one that arrives just before a wait.
    """

    def __init__(self, chance: random.Random, act: Any = None) -> None:
        self._delay = chance.uniform(1e-5, MAX_DELAY)
        self._act = act
        self._is_armed = False
        self.was_delivered = False

    def __enter__(self) -> None:
        signal.signal(signal.SIGALRM, self._handle)
        self._is_armed = True
        signal.setitimer(signal.ITIMER_REAL, self._delay, MAX_DELAY)

    def __exit__(self, *_: object) -> None:
        self._is_armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _handle(self, *_: object) -> None:
        if not self._is_armed:
            return
        self._is_armed = False
        self.was_delivered = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._act is None:
            raise Interrupted
        self._act()


def interrupt_at_random(transport: ModuleType, count: int, manner: str, seed: int = 14) -> dict[str, float]:
    """
    Interrupt so many actions; return what was counted and measured.

    Args:
        transport: The HTTP/1.1 implementation.

        count: How many signals.

        manner: ``raise`` in the signal handler, or ``close`` the interpreter in it.

        seed: Of the actions and moments.
    """
    chance = random.Random(seed)  # repeatable
    done = 0
    with _prepare_process(), Loopback(ChaosScript()) as server, tempfile.TemporaryDirectory() as folder:
        others = list_client_sockets(server.port)
        before = _measure_speed(server, transport)
        while done < count:
            run = _make_http(server, transport)
            for _ in range(EACH if manner == RAISE else 1):
                done += _interrupt_one(run, chance, Path(folder), manner)
            if manner == RAISE:
                _use_all_places(run)
            run.close()
            gc.collect()
            assert count_client_sockets(server.port, others=others) == 0, "a socket is left"
        after = _measure_speed(server, transport)
        server.wait_until_idle(0)
        check_folder(Path(folder))
    return {"interrupted": done, "calls per second before": before, "calls per second after": after}


def _make_http(server: Loopback, transport: ModuleType) -> Http:
    timeouts = Timeouts(connect=60, idle=60, total=60)  # a place that was lost shows as a timeout
    return Http(make_gemini(server.url), max_connections=PLACES, http1=transport, proxy="", timeouts=timeouts)


def _interrupt_one(run: Http, chance: random.Random, folder: Path, manner: str) -> bool:
    action = draw_action(chance, folder)
    alarm = Alarm(chance, run.close if manner == CLOSE else None)
    try:
        with alarm:
            if isinstance(action, Stream):
                with run.stream(action) as items:
                    list(items)
            else:
                run(action)
    except Interrupted:
        assert manner == RAISE
    return alarm.was_delivered


def _use_all_places(run: Http) -> None:
    """Check that as many requests as there are places can be in flight: the server answers them only together."""
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(run(PAIR))) for _ in range(PLACES)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert len(results) == PLACES
    assert all(isinstance(each, Success) for each in results), results


def _measure_speed(server: Loopback, transport: ModuleType) -> float:
    with _make_http(server, transport) as run:
        start = time.perf_counter()
        for _ in range(CALLS):
            assert isinstance(run(generate("call", "hi")), Success)
        return CALLS / (time.perf_counter() - start)
