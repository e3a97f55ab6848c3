"""Files of the Gemini Files API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genai_fn.schema.base import ListConfig, Message, OpenEnum, OpenMessage, Page


class FileState(OpenEnum):
    """Processing state of a file."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED"
    PROCESSING = "PROCESSING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"


class FileSource(OpenEnum):
    """Origin of a file."""

    SOURCE_UNSPECIFIED = "SOURCE_UNSPECIFIED"
    UPLOADED = "UPLOADED"
    GENERATED = "GENERATED"
    REGISTERED = "REGISTERED"


class FileStatus(OpenMessage):
    """Why the processing of a file failed."""

    details: tuple[Mapping[str, Any], ...] | None = None
    message: str | None = None
    code: int | None = None


class File(OpenMessage):
    """A file that the service stores for two days, for use in contents."""

    name: str | None = None
    """``files/`` and an id."""
    display_name: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    create_time: datetime | None = None
    expiration_time: datetime | None = None
    update_time: datetime | None = None
    sha256_hash: str | None = None
    """SHA-256 as base64 of its hexadecimal digits."""
    uri: str | None = None
    """URI by which a `Part` refers to the file."""
    download_uri: str | None = None
    """Download URL of a generated file; None for an uploaded one."""
    state: FileState | None = None
    source: FileSource | None = None
    video_metadata: Mapping[str, Any] | None = None
    """Metadata of a video, such as its duration."""
    error: FileStatus | None = None


class UploadFileConfig(Message):
    """Options of `files.upload`."""

    name: str | None = None
    """``files/`` and an id that you choose; by default the service chooses one."""
    mime_type: str | None = None
    """Guessed from the file name if not set."""
    display_name: str | None = None


class DownloadFileConfig(Message):
    """Options of `files.download`; there are none."""


class GetFileConfig(Message):
    """Options of `files.get`; there are none."""


class DeleteFileConfig(Message):
    """Options of `files.delete`; there are none."""


class DeleteFileResponse(OpenMessage):
    """Response to the deletion of a file; it is empty."""


class CreateFileConfig(Message):
    """Options of google-genai's first upload request; there are none."""


class CreateFileResponse(Message):
    """Response to the start of an upload; its body is empty."""


class RegisterFilesConfig(Message):
    """Options of `files.register_files`; there are none."""


class RegisterFilesResponse(OpenMessage):
    """The registered files, in the order of their URIs."""

    files: tuple[File, ...] = ()


class ListFilesConfig(ListConfig):
    """Options of `files.list`."""


class ListFilesResponse(Page[File]):
    """A page of files."""

    files: tuple[File, ...] = ()
