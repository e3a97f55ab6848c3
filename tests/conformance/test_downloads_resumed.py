"""Interrupted downloads are resumed if the server supports ranges of the same file; else they fail."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from genai_fn import Retry, Success, Timeouts
from genai_fn.errors import Disconnected
from genai_fn.events import Event, Responded, Retrying
from genai_fn.ops import files
from tests.support.interpreter_kinds import InterpreterKind, SleepRecorder, make_gemini
from tests.support.limits import retry_with_longer_limits
from tests.support.loopback import (
    Action,
    Answer,
    Close,
    Hang,
    Headers,
    Loopback,
    ReceivedRequest,
    Reply,
    Reset,
    Send,
    encode_head,
)

DATA = bytes(range(251)) * 400
SIZE = len(DATA)
ETAG = (("etag", '"a"'),)
CLOSE_ACTION = Close()

memory_and_path = pytest.mark.parametrize("to_path", [False, True], ids=("memory", "path"))


class RangeServer:
    """A server that breaks off once at each offset of `cuts`, and supports ranges unless `ignores_ranges`."""

    def __init__(
        self,
        cuts: Sequence[int],
        *,
        headers: Headers = ETAG,
        cut_action: Action = CLOSE_ACTION,
        ignores_ranges: bool = False,
    ) -> None:
        self.cuts = list(cuts)
        self.headers = (("accept-ranges", "bytes"), *headers)
        self.cut_action = cut_action
        self.ignores_ranges = ignores_ranges
        self.ranges: list[str | None] = []

    def __call__(self, request: ReceivedRequest) -> Answer:
        requested_range = request.headers.get("range")
        self.ranges.append(requested_range)
        start = (
            0
            if requested_range is None or self.ignores_ranges
            else int(requested_range.removeprefix("bytes=").removesuffix("-"))
        )
        range_headers = (
            (("content-range", f"bytes {start}-{SIZE - 1}/{SIZE}"),)
            if requested_range and not self.ignores_ranges
            else ()
        )
        length_headers = (("content-length", str(SIZE - start)),)
        end = self.cuts.pop(0) if self.cuts else SIZE
        response = Send(
            encode_head(206 if range_headers else 200, (*self.headers, *length_headers, *range_headers))
            + DATA[start:end]
        )
        return response if end == SIZE else (response, self.cut_action)


def download(kind: InterpreterKind, server: RangeServer, path: Path | None, **parameters: Any) -> Any:
    """Download to a path or to memory; return the bytes or the error."""
    with Loopback(server) as loopback:
        flow: Any = files.download("abc", path)
        result = kind.run(make_gemini(loopback.url), flow, **parameters)
    if path is None or not isinstance(result, Success):
        return result
    assert result == Success(path)
    return Success(path.read_bytes())


@memory_and_path
@pytest.mark.parametrize("cuts", [(1,), (SIZE - 1,), (7, 7, 7, 9, 70_000, 70_001)], ids=str)
def test_resumed(
    kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, cuts: tuple[int, ...], to_path: bool
) -> None:
    """A download is resumed where it broke off, until four attempts in a row have received nothing."""
    server = RangeServer(cuts)
    assert download(kind, server, tmp_path / "x" if to_path else None) == Success(DATA)
    assert server.ranges == [None, *(f"bytes={cut}-" for cut in cuts)]


@memory_and_path
def test_resumed_after_a_reset(kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, to_path: bool) -> None:
    """After a reset, the bytes that were lost are requested again."""
    server = RangeServer((50_000, 90_000), cut_action=Reset())
    assert download(kind, server, tmp_path / "x" if to_path else None) == Success(DATA)


@retry_with_longer_limits
def test_resumed_after_silence(kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, limit: float) -> None:
    """After an idle timeout, the rest is requested."""
    server, timeouts = RangeServer((9,), cut_action=Hang()), Timeouts(connect=60, idle=limit, total=120)
    assert download(kind, server, tmp_path / "x", timeouts=timeouts) == Success(DATA)
    assert server.ranges == [None, "bytes=9-"]


@memory_and_path
@pytest.mark.parametrize("headers", [(), (("etag", 'W/"a"'),)], ids=("length", "weak"))
def test_resumed_by_length(
    kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, headers: Headers, to_path: bool
) -> None:
    """Without a strong ETag, the length of the file must be the same."""
    server = RangeServer((9,), headers=headers)
    assert download(kind, server, tmp_path / "x" if to_path else None) == Success(DATA)
    assert server.ranges == [None, "bytes=9-"]


@memory_and_path
def test_ranges_ignored(kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, to_path: bool) -> None:
    """If the server ignores the range, the bytes received before are skipped."""
    server = RangeServer((5, 80_000, 4), ignores_ranges=True)
    assert download(kind, server, tmp_path / "x" if to_path else None) == Success(DATA)
    assert server.ranges == [None, "bytes=5-", "bytes=80000-", "bytes=80000-"]


class ChangedFileServer(RangeServer):
    """A server whose file has changed by the second request."""

    def __call__(self, request: ReceivedRequest) -> Answer:
        answer = super().__call__(request)
        self.headers = (("accept-ranges", "bytes"), ("etag", '"b"'))
        return answer


@memory_and_path
@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_file_that_changed(
    kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, ignores_ranges: bool, to_path: bool
) -> None:
    """Parts of two files are never joined: if the file has changed, the download fails with the first error."""
    server = ChangedFileServer((9,), ignores_ranges=ignores_ranges)
    error = download(kind, server, tmp_path / "x" if to_path else None).failure()
    assert (type(error), len(server.ranges), list(tmp_path.iterdir())) == (Disconnected, 2, [])


@memory_and_path
@pytest.mark.parametrize("headers", [(("accept-ranges", "none"),), (("content-encoding", "identity"),)], ids=str)
def test_not_resumable(
    kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, headers: Headers, to_path: bool
) -> None:
    """Without support for ranges of the unencoded file, an interrupted download fails."""
    server = RangeServer((9,))
    server.headers = (*headers, *server.headers)  # the first header of a name counts
    error = download(kind, server, tmp_path / "x" if to_path else None).failure()
    assert (type(error), server.ranges, sleeps.seconds) == (Disconnected, [None], [])


@memory_and_path
def test_attempts_are_limited(kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, to_path: bool) -> None:
    """If all allowed attempts in a row receive nothing, the first error is the result."""
    server = RangeServer((9,) * 10)
    error = download(kind, server, tmp_path / "x" if to_path else None, retry=Retry(attempts=3)).failure()
    assert (type(error), server.ranges) == (Disconnected, [None, "bytes=9-", "bytes=9-"])
    assert list(tmp_path.iterdir()) == []


class BusyServer(RangeServer):
    """A server that responds to the second request with a status only."""

    def __init__(self, status: int) -> None:
        super().__init__((9,))
        self.status = status

    def __call__(self, request: ReceivedRequest) -> Answer:
        if len(self.ranges) == 1:
            self.ranges.append(request.headers.get("range"))
            return Reply(self.status, (("retry-after", "7"),))
        return super().__call__(request)


@memory_and_path
def test_busy_server(kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, to_path: bool) -> None:
    """A busy server gets the next request after its Retry-After, and jitter of up to as much again."""
    server = BusyServer(503)
    assert download(kind, server, tmp_path / "x" if to_path else None) == Success(DATA)
    assert server.ranges == [None, "bytes=9-", "bytes=9-"]
    [advised] = sleeps.seconds[1:]
    assert 7.0 <= advised <= 14.0


@memory_and_path
@pytest.mark.parametrize("status", [404, 416])
def test_file_no_longer_available(
    kind: InterpreterKind, sleeps: SleepRecorder, tmp_path: Path, status: int, to_path: bool
) -> None:
    """If the server no longer has the rest, no further request is sent; the first error is the result."""
    server = BusyServer(status)
    error = download(kind, server, tmp_path / "x" if to_path else None).failure()
    assert (type(error), server.ranges) == (Disconnected, [None, "bytes=9-"])


def test_events(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """A resumed download sends a Retrying event with the error."""
    events: list[Event] = []
    assert download(kind, RangeServer((9,)), None, on_event=events.append) == Success(DATA)
    retries = [each for each in events if isinstance(each, Retrying)]
    assert [type(each.error) for each in retries] == [Disconnected]
    assert [each.request for each in retries] == [each.request for each in events if isinstance(each, Responded)]
