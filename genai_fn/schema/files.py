"""Files kept by the Gemini Files API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genai_fn.schema.base import Message, OpenEnum, Page

__all__ = [
    "CreateFileConfig",
    "CreateFileResponse",
    "DeleteFileConfig",
    "DeleteFileResponse",
    "DownloadFileConfig",
    "File",
    "FileSource",
    "FileState",
    "FileStatus",
    "GetFileConfig",
    "ListFilesConfig",
    "ListFilesResponse",
    "UploadFileConfig",
]


class FileState(OpenEnum):
    """How far the service has come with a file."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED"
    PROCESSING = "PROCESSING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"


class FileSource(OpenEnum):
    """Who made a file."""

    SOURCE_UNSPECIFIED = "SOURCE_UNSPECIFIED"
    UPLOADED = "UPLOADED"
    GENERATED = "GENERATED"


class FileStatus(Message):
    """Why a file could not be processed."""

    details: tuple[Mapping[str, Any], ...] | None = None
    message: str | None = None
    code: int | None = None


class File(Message):
    """A file that the service keeps for two days, to be named in contents."""

    name: str | None = None
    """``files/`` and an id."""
    display_name: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    create_time: datetime | None = None
    expiration_time: datetime | None = None
    update_time: datetime | None = None
    sha256_hash: str | None = None
    """Base64 of the hash's hexadecimal text."""
    uri: str | None = None
    """What a `Part` refers to."""
    download_uri: str | None = None
    """Where generated files are fetched from; uploaded ones have none."""
    state: FileState | None = None
    source: FileSource | None = None
    video_metadata: Mapping[str, Any] | None = None
    """What is known of a video, its duration for one."""
    error: FileStatus | None = None


class UploadFileConfig(Message):
    """How a file is uploaded."""

    name: str | None = None
    """``files/`` and an id of one's own; one is made up unless given."""
    mime_type: str | None = None
    """Told by the file's name unless given."""
    display_name: str | None = None


class DownloadFileConfig(Message):
    """How a file is fetched: nothing to be said."""


class GetFileConfig(Message):
    """How a file is looked up: nothing to be said."""


class DeleteFileConfig(Message):
    """How a file is deleted: nothing to be said."""


class DeleteFileResponse(Message):
    """What comes back for a deleted file: nothing."""


class CreateFileConfig(Message):
    """How an upload is started: nothing to be said."""


class CreateFileResponse(Message):
    """What comes back for the start of an upload: nothing in the body."""


class ListFilesConfig(Message):
    """Which page of the files."""

    page_size: int | None = None
    """How many on a page, at most."""
    page_token: str | None = None
    """The ``next_page_token`` of the page before."""


class ListFilesResponse(Page[File]):
    """A page of files."""

    files: tuple[File, ...] = ()
