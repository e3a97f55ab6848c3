"""Latches, promises and workers: waiters wake up, and interrupted operations can be repeated."""

import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from genai_fn.interpreters.executors.threads import Latch, Promise, SetOnce, Worker, start_thread, wait_for_first


class Interrupt(BaseException):
    """Stands for ``KeyboardInterrupt``."""


def test_latch() -> None:
    """A latch stays set, and wakes all waiters."""
    latch, wakeups = Latch(), list[bool]()
    workers = [Worker(lambda: wakeups.append(latch.wait())) for _ in range(3)]
    for each in workers:
        each.start()
    assert (latch.is_set(), latch.wait(0), latch.wait(-1)) == (False, False, False)
    latch.set()
    latch.set()
    for each in workers:
        each.join()
    assert (wakeups, latch.is_set(), latch.wait()) == ([True] * 3, True, True)


def test_set_again_after_an_interrupt() -> None:
    """Setting a latch again after an interrupted `set` calls the remaining callbacks."""
    latch, calls = Latch(), list[int]()

    def raise_interrupt() -> None:
        latch.remove_callback(raise_interrupt)
        raise Interrupt

    latch.add_callback(raise_interrupt)
    for n in range(3):
        latch.add_callback(lambda n=n: calls.append(n))  # type: ignore[misc]  # bound now
    with pytest.raises(Interrupt):
        latch.set()
    latch.set()
    assert set(calls) == {0, 1, 2}


def test_callbacks() -> None:
    """A callback is called when the latch is set, at once if it is set already, and not after its removal."""
    latch, calls = Latch(), list[str]()

    def record_removed() -> None:
        calls.append("removed")

    latch.add_callback(record_removed)
    latch.remove_callback(record_removed)
    latch.remove_callback(record_removed)
    latch.add_callback(lambda: calls.append("before"))
    latch.set()
    latch.add_callback(lambda: calls.append("after"))
    assert calls == ["before", "after"]


def test_first_of_several() -> None:
    """`wait_for_first` returns when one latch is set, and leaves no callbacks."""
    latches = [Latch() for _ in range(3)]
    worker = Worker(latches[1].set)
    worker.start()
    wait_for_first(latches)
    worker.join()
    wait_for_first(latches[:1], 0)
    assert [each.is_set() for each in latches] == [False, True, False]
    assert [each._callbacks for each in latches] == [set()] * 3


def test_set_once() -> None:
    """Of several threads that set a value, all get the first one."""
    value, answers = SetOnce[int](), list[int]()
    assert value.get() is None
    start = threading.Barrier(8)

    def set_value(number: int) -> None:
        start.wait(60)
        answers.append(value.set(number))

    workers = [Worker(partial(set_value, number)) for number in range(8)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert answers == [value.get()] * 8
    assert value.set(9) == value.get() != 9


def test_promise() -> None:
    """A promise keeps its first result."""
    promise: Promise[str | None] = Promise()
    with pytest.raises(TimeoutError):
        promise.result(0)
    assert not promise.done()
    promise.set_result(None)
    promise.set_result("late")
    assert (promise.result(), promise.done(), promise.cancelled(), promise.cancel()) == (None, True, False, False)


def test_promise_that_is_cancelled() -> None:
    """A cancelled promise is done, and ignores later results."""
    promise: Promise[str] = Promise()
    assert not promise.cancelled()
    assert promise.cancel()
    assert promise.cancel()
    promise.set_result("late")
    assert (promise.done(), promise.cancelled()) == (True, True)
    with pytest.raises(TimeoutError):
        promise.result()


def test_worker_that_never_began() -> None:
    """`join` returns at once if the thread was not started."""
    Worker(fail).join()


@pytest.mark.parametrize(
    ("cause", "raised"), [(Interrupt(), Interrupt), (ValueError(), RuntimeError), (None, RuntimeError)]
)
def test_interrupt_of_a_start(
    cause: BaseException | None, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt that surfaces as a RuntimeError of a lock is raised as the interrupt; other errors are unchanged."""

    def start(self: threading.Thread) -> None:
        try:
            if cause is not None:
                raise cause
        finally:
            raise RuntimeError("release unlocked lock")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(raised):
        start_thread(threading.Thread(target=fail))


def fail() -> Callable[[], object]:
    raise AssertionError("this does not run")


def test_join_waits_after_an_interrupted_join() -> None:
    """`join` waits for a running worker, even if an earlier `join` was interrupted."""
    gate, finished = threading.Event(), list[bool]()
    worker = Worker(lambda: finished.append(gate.wait()))

    def interrupt(*_: object) -> None:
        raise Interrupt

    previous_handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        worker.start()
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(Interrupt):
            while True:  # at any time before the signal
                worker.join()
        threading.Timer(0.05, gate.set).start()
        worker.join()
        assert finished == [True]
    finally:
        gate.set()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)


def test_wait_ends_after_a_long_signal_handler() -> None:
    """A wait ends even if a signal handler runs meanwhile, and returns after the end of the wait."""
    latch, guard = Latch(), threading.Event()
    rescue = threading.Thread(target=lambda: guard.wait(60) or latch.set())
    previous_handler = signal.signal(signal.SIGALRM, lambda *_: time.sleep(0.05))
    try:
        rescue.start()
        for _ in range(20):
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            assert not latch.wait(0.01)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)
        guard.set()
        rescue.join()
