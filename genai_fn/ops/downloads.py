"""Downloads: what is in a file that the service made."""

from typing import ClassVar, TypeAlias

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.http import HttpResponse
from genai_fn.ops.files import file_id
from genai_fn.request import GET, Call, Operation, Refusal, Request, whole
from genai_fn.schema import File, GeneratedVideo, Video

__all__ = ["DownloadFile", "Downloadable", "fetch"]

Downloadable: TypeAlias = str | File | Video | GeneratedVideo
"""What names a file to be fetched."""


class DownloadFile(Operation[bytes]):
    """Fetch what is in a file."""

    op: ClassVar = "files.download"

    name: str

    def gemini(self, at: Gemini) -> Call[bytes]:
        return GET(f"files/{self.name}:download", whole(_content), query=(("alt", "media"),))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files are the Gemini Developer API's alone; Vertex AI writes to Cloud Storage")


def fetch(file: Downloadable) -> Request[bytes]:
    """
    Fetch what is in a file, into memory.

    Only what the service made can be fetched: a file with a ``download_uri``, or a video.

    Args:
        file: ``files/abc``, ``abc``, an address of the file, a `File`, or a video with a ``uri``.

    >>> fetch(Video(uri="https://host/v1beta/files/abc:download?alt=media")) == fetch("files/abc")
    True
    """
    return Request(DownloadFile(name=file_id(_named(file), "file")))


def _named(file: object) -> object:
    if isinstance(file, GeneratedVideo):
        return _named(file.video)
    if isinstance(file, Video):
        return file.uri
    if not isinstance(file, File):
        return file
    if file.download_uri is None:
        raise InvalidRequest("file", file, "a file that the service made: uploaded ones cannot be fetched")
    return file.name or file.download_uri


def _content(response: HttpResponse) -> bytes:
    return response.body
