"""Files of tokenizers: fetched once, checked, cached atomically, whatever the server, the disk or a signal does."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from genai_fn import (
    CertificateError,
    ClientError,
    ConnectError,
    DecodeError,
    Disconnected,
    Failure,
    Retry,
    ServerError,
    Success,
    Timeouts,
)
from genai_fn.effects import EffectFailed, GetRandom, GetTime, SendRequest
from genai_fn.local_tokenizer import model_files
from genai_fn.local_tokenizer.model_files import _fetch_with_retries, find_cache_folder, load_model_file
from genai_fn.local_tokenizer.model_names import ModelFile
from tests.support.interpreter_kinds import SleepRecorder
from tests.support.loopback import (
    Answer,
    Close,
    ConnectProxy,
    Hang,
    Loopback,
    ReceivedRequest,
    Reply,
    Script,
    Send,
    compress_reply,
    encode_head,
    reserve_refusing_port,
)
from tests.support.scripted_effects import run_by_script
from tests.support.small_tokenizers import describe_model_file

CONTENT = bytes(range(256)) * 400
OK = Reply(body=CONTENT)
HALF = (Send(encode_head(200, (("content-length", str(len(CONTENT))),)) + CONTENT[: len(CONTENT) // 2]),)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> SleepRecorder:
    """The waits between attempts, which are recorded instead of performed."""
    monkeypatch.setattr(random, "random", lambda: 0.0)
    return SleepRecorder(monkeypatch)


def describe_served(server: Loopback, content: bytes = CONTENT) -> ModelFile:
    return describe_model_file(content, f"{server.url}/tokenizer.model")


def load(file: ModelFile, folder: Path | str) -> Any:
    return load_model_file(file, str(folder), Timeouts())


def list_cached(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


def test_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is fetched at the first load, without credentials, and read from the cache folder after that."""
    monkeypatch.setenv("GOOGLE_API_KEY", "unused")
    folder = tmp_path / "a" / "b"
    with Loopback(OK) as server:
        assert [load(describe_served(server), folder) for _ in range(3)] == [Success(CONTENT)] * 3
        (request,) = server.requests
    assert (request.method, request.target, request.body) == ("GET", "/tokenizer.model", b"")
    assert request.headers.keys() == {"host", "accept", "accept-encoding", "user-agent"}
    assert list_cached(folder) == [CONTENT]


def test_compressed(tmp_path: Path) -> None:
    """A compressed response is decompressed before it is checked."""
    with Loopback(compress_reply(OK)) as server:
        assert load(describe_served(server), tmp_path) == Success(CONTENT)


def test_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is fetched over the proxy of the environment."""
    with Loopback(OK) as server, ConnectProxy(to=server.port) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        file = describe_model_file(CONTENT, f"http://tokenizers.test:{server.port}/x")
        assert load(file, tmp_path) == Success(CONTENT)
        assert len(proxy.requests) == len(server.requests) == 1


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], CONTENT + b"x", b"x" + CONTENT[1:]])
def test_damaged_cache(tmp_path: Path, damage: bytes) -> None:
    """A damaged file in the cache is fetched again, and replaced."""
    with Loopback(OK) as server:
        file = describe_served(server)
        path = tmp_path / f"small-{file.sha256}.model"
        path.write_bytes(damage)
        assert load(file, tmp_path) == Success(CONTENT)
        assert load(file, tmp_path) == Success(CONTENT)
        assert len(server.requests) == 1
    assert list_cached(tmp_path) == [CONTENT]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_pipe_in_the_cache(tmp_path: Path) -> None:
    """A named pipe in the place of the file is not read, which would never end; nor is a file that is too large."""
    with Loopback(OK) as server:
        file = describe_served(server)
        os.mkfifo(tmp_path / f"small-{file.sha256}.model")
        assert load(file, tmp_path) == Success(CONTENT)


def test_large_file_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the cache that is larger than any tokenizer is not read, but replaced."""
    monkeypatch.setattr(model_files, "_MAX_BYTES", len(CONTENT))
    with Loopback(OK) as server:
        file = describe_served(server)
        path = tmp_path / f"small-{file.sha256}.model"
        with path.open("wb") as written:
            written.truncate(1 << 40)
        assert load(file, tmp_path) == Success(CONTENT)
        assert path.stat().st_size == len(CONTENT)


