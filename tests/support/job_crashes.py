"""Crashes of embedding jobs within one process: a run ends at one of its changes to files, or at a request."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from genai_fn.effects import Effects, SendRequest
from genai_fn.jobs.output import disk
from genai_fn.middleware import Transport, TransportWrapper

STEPS = ("append_bytes", "sync_file", "sync_folder", "replace_file", "remove_file", "truncate_file", "make_folder")


class SimulatedCrash(BaseException):
    """The end of a process, as far as one process can have it."""


class CrashingDisk:
    """
    Lets a run end at one of its changes to files: before it, or after a part of it.

    `crash_at` counts them from 0; without it they are only counted.
    """

    def __init__(self, patch: pytest.MonkeyPatch, error: Callable[[], BaseException] = SimulatedCrash) -> None:
        self.count = 0
        self.crash_at = -1
        self.is_partial = False
        self._error = error
        patch.setattr(os, "fsync", lambda descriptor: None)  # it takes most of the time, and this process goes on
        for module in (disk, *_list_users()):
            for name in STEPS:
                if hasattr(module, name):
                    patch.setattr(module, name, self._wrap(getattr(disk, name)))

    def take_step(self) -> bool:
        """Count a step; return whether the run ends at it."""
        self.count += 1
        return self.count - 1 == self.crash_at

    def _wrap(self, step: Callable[..., Any]) -> Callable[..., Any]:
        step = getattr(step, "__wrapped__", step)

        def perform(*args: Any) -> Any:
            if self.take_step():
                if self.is_partial:
                    _perform_partly(step, args)
                raise self._error()
            return step(*args)

        perform.__wrapped__ = step  # type: ignore[attr-defined]  # as functools.wraps does
        return perform


class CrashingTransport(TransportWrapper):
    """Lets a run end at one of its requests, too: before it is sent, or after the server has handled it."""

    def __init__(self, inner: Transport, crashes: CrashingDisk) -> None:
        super().__init__(inner)
        self._crashes = crashes

    def send(self, effect: SendRequest) -> Effects[Any]:
        """Send a request, unless the run ends."""
        if not self._crashes.take_step():
            return (yield from self.inner.send(effect))
        if self._crashes.is_partial:
            yield from self.inner.send(effect)
        raise SimulatedCrash


def _perform_partly(step: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Write half of the bytes; other steps happen as a whole."""
    if step.__name__ == "append_bytes":
        file, data = args
        args = file, memoryview(data).cast("B")[: memoryview(data).nbytes // 2]
    step(*args)


def _list_users() -> Iterator[Any]:
    from genai_fn.jobs import batch_flow, text_index
    from genai_fn.jobs.output import batch_states, folder, journal

    yield from (text_index, folder, journal, batch_states, batch_flow)
