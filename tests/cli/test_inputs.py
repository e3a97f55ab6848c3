"""What a command reads: the media types of files."""

from pathlib import Path

import pytest
import typer

from genai_fn.cli.inputs import read_part

TEXT = ("Makefile", "a.yaml", "a.toml", "a.ts", "a.rs", "a.log", "a.ipynb", "a.unknown", ".env", "LICENSE")
PNG = b"\x89PNG\r\n\x1a\n\0"


class TestReadPart:
    @pytest.mark.parametrize("name", TEXT)
    def test_text(self, tmp_path: Path, name: str) -> None:
        """Any UTF-8 file is text, whatever its name is."""
        path = tmp_path / name
        path.write_text("größe: 1\n", encoding="utf-8")
        blob = read_part(path).inline_data
        assert blob is not None
        assert (blob.mime_type, blob.data) == ("text/plain", "größe: 1\n".encode())

    @pytest.mark.parametrize(
        ("name", "data", "mime_type"),
        [
            ("a.png", PNG, "image/png"),
            ("a.md", b"# A", "text/markdown"),
            ("a.json", b"{}", "application/json"),
            ("a.wasm", b"\0asm", "application/wasm"),
            ("a.sh", b"\xff\x00", "application/x-sh"),
            ("a.txt", b"\xff", "text/plain"),
        ],
    )
    def test_type(self, tmp_path: Path, name: str, data: bytes, mime_type: str) -> None:
        """Our table comes first; for data that is no text, ``mimetypes`` comes last."""
        path = tmp_path / name
        path.write_bytes(data)
        blob = read_part(path).inline_data
        assert blob is not None
        assert blob.mime_type == mime_type

    def test_given(self, tmp_path: Path) -> None:
        """A given type is used as it is."""
        path = tmp_path / "a.png"
        path.write_bytes(PNG)
        blob = read_part(path, "image/x-mine").inline_data
        assert blob is not None
        assert blob.mime_type == "image/x-mine"

    def test_unknown(self, tmp_path: Path) -> None:
        """Data of an unknown kind is refused, and the error names the option."""
        path = tmp_path / "a.unknown"
        path.write_bytes(PNG)
        with pytest.raises(typer.BadParameter, match="--mime-type"):
            read_part(path)
