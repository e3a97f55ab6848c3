"""What a case must not leave open: sockets, threads, tasks, warnings."""

import gc
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.cancellation.cancel_points import check_no_leaks, list_client_sockets

_SERVER_THREADS = ("loopback", "Trio thread")
"""Threads of the servers, and those that trio keeps for its next blocking call."""


@contextmanager
def check_nothing_stays(*server_ports: int) -> Iterator[None]:
    """Check that a block leaves no client socket, no thread, no resource warning and no lost exception."""
    sockets, threads = list_client_sockets(*server_ports), _list_threads()
    try:
        with check_no_leaks():
            yield
    except BaseException as error:
        _release(error)
        raise
    assert list_client_sockets(*server_ports) <= sockets, "a socket is left"
    for thread in _list_threads() - threads:
        thread.join(60)  # one that has delivered its result may still be ending
        assert not thread.is_alive(), f"a thread is left: {thread.name}"


def _release(error: BaseException) -> None:
    """Close what the frames of a failed case keep, so that the next cases do not find it."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr(sys, "unraisablehook", lambda _: None)
        _clear_frames(error)
        gc.collect()


def _clear_frames(error: BaseException) -> None:
    nested = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for each in (*nested, error.__cause__, error.__context__):
        if each is not None:
            _clear_frames(each)
    traceback.clear_frames(error.__traceback__)


def _list_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if not each.name.startswith(_SERVER_THREADS)}