def test_wrong_checksum(tmp_path: Path) -> None:
    """A file with another checksum is a failure with both of them; it is neither cached nor fetched again."""
    with Loopback(OK) as server:
        file = describe_served(server, b"other")
        failed = load(file, tmp_path)
        assert len(server.requests) == 1
    assert isinstance(failed.failure(), DecodeError)
    for each in (file.sha256, describe_model_file(CONTENT).sha256, file.url):
        assert each in str(failed.failure())
    assert list_cached(tmp_path) == []


@pytest.mark.parametrize(
    ("script", "expected", "attempts"),
    [
        ([Reply(503), (*HALF, Close()), OK], Success, 3),
        (Reply(404, body=b"no such file"), ClientError, 1),
        (Reply(302, (("location", "http://127.0.0.1:1/"),)), Exception, 1),
        (Reply(500), ServerError, 4),
        ((*HALF, Close()), Disconnected, 4),
        (Reply(206, body=CONTENT), Exception, 1),
    ],
)
def test_bad_responses(tmp_path: Path, sleeps: SleepRecorder, script: Script, expected: Any, attempts: int) -> None:
    """What may be temporary is retried; an error names the file, and leaves nothing in the cache."""
    with Loopback(script) as server:
        result = load(describe_served(server), tmp_path)
        assert (len(server.requests), len(sleeps.seconds)) == (attempts, attempts - 1)
    if expected is Success:
        assert result == Success(CONTENT)
        return
    assert isinstance(result.failure(), expected)
    assert "fetching the tokenizer small" in str(result.failure())
    assert list_cached(tmp_path) == []


def test_unreachable(tmp_path: Path, sleeps: SleepRecorder) -> None:
    """Where nothing listens, the failure names the address; the cache folder is not created."""
    with reserve_refusing_port() as port:
        failed = load(describe_model_file(CONTENT, f"http://127.0.0.1:{port}/x"), tmp_path / "a")
    assert isinstance(failed.failure(), ConnectError)
    assert f"fetching the tokenizer small: connecting to 127.0.0.1:{port}" in str(failed.failure())
    assert list_cached(tmp_path) == []


def test_untrusted_server(tmp_path: Path) -> None:
    """The certificate of the server is verified."""
    with Loopback(OK, tls=True) as server:
        failed = load(describe_served(server), tmp_path)
        assert server.requests == ()
    assert isinstance(failed.failure(), CertificateError)


@pytest.mark.usefixtures("sleeps")
@pytest.mark.parametrize("proxy", ["::::", "ftp://x", "http://[::1"])
def test_invalid_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """A proxy that is none is a failure, whatever the environment contains."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    failed = load(describe_model_file(CONTENT, "http://tokenizers.test/x"), tmp_path)
    assert "the proxy's address" in str(failed.failure())


def test_silent_server(tmp_path: Path, sleeps: SleepRecorder) -> None:
    """A server that stops in the middle is given up after the time limits."""
    with Loopback((*HALF, Hang())) as server:
        failed = load_model_file(describe_served(server), str(tmp_path), Timeouts(idle=0.05))
    assert "(idle) fetching the tokenizer small" in str(failed.failure())


def test_endless_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is too large is not read to its end."""
    monkeypatch.setattr("genai_fn.local_tokenizer.model_files._MAX_BYTES", 1000)
    with Loopback(OK) as server:
        failed = load(describe_served(server), tmp_path)
    assert isinstance(failed.failure(), DecodeError)


