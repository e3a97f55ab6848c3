"""
The files of SentencePiece models: fetched once, checked by SHA-256, and kept in the user's cache folder.

A file in the cache is checked each time, and replaced if it is damaged. It gets its name only when it is complete, so
processes may fetch it at the same time, and may be killed at any point.
"""

import dataclasses
import hashlib
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn.effects import EffectFailed, Effects, GetRandom, GetTime, Sleep
from genai_fn.engine.attempts import FetchLimits, fetch_response
from genai_fn.engine.retry import compute_delay, is_retryable
from genai_fn.errors import APIError, DecodeError, GenaiError, TransportError
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.http import HttpRequest
from genai_fn.interpreters.executors.files import TempFile
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.settings import Settings
from genai_fn.local_tokenizer.model_names import ModelFile
from genai_fn.options import Retry, Timeouts
from genai_fn.wire import USER_AGENT, build_api_error


def load_model_file(file: ModelFile, cache_dir: str | None, timeouts: Timeouts) -> Result[bytes, GenaiError]:
    """
    Return the content of a file from the cache folder, or fetch it and store it there.

    If `cache_dir` is None, the folder is that of `find_cache_folder`; if there is none, the file is not stored.
    """
    folder = find_cache_folder(os.environ) if cache_dir is None else Path(cache_dir)
    path = None if folder is None else folder / f"{file.name}-{file.sha256}.model"
    cached = None if path is None else _read_if_intact(path, file)
    if cached is not None:
        return Success(cached)
    fetched = _fetch_model_file(file, timeouts)
    if path is not None and isinstance(fetched, Success):
        _store(path, fetched.unwrap())
    return fetched


def find_cache_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """
    Find the folder for this package's files in the user's cache folder; None if the user has no folder.

    It is in ``XDG_CACHE_HOME`` if that is an absolute path, and otherwise where the platform has its caches.
    """
    xdg, local = environ.get("XDG_CACHE_HOME", ""), environ.get("LOCALAPPDATA", "")
    if Path(xdg).is_absolute():
        return Path(xdg, "genai_fn")
    if platform == "win32" and Path(local).is_absolute():
        return Path(local, "genai_fn", "Cache")
    try:
        home = Path.home()
    except RuntimeError:  # a user without an entry in the password database
        return None
    if not home.is_absolute():  # HOME is empty or relative
        return None
    return home / ("Library/Caches" if platform == "darwin" else ".cache") / "genai_fn"


# The cache


def _read_if_intact(path: Path, file: ModelFile) -> bytes | None:
    """Return the content of a file in the cache; None if it is missing, damaged, or cannot be read."""
    with suppress(OSError, ValueError):  # ValueError: a folder whose name has a NUL
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:  # reading a pipe or a device may never end
            return None
        content = path.read_bytes()
        return content if _compute_sha256(content) == file.sha256 else None
    return None


def _store(path: Path, content: bytes) -> None:
    """Store a file in the cache. Errors, as of a read-only disk, are ignored: the next call fetches it again."""
    with suppress(OSError, ValueError):
        path.parent.mkdir(parents=True, exist_ok=True)
    temp = TempFile(str(path))
    try:
        if not isinstance(temp.create(), EffectFailed) and temp.write(content) is None:
            temp.commit()
    finally:
        temp.close()


def _compute_sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# Fetching


def _fetch_model_file(file: ModelFile, timeouts: Timeouts) -> Result[bytes, GenaiError]:
    register_fork_delay()
    with delay_forks:
        from genai_fn.interpreters.net.pool.sync_pool import SyncPool  # noqa: PLC0415  # the network stack, if it is needed

        pool = SyncPool(1, **Settings().build_pool_options())
        pool.load_transport()
    try:
        fetched = SyncExecutor(pool, None, None).run(_fetch_with_retries(file.url, timeouts, Retry()))
    finally:
        pool.close()
    if isinstance(fetched, Failure):
        return Failure(_name_file(fetched.failure(), file))
    found = _compute_sha256(fetched.unwrap())
    if found != file.sha256:
        expected = f"a file with the SHA-256 {file.sha256} from {file.url}"
        return Failure(DecodeError(expected, text=f"a file with the SHA-256 {found}"))
    return fetched


def _fetch_with_retries(url: str, timeouts: Timeouts, retry: Retry) -> Effects[Result[bytes, GenaiError]]:
    start: float = yield GetTime()
    deadline = start + timeouts.total
    limits = FetchLimits(deadline, timeouts.connect, timeouts.idle, _MAX_BYTES)
    attempt = 1
    while True:
        response = yield from fetch_response(HttpRequest("GET", url, _HEADERS), limits)
        if not isinstance(response, EffectFailed) and response.status == 200:
            return Success(response.body)
        error = response.error if isinstance(response, EffectFailed) else build_api_error(response)
        jitter: float = yield GetRandom()
        seconds = compute_delay(error, attempt, retry, jitter) if is_retryable(error, retry, repeatable=True) else None
        now: float = yield GetTime()
        if seconds is None or now + seconds >= deadline:
            return Failure(error)
        yield Sleep(seconds)
        attempt += 1


_HEADERS = (("accept", "*/*"), ("accept-encoding", "gzip"), ("user-agent", USER_AGENT))
_MAX_BYTES = 64 * 1024 * 1024  # the largest known file has 5 MB


def _name_file(error: GenaiError, file: ModelFile) -> GenaiError:
    """Return the error with the name of the tokenizer in its text."""
    fields: dict[str, Any] = {}
    if isinstance(error, TransportError):
        fields["doing"] = f"fetching the tokenizer {file.name}: {getattr(error, 'doing', '')}"
    elif isinstance(error, APIError):
        fields["message"] = f"fetching the tokenizer {file.name} from {file.url}: {error.message}"
    return dataclasses.replace(error, **fields) if fields else error
