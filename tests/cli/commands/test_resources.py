"""``genai-fn models``, ``files``, ``caches``, ``batches`` and ``stores``, against an emulator over a socket."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genai_fn.cli import run_command_line
from genai_fn.cli.commands import batches
from genai_fn.testing.server.asgi import Emulator
from tests.support.command_lines import run_failing_command
from tests.support.loopback import ReceivedRequest, Reply, build_json_reply

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def call(emulator: Emulator, capsys: Capture) -> Callable[..., str]:
    """Return a function that runs a command, which must succeed, and returns its standard output."""

    def run(*arguments: str) -> str:
        assert run_command_line(arguments) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


class TestModels:
    def test_list(self, call: Any) -> None:
        """A pipe gets a line for each model, with tabs between its fields; ``--json`` is an array."""
        lines = call("models", "list").splitlines()
        assert "models/gemini-2.5-flash\t1048576\t65536\tGemini 2.5 Flash" in lines
        names = [each["name"] for each in json.loads(call("models", "list", "--json"))]
        assert names == [line.split("\t")[0] for line in lines]

    def test_tuned(self, call: Any) -> None:
        """``--tuned`` lists other models."""
        assert call("models", "list", "--tuned") == ""

    def test_get(self, call: Any) -> None:
        """A model is JSON."""
        assert json.loads(call("models", "get", "gemini-2.5-flash"))["inputTokenLimit"] == 1048576


class TestFiles:
    def test_life(self, call: Any, capsys: Capture, tmp_path: Path) -> None:
        """A file is uploaded, listed, read and deleted."""
        path = tmp_path / "a b.txt"
        path.write_text("hello")
        name = call("files", "upload", str(path), "--wait").strip()
        line = call("files", "list").split("\t")
        assert line[:4] == [name, "text/plain", "5", "ACTIVE"]
        assert json.loads(call("files", "get", name))["displayName"] == "a b.txt"
        assert run_command_line(["files", "delete", name]) == 0
        assert capsys.readouterr().err == f"note: deleted {name}\n"
        assert call("files", "list") == ""
        assert "403" in run_failing_command(capsys, ["files", "delete", name], 1)

    def test_upload(self, call: Any, tmp_path: Path) -> None:
        """Several files are uploaded in order, with a given type, and printed as JSON."""
        paths = [tmp_path / "a.bin", tmp_path / "b.bin"]
        for path in paths:
            path.write_bytes(b"\0")
        output = call("files", "upload", *map(str, paths), "--mime-type", "video/mp4", "--json")
        assert output.count('"mimeType": "video/mp4"') == 2
        assert output.index("a.bin") < output.index("b.bin")

    @pytest.mark.parametrize(("is_terminal", "shown"), ((True, "files/a[31m"), (False, "files/a\x1b[31m")))
    def test_name_of_the_server(
        self,
        server: Any,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        is_terminal: bool,
        shown: str,
    ) -> None:
        """A name that the server has chosen is printed on a terminal without control characters."""
        path = tmp_path / "a.txt"
        path.write_text("hello")

        def answer(request: ReceivedRequest) -> Reply:
            if request.target == "/session":
                headers = (("x-goog-upload-status", "final"),)
                return build_json_reply({"file": {"name": "files/a\x1b[31m"}}, headers=headers)
            return Reply(200, (("x-goog-upload-url", f"http://{request.headers['host']}/session"),))

        monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
        with server(answer):
            assert run_command_line(["files", "upload", str(path)]) == 0
        assert capsys.readouterr().out == f"{shown}\n"

    def test_download(self, server: Any, capsys: Capture, tmp_path: Path) -> None:
        """A generated file is written to a path, and a failed download leaves none."""
        path = tmp_path / "video.mp4"
        with server(build_json_reply({"a": 1})):
            assert run_command_line(["files", "download", "abc", "-o", str(path)]) == 0
        assert path.read_bytes() == b'{"a":1}'
        path.unlink()
        with server(build_json_reply({"error": {"code": 404, "message": "none", "status": "NOT_FOUND"}}, 404)):
            assert "404" in run_failing_command(capsys, ["files", "download", "abc", "-o", str(path)], 1)
        assert [*tmp_path.iterdir()] == []

    def test_vertex(self, capsys: Capture) -> None:
        """Vertex AI has no files; the exit code is that of wrong usage."""
        assert "Vertex" in run_failing_command(capsys, ["files", "list", "--vertex", "--offline"])


class TestCaches:
    def test_life(self, call: Any, tmp_path: Path) -> None:
        """A cached content is created, listed, updated and deleted."""
        path = tmp_path / "book.txt"
        path.write_text("word " * 5000)
        options = ["-f", str(path), "-s", "Be terse.", "--title", "book", "--ttl", "300s"]
        cache = json.loads(call("caches", "create", *options))
        name = cache["name"]
        assert call("caches", "list").split("\t")[:3] == [name, cache["model"], "book"]
        updated = json.loads(call("caches", "update", name, "--ttl", "7200s"))
        assert updated["expireTime"] > cache["expireTime"]
        assert json.loads(call("caches", "get", name))["expireTime"] == updated["expireTime"]
        call("caches", "delete", name)
        assert json.loads(call("caches", "list", "--json")) == []


class TestBatches:
    def test_life(self, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A job is started with an uploaded file, awaited, listed and deleted."""
        monkeypatch.setattr(batches, "POLL_SECONDS", 0.1)
        path = tmp_path / "requests.jsonl"
        path.write_text('{"key": "0", "request": {"contents": [{"parts": [{"text": "hi"}]}]}}\n')
        file = call("files", "upload", str(path), "--mime-type", "application/jsonl").strip()
        name = json.loads(call("batches", "create", file, "--title", "mine"))["name"]
        assert json.loads(call("batches", "get", name, "--wait"))["state"] == "JOB_STATE_SUCCEEDED"
        assert call("batches", "list").split("\t")[:2] == [name, "JOB_STATE_SUCCEEDED"]
        call("batches", "delete", name)
        assert call("batches", "list") == ""

    def test_cancel(self, server: Any, capsys: Capture) -> None:
        """A job is cancelled by its name."""
        with server(build_json_reply({})) as loopback:
            assert run_command_line(["batches", "cancel", "batches/abc"]) == 0
        assert loopback.requests[0].target == "/v1beta/batches/abc:cancel"
        assert capsys.readouterr().err == "note: cancelled batches/abc\n"


