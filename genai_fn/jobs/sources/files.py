"""The files of a path, a folder or a pattern, and their formats."""

import glob
import hashlib
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from genai_fn.errors import InvalidRequest
from genai_fn.jobs.errors import SourceError
from genai_fn.jobs.output.settings import SourceFingerprint
from genai_fn.values import Value

__all__ = [
    "FILE_FORMATS",
    "FileFormat",
    "SourceFile",
    "build_fingerprint",
    "convert_file_errors",
    "list_files",
    "matches_pattern",
]

FileFormat: TypeAlias = Literal["parquet", "arrow", "jsonl", "csv", "tsv", "text"]
FILE_FORMATS: tuple[str, ...] = get_args(FileFormat)

_SUFFIXES: dict[str, FileFormat] = {
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), "arrow"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".csv",), "csv"),
    **dict.fromkeys((".tsv",), "tsv"),
    **dict.fromkeys((".txt", ".text", ".md"), "text"),
}


@contextmanager
def convert_file_errors(path: Path) -> Generator[None]:
    """Context manager: raise `SourceError` in place of an OSError, for a file as a whole."""
    try:
        yield
    except OSError as error:
        raise SourceError(str(path), None, error.strerror or str(error)) from None


class SourceFile(Value):
    """A file of a source: its path, its name below the folder of the source, its format and its size."""

    path: Path
    name: str
    format: FileFormat
    size: int


def list_files(source: str, file_format: FileFormat | None) -> tuple[SourceFile, ...]:
    """
    List the files of a path, a folder with all folders below it, or a pattern such as ``texts/**/*.parquet``.

    They are sorted by name, and each is listed once. In a folder, names that begin with a dot or an underscore are left
    out, and files of other formats unless `file_format` is given.

    Raises:
        SourceError: If there are no files, or one cannot be read.

        InvalidRequest: If the name of a file does not show its format, and `file_format` is None.
    """
    path = Path(source)
    if path.is_dir():
        found = [each for each in _walk(path) if file_format or each.suffix.lower() in _SUFFIXES]
        base = path
    elif path.exists() or not glob.has_magic(source):
        found, base = [path], path.parent
    else:
        base = _find_base(source)
        found = [each for each in map(Path, glob.glob(source, recursive=True)) if each.is_file()]  # noqa: PTH207  # a whole pattern, absolute or not
    named = sorted({(_format_name(each.relative_to(base)), each) for each in found})
    if not named:
        known = ", ".join(_SUFFIXES)
        raise SourceError(source, None, f"no files: without source_format, a folder is searched for {known}")
    return tuple(_build_file(each, name, file_format) for name, each in named)


def _format_name(path: Path) -> str:
    """Format the name of a file as text that UTF-8 has: file systems have other names, too."""
    return os.fsencode(path.as_posix()).decode(errors="replace")


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith((".", "_"))]
        yield from (Path(root, name) for name in names if not name.startswith((".", "_")))


def _find_base(pattern: str) -> Path:
    """
    Return the folder before the first part of a pattern that contains a wildcard.

    >>> _find_base("texts/**/*.parquet").as_posix()
    'texts'
    """
    parts = Path(pattern).parts
    length = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:length])


def matches_pattern(path: Path, source: str) -> bool:
    """Whether a source is a pattern that matches a file, whether or not the file exists."""
    if not glob.has_magic(source) or Path(source).exists():
        return False
    base = _find_base(source)
    resolved, folder = path.resolve(), base.resolve()
    if not resolved.is_relative_to(folder):
        return False
    return _match_parts(resolved.relative_to(folder).parts, Path(source).parts[len(base.parts) :])


def _match_parts(names: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_match_parts(names[index:], pattern[1:]) for index in range(len(names) + 1))
    return bool(names) and fnmatch(names[0], pattern[0]) and _match_parts(names[1:], pattern[1:])


def _build_file(path: Path, name: str, file_format: FileFormat | None) -> SourceFile:
    with convert_file_errors(path):
        if not path.is_file():
            raise SourceError(str(path), None, "is not a file" if path.exists() else "there is no such file or folder")
        size = path.stat().st_size
    kind = file_format or _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InvalidRequest(
            "source", str(path), f"a name that ends in one of {', '.join(_SUFFIXES)}, or source_format"
        )
    return SourceFile(path, name, kind, size)


def build_fingerprint(files: tuple[SourceFile, ...]) -> SourceFingerprint:
    """Build a fingerprint of the names below the folder, sizes and formats of files. The folder may be moved."""
    digest = hashlib.sha256("".join(f"{each.name}\0{each.size}\0{each.format}\n" for each in files).encode())
    return SourceFingerprint(
        kind="files", files=len(files), bytes=sum(each.size for each in files), digest=digest.hexdigest()
    )
