"""``genai-fn images``: the files that it writes."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from genai_fn.cli import run_command_line
from tests.support.command_lines import run_failing_command
from tests.support.loopback import build_json_reply

Capture = pytest.CaptureFixture[str]
PNG = b"\x89PNG\r\n\x1a\n"


def test_one(capsys: Capture, tmp_path: Path) -> None:
    """One image has the name that was given, which is printed."""
    path = tmp_path / "cat.png"
    assert run_command_line(["images", "a cat", "--offline", "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes().startswith(PNG)


def test_several(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several images are numbered; without a name they are image-1.png and so on."""
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["images", "a cat", "--offline", "-n", "2"]) == 0
    assert capsys.readouterr().out == "image-1.png\nimage-2.png\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["image-1.png", "image-2.png"]


def test_existing(capsys: Capture, tmp_path: Path) -> None:
    """A file that exists is replaced only with ``--force``; otherwise nothing is sent."""
    path = tmp_path / "cat.png"
    path.write_bytes(b"before")
    assert "pass --force" in run_failing_command(capsys, ["images", "a cat", "-o", str(path)])
    assert path.read_bytes() == b"before"
    assert run_command_line(["images", "a cat", "--offline", "-o", str(path), "--force"]) == 0
    assert path.read_bytes() != b"before"


def test_sent(server: Any, tmp_path: Path) -> None:
    """Number, shape and type of the images reach the server."""
    reply = {"predictions": [{"bytesBase64Encoded": "AAAA", "mimeType": "image/jpeg"}] * 2}
    with server(build_json_reply(reply)) as loopback:
        command = ["images", "a cat", "-n", "2", "--aspect-ratio", "16:9", "-o", str(tmp_path / "cat.jpg"), "-m", "i"]
        assert run_command_line(command) == 0
    assert loopback.requests[0].target == "/v1beta/models/i:predict"
    assert msgspec.json.decode(loopback.requests[0].body)["parameters"] == {
        "sampleCount": 2,
        "aspectRatio": "16:9",
        "outputOptions": {"mimeType": "image/jpeg"},
    }
    assert (tmp_path / "cat-2.jpg").read_bytes() == b"\0\0\0"


@pytest.mark.parametrize(("count", "status"), [(1, 3), (0, 1)])
def test_filtered(server: Any, capsys: Capture, tmp_path: Path, count: int, status: int) -> None:
    """If the server returns fewer images, the exit code is 3, or 1 if it returns none, and the reason is printed."""
    images = [{"bytesBase64Encoded": "AAAA", "mimeType": "image/png"}] * count
    reply = {"predictions": [*images, {"raiFilteredReason": "not a cat"}]}
    with server(build_json_reply(reply)):
        assert run_command_line(["images", "a cat", "-n", "2", "-o", str(tmp_path / "cat.png")]) == status
    assert f"{2 - count} of 2 images were not generated: not a cat" in capsys.readouterr().err
    assert len([*tmp_path.iterdir()]) == count


def test_no_key(capsys: Capture, tmp_path: Path) -> None:
    """Without a key no image is made."""
    assert "no API key" in run_failing_command(capsys, ["images", "a cat", "-o", str(tmp_path / "cat.png")], 1)
    assert [*tmp_path.iterdir()] == []
