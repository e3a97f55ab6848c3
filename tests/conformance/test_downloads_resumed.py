"""Interrupted downloads: resumed if the server supports ranges of the same file, else failed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from genai_fn import Retry, Success, Timeouts
from genai_fn.errors import Disconnected
from genai_fn.events import Event, Responded, Retrying
from genai_fn.ops import files
from tests.support.interpreter_kinds import Naps, World, gemini
from tests.support.limits import patient
from tests.support.loopback import Action, Answer, Close, Hang, Headers, Loopback, Received, Reply, Reset, Send, head

FILM = bytes(range(251)) * 400
SIZE = len(FILM)
TAG = (("etag", '"a"'),)
CLOSE = Close()

to_both = pytest.mark.parametrize("to_path", [False, True], ids=("memory", "path"))


class Server:
    """A server that breaks off at each of these offsets once, and supports ranges unless it `ignores` them."""

    def __init__(
        self, cuts: Sequence[int], *, headers: Headers = TAG, how: Action = CLOSE, ignores: bool = False
    ) -> None:
        self.cuts = list(cuts)
        self.headers = (("accept-ranges", "bytes"), *headers)
        self.how = how
        self.ignores = ignores
        self.ranges: list[str | None] = []

    def __call__(self, received: Received) -> Answer:
        wanted = received.headers.get("range")
        self.ranges.append(wanted)
        begin = 0 if wanted is None or self.ignores else int(wanted.removeprefix("bytes=").removesuffix("-"))
        ranged = (("content-range", f"bytes {begin}-{SIZE - 1}/{SIZE}"),) if wanted and not self.ignores else ()
        sized = (("content-length", str(SIZE - begin)),)
        end = self.cuts.pop(0) if self.cuts else SIZE
        whole = Send(head(206 if ranged else 200, (*self.headers, *sized, *ranged)) + FILM[begin:end])
        return whole if end == SIZE else (whole, self.how)


def fetched(world: World, server: Server, path: Path | None, **parameters: Any) -> Any:
    """Download to a path, or into memory: the bytes, or the error."""
    with Loopback(server) as loopback:
        flow: Any = files.download("abc", path)
        result = world.run(gemini(loopback.url), flow, **parameters)
    if path is None or not isinstance(result, Success):
        return result
    assert result == Success(path)
    return Success(path.read_bytes())


@to_both
@pytest.mark.parametrize("cuts", [(1,), (SIZE - 1,), (7, 7, 7, 9, 70_000, 70_001)], ids=str)
def test_goes_on(world: World, naps: Naps, tmp_path: Path, cuts: tuple[int, ...], to_path: bool) -> None:
    """Wherever a download breaks off, it goes on from there, as long as not four attempts in a row brought nothing."""
    server = Server(cuts)
    assert fetched(world, server, tmp_path / "x" if to_path else None) == Success(FILM)
    assert server.ranges == [None, *(f"bytes={cut}-" for cut in cuts)]


@to_both
def test_goes_on_after_a_reset(world: World, naps: Naps, tmp_path: Path, to_path: bool) -> None:
    """What a reset has swallowed is asked for again."""
    server = Server((50_000, 90_000), how=Reset())
    assert fetched(world, server, tmp_path / "x" if to_path else None) == Success(FILM)


@patient
def test_goes_on_after_silence(world: World, naps: Naps, tmp_path: Path, limit: float) -> None:
    """A server that falls silent is asked for the rest."""
    server, timeouts = Server((9,), how=Hang()), Timeouts(connect=60, idle=limit, total=120)
    assert fetched(world, server, tmp_path / "x", timeouts=timeouts) == Success(FILM)
    assert server.ranges == [None, "bytes=9-"]


@to_both
@pytest.mark.parametrize("headers", [(), (("etag", 'W/"a"'),)], ids=("length", "weak"))
def test_goes_on_by_length(world: World, naps: Naps, tmp_path: Path, headers: Headers, to_path: bool) -> None:
    """Where no tag names a file for sure, its length has to be the same."""
    server = Server((9,), headers=headers)
    assert fetched(world, server, tmp_path / "x" if to_path else None) == Success(FILM)
    assert server.ranges == [None, "bytes=9-"]


@to_both
def test_ranges_ignored(world: World, naps: Naps, tmp_path: Path, to_path: bool) -> None:
    """If the server ignores the range, the bytes received before are skipped."""
    server = Server((5, 80_000, 4), ignores=True)
    assert fetched(world, server, tmp_path / "x" if to_path else None) == Success(FILM)
    assert server.ranges == [None, "bytes=5-", "bytes=80000-", "bytes=80000-"]


class Changed(Server):
    """A server whose file has changed by the second request."""

    def __call__(self, received: Received) -> Answer:
        answer = super().__call__(received)
        self.headers = (("accept-ranges", "bytes"), ("etag", '"b"'))
        return answer


@to_both
@pytest.mark.parametrize("ignores", [False, True])
def test_another_file(world: World, naps: Naps, tmp_path: Path, ignores: bool, to_path: bool) -> None:
    """Parts of two files are never joined: if the file has changed, the download fails with the first error."""
    server = Changed((9,), ignores=ignores)
    error = fetched(world, server, tmp_path / "x" if to_path else None).failure()
    assert (type(error), len(server.ranges), list(tmp_path.iterdir())) == (Disconnected, 2, [])


@to_both
@pytest.mark.parametrize("headers", [(("accept-ranges", "none"),), (("content-encoding", "br"),)], ids=str)
def test_not_gone_on_with(world: World, naps: Naps, tmp_path: Path, headers: Headers, to_path: bool) -> None:
    """Where there are no ranges, or not of the file itself, what broke off is a failure."""
    server = Server((9,))
    server.headers = (*headers, *server.headers)  # the first of a name counts
    error = fetched(world, server, tmp_path / "x" if to_path else None).failure()
    assert (type(error), server.ranges, naps.slept) == (Disconnected, [None], [])


@to_both
def test_gives_up(world: World, naps: Naps, tmp_path: Path, to_path: bool) -> None:
    """If all allowed attempts in a row receive nothing, the first error is the result."""
    server = Server((9,) * 10)
    error = fetched(world, server, tmp_path / "x" if to_path else None, retry=Retry(attempts=3)).failure()
    assert (type(error), server.ranges) == (Disconnected, [None, "bytes=9-", "bytes=9-"])
    assert list(tmp_path.iterdir()) == []


class Busy(Server):
    """A server that responds to the second request with a status only."""

    def __init__(self, status: int) -> None:
        super().__init__((9,))
        self.status = status

    def __call__(self, received: Received) -> Answer:
        if len(self.ranges) == 1:
            self.ranges.append(received.headers.get("range"))
            return Reply(self.status, (("retry-after", "7"),))
        return super().__call__(received)


@to_both
def test_busy(world: World, naps: Naps, tmp_path: Path, to_path: bool) -> None:
    """A busy server is asked again after its Retry-After."""
    server = Busy(503)
    assert fetched(world, server, tmp_path / "x" if to_path else None) == Success(FILM)
    assert (server.ranges, naps.slept[1:]) == ([None, "bytes=9-", "bytes=9-"], [7.0])


@to_both
@pytest.mark.parametrize("status", [404, 416])
def test_gone(world: World, naps: Naps, tmp_path: Path, status: int, to_path: bool) -> None:
    """If the server no longer has the rest, it is not asked again; the first error is the result."""
    server = Busy(status)
    error = fetched(world, server, tmp_path / "x" if to_path else None).failure()
    assert (type(error), server.ranges) == (Disconnected, [None, "bytes=9-"])


def test_told(world: World, naps: Naps) -> None:
    """Who listens is told why a download is gone on with."""
    told: list[Event] = []
    assert fetched(world, Server((9,)), None, on_event=told.append) == Success(FILM)
    retried = [each for each in told if isinstance(each, Retrying)]
    assert [type(each.error) for each in retried] == [Disconnected]
    assert [each.request for each in retried] == [each.request for each in told if isinstance(each, Responded)]
