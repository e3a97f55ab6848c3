"""The lock that delays forks."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from genai_fn import forks


def test_forks_in_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork that has waited in vain does not release the lock that a fork in another thread holds."""
    monkeypatch.setattr(forks, "_MAX_SECONDS", 0.0)
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        with forks.delay_forks:
            first.submit(forks._wait).result()
        second.submit(forks._wait).result()
        first.submit(forks._resume).result()
        assert not forks.delay_forks.acquire(blocking=False)
        second.submit(forks._resume).result()
    assert forks.delay_forks.acquire(blocking=False)
    forks.delay_forks.release()