class TestStores:
    def test_life(self, call: Any, capsys: Capture, tmp_path: Path) -> None:
        """A store is created, filled, listed and deleted with its documents."""
        path = tmp_path / "a.txt"
        path.write_text("hello")
        store = json.loads(call("stores", "create", "my notes"))["name"]
        document = call("stores", "upload", store, str(path)).strip()
        assert call("stores", "list").split("\t")[:3] == [store, "my notes", "1"]
        assert call("stores", "documents", store).split("\t")[1] == "a.txt"
        assert document.startswith(store)
        assert json.loads(call("stores", "get", store))["displayName"] == "my notes"
        run_failing_command(capsys, ["stores", "delete", store], 1)
        call("stores", "delete", store, "--force")
        assert call("stores", "list") == ""


OFFLINE = [
    ["models", "list"],
    ["models", "get", "gemini-2.5-flash"],
    ["files", "list"],
    ["caches", "list"],
    ["caches", "create", "word " * 5000],
    ["batches", "list"],
    ["stores", "list"],
    ["stores", "create"],
]


@pytest.mark.parametrize("arguments", OFFLINE, ids=lambda arguments: " ".join(arguments)[:20])
def test_offline(capsys: Capture, arguments: list[str]) -> None:
    """With ``--offline`` the emulator answers; without it and without a key, nothing does."""
    assert run_command_line([*arguments, "--offline"]) == 0
    assert capsys.readouterr().err == "offline: the built-in emulator answers.\n"
    assert "no API key" in run_failing_command(capsys, arguments, 1)


@pytest.mark.parametrize("name", ["models", "files", "caches", "batches", "stores"])
def test_bare(capsys: Capture, name: str) -> None:
    """Without a command, a group prints its help."""
    run_command_line([name])
    assert "list" in capsys.readouterr().out