@pytest.mark.parametrize("obstacle", ["file", "directory", "nul"])
def test_unwritable_cache(tmp_path: Path, obstacle: str) -> None:
    """Where the cache cannot be written, the file is fetched each time."""
    folder: Path | str = tmp_path / "cache"
    with Loopback(OK) as server:
        file = describe_served(server)
        match obstacle:
            case "file":
                Path(folder).write_bytes(b"")
            case "directory":
                Path(folder, f"small-{file.sha256}.model").mkdir(parents=True)
            case _:
                folder = f"{tmp_path}/a\0b"
        assert load(file, folder) == Success(CONTENT)
        assert load(file, folder) == Success(CONTENT)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"XDG_CACHE_HOME": "/x"}, "linux", "/x/genai_fn"),
        ({"XDG_CACHE_HOME": "/x"}, "darwin", "/x/genai_fn"),
        ({"XDG_CACHE_HOME": "relative"}, "linux", "/h/.cache/genai_fn"),
        ({}, "linux", "/h/.cache/genai_fn"),
        ({}, "darwin", "/h/Library/Caches/genai_fn"),
        ({"LOCALAPPDATA": "/l"}, "win32", "/l/genai_fn/Cache"),
        ({}, "win32", "/h/.cache/genai_fn"),
    ],
)
def test_cache_folder(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], platform: str, expected: str) -> None:
    """The cache folder is where the platform has the user's; a relative ``XDG_CACHE_HOME`` is ignored."""
    monkeypatch.setenv("HOME", "/h")
    assert find_cache_folder(environ, platform) == Path(expected)


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home folder has no cache."""

    def raise_error() -> Path:
        raise RuntimeError

    monkeypatch.setenv("HOME", "relative")
    assert find_cache_folder({}, "linux") is None
    monkeypatch.setattr(Path, "home", raise_error)
    assert find_cache_folder({}, "linux") is None
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with Loopback(OK) as server:
        assert load_model_file(describe_served(server), None, Timeouts()) == Success(CONTENT)


# Processes

PROGRAM = """
import os, signal, sys
from genai_fn import Success, Timeouts
from genai_fn.local_tokenizer.model_files import load_model_file
from genai_fn.local_tokenizer.model_names import ModelFile
url, sha256, folder, dies_at = sys.argv[1:]
if dies_at:
    setattr(os, dies_at, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
result = load_model_file(ModelFile("small", url, sha256), folder, Timeouts())
sys.exit(0 if isinstance(result, Success) else repr(result))
"""


def start_process(file: ModelFile, folder: Path, dies_at: str = "") -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, file.url, file.sha256, str(folder), dies_at]
    return subprocess.Popen(command, cwd=ROOT)


def test_two_processes(tmp_path: Path) -> None:
    """Processes that fetch the same file at the same time all succeed, and leave one intact file."""
    both = threading.Barrier(2, timeout=300)

    def answer(_: ReceivedRequest) -> Answer:
        both.wait()
        return OK

    with Loopback(answer) as server:
        processes = [start_process(describe_served(server), tmp_path) for _ in range(2)]
        assert [each.wait(300) for each in processes] == [0, 0]
        assert len(server.requests) == 2
    assert list_cached(tmp_path) == [CONTENT]


def test_many_threads(tmp_path: Path) -> None:
    """Threads that load a damaged file at the same time never see anything but the whole file."""
    with Loopback(OK) as server:
        file = describe_served(server)
        path = tmp_path / f"small-{file.sha256}.model"
        results: list[Any] = []

        def damage_and_load() -> None:
            for _ in range(5):
                path.write_bytes(CONTENT[:100])
                results.append(load(file, tmp_path))

        threads = [threading.Thread(target=damage_and_load) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert results == [Success(CONTENT)] * 20


def test_killed_while_fetching(tmp_path: Path) -> None:
    """A process that is killed in the middle of the body leaves nothing behind; the next one fetches the file."""
    folder = tmp_path / "cache"
    with Loopback([(*HALF, Hang()), OK]) as server:
        file = describe_served(server)
        process = start_process(file, folder)
        server.wait_requests(1)
        server.wait_until_idle()
        process.kill()
        assert process.wait(300) == -signal.SIGKILL
        assert not folder.exists()
        assert load(file, folder) == Success(CONTENT)
    assert list_cached(folder) == [CONTENT]


@pytest.mark.parametrize("place", ["replace", "urandom"])
def test_killed_while_storing(tmp_path: Path, place: str) -> None:
    """A process that is killed while it writes leaves no file under the final name; the next one fetches it."""
    with Loopback(OK) as server:
        file = describe_served(server)
        assert start_process(file, tmp_path, place).wait(300) == -signal.SIGKILL
        assert list(tmp_path.glob("*.model")) == []
        assert load(file, tmp_path) == Success(CONTENT)
        assert [each.read_bytes() for each in tmp_path.glob("*.model")] == [CONTENT]


def test_interrupted(tmp_path: Path) -> None:
    """An interrupt while the body arrives leaves the call, and closes the connection."""

    def interrupt(_: ReceivedRequest) -> Answer:
        os.kill(os.getpid(), signal.SIGINT)
        return (*HALF, Hang())

    with Loopback(interrupt) as server:
        with pytest.raises(KeyboardInterrupt):
            load(describe_served(server), tmp_path)
        server.wait_closed(1)
    assert list_cached(tmp_path) == []


def test_deadline_bounds_the_waits() -> None:
    """An attempt that would start after the deadline is not made."""
    script = [
        (GetTime, 100.0),
        (SendRequest, EffectFailed(Disconnected("reading", sent=True))),
        (GetRandom, 0.0),
        (GetTime, 110.0),
    ]
    failed = run_by_script(_fetch_with_retries("http://127.0.0.1:1/x", Timeouts(total=10.0), Retry()), script)
    assert failed == Failure(Disconnected("reading", sent=True))
