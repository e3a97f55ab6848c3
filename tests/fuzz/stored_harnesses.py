"""Harnesses of stored files: recordings, result files of batches."""

import tempfile
from math import inf
from pathlib import Path
from typing import Any

from returns.result import Failure, Result

from genai_fn import generate
from genai_fn.errors import InvalidRequest
from genai_fn.ops import batches, live
from genai_fn.testing.recordings.calls import RecordedCalls
from genai_fn.testing.recordings.file import read_calls
from genai_fn.testing.recordings.foreign.formats import read_foreign_recording
from genai_fn.testing.recordings.foreign.replay import ForeignReplayHandler
from genai_fn.testing.recordings.scrub import KnownSecrets
from genai_fn.testing.recordings.serialize import record_live, record_request
from tests.fuzz.checks import check_result
from tests.fuzz.effects import run_effects
from tests.fuzz.inputs import choose, split_head
from tests.fuzz.requests import REQUESTS

__all__ = ["STORED_HARNESSES"]

_FOLDER = tempfile.TemporaryDirectory(prefix="genai-fn-fuzz-")
_PATH = Path(_FOLDER.name) / "recording.jsonl"


def fuzz_recordings(data: bytes) -> None:
    """Replay a recording: every call that it contains, and the request that the first word names."""
    words, rest = split_head(data)
    request = choose(words, 0, REQUESTS)
    _PATH.write_bytes(rest)
    try:
        calls, truncated_bytes = read_calls(_PATH)
        assert 0 <= truncated_bytes <= len(rest)
        recorded = RecordedCalls(calls, "recording.jsonl", repeat_last=True)
        call, _ = run_effects(record_request(request, KnownSecrets(), in_chunks=False), iter(()))
        for each in (call, *calls):
            for result in recorded.take_results(each, request) or ():
                check_result(result)
        if len(rest) < 2000:
            recorded.describe_nearest(call)
        recorded.take_call(record_live(live.connect("m"), KnownSecrets()))
    except InvalidRequest as error:
        str(error)


def fuzz_foreign_recordings(data: bytes) -> None:
    """Replay a recording of another program: the request that the first word names, and two that seeds contain."""
    words, rest = split_head(data)
    _PATH.write_bytes(rest)
    try:
        recording = read_foreign_recording(_PATH)
    except InvalidRequest as error:
        assert error.path.startswith("recording.jsonl:")
        str(error)
        return
    if recording is None:
        return
    str(recording)
    handler = ForeignReplayHandler(recording, in_order=False)
    for request in (choose(words, 0, REQUESTS), generate("gemini-2.5-flash", "hi")):
        result, _ = run_effects(handler.handle(request, inf), iter(()))
        check_result(result)
    opened, _ = run_effects(handler.open_stream(generate("gemini-2.5-flash", "hi"), inf), iter(()))
    if isinstance(opened, Failure):
        check_result(opened)
        return
    items, _ = run_effects(handler.read_items(opened.unwrap()), iter(()))
    for each in items:
        check_result(each)


_REQUESTS = [generate("m", "hi"), generate("m", "hi"), generate("m", "ho")]


def fuzz_batch_results(data: bytes) -> None:
    """Match the lines of a result file to the requests of a batch."""
    results: tuple[Result[Any, Any], ...] = batches.join(_REQUESTS, data)
    assert len(results) == len(_REQUESTS)
    for each in results:
        check_result(each)


STORED_HARNESSES = (fuzz_recordings, fuzz_foreign_recordings, fuzz_batch_results)
