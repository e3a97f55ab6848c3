"""Temporary files of downloads: no ``.part`` file is left, whatever ends the download."""

import os
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed
from genai_fn.interpreters.executors import files
from genai_fn.interpreters.executors.files import TempFile

FILE_CLOSED = EffectFailed(Closed("the file was closed"))


def close_during(method: str, temp_file: TempFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close the temporary file during a method of the file that it writes, as a signal handler may do."""

    class ClosedFile(FileIO):
        def write(self, data: Any) -> int:
            if method == "write":
                temp_file.close()
            return super().write(data)

        def close(self) -> None:
            if method == "close" and not self.closed:
                super().close()
                temp_file.close()
            super().close()

    monkeypatch.setattr(files, "FileIO", ClosedFile)


@pytest.mark.parametrize("method", ["write", "close"])
def test_closed_by_a_signal_handler(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal handler closes the file while its own thread writes or commits it: that fails, and nothing is left."""
    temp_file = TempFile(str(tmp_path / "x"))
    close_during(method, temp_file, monkeypatch)
    assert temp_file.create() is temp_file
    written = temp_file.write(b"data")
    assert written == (FILE_CLOSED if method == "write" else None)
    assert temp_file.commit() == FILE_CLOSED
    temp_file.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_collected(tmp_path: Path) -> None:
    """A file that nobody refers to any more is removed."""
    temp_file = TempFile(str(tmp_path / "x"))
    temp_file.create()
    assert len(list(tmp_path.iterdir())) == 1
    del temp_file
    assert list(tmp_path.iterdir()) == []


def test_collected_after_commit(tmp_path: Path) -> None:
    """A committed file stays."""
    temp_file = TempFile(str(tmp_path / "x"))
    temp_file.create()
    temp_file.commit()
    del temp_file
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_closed_in_a_child_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fork, the child does not remove the file that its parent writes."""
    temp_file, pid = TempFile(str(tmp_path / "x")), os.getpid()
    temp_file.create()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    temp_file.close()
    assert len(list(tmp_path.iterdir())) == 1
