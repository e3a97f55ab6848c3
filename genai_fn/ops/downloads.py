"""Downloads: what is in a file that the service made."""

from typing import ClassVar, TypeAlias
from urllib.parse import urljoin

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.http import HttpResponse, shown_address
from genai_fn.ops._file_id import file_id
from genai_fn.request import GET, Call, Operation, Refusal, Request, pieces, whole
from genai_fn.schema import File, GeneratedVideo, Video
from genai_fn.schema._base import Message

__all__ = ["DownloadFile", "Downloadable", "fetch"]

Downloadable: TypeAlias = str | File | Video | GeneratedVideo
"""What names a file to be fetched."""


class DownloadFile(Operation[bytes]):
    """
    Fetch what is in a file.

    `address` is where a redirect has led, if one has; a relative one counts from the file's own.
    """

    op: ClassVar = "files.download"

    name: str
    address: str = ""
    in_pieces: bool = False

    def __repr__(self) -> str:
        return Message.__repr__(self).replace(repr(self.address), repr(shown_address(self.address)))

    def gemini(self, at: Gemini) -> Call[bytes] | Refusal:
        if self.name.startswith("gs://"):
            return Refusal(f"{self.name} is in Cloud Storage: fetch it with Cloud Storage's own tools")
        answer = pieces() if self.in_pieces else whole(_content)
        if self.address:
            elsewhere = urljoin(f"{at.root}/files/{self.name}:download", self.address)
            return Call("GET", elsewhere, answer, absolute=True)
        return GET(f"files/{self.name}:download", answer, query=(("alt", "media"),))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files are the Gemini Developer API's alone; Vertex AI writes to Cloud Storage")

    def streaming(self) -> "DownloadFile":
        return replace(self, in_pieces=True)


def fetch(file: Downloadable) -> Request[bytes]:
    """
    Fetch what is in a file, into memory, or with ``| streamed`` in pieces; redirects are not followed.

    Only what the service made can be fetched: a file with a ``download_uri``, or a video.

    Args:
        file: ``files/abc``, ``abc``, an address of the file, a `File`, or a video with a ``uri``.

    >>> fetch(Video(uri="https://host/v1beta/files/abc:download?alt=media")) == fetch("files/abc")
    True
    """
    named = _named(file)
    is_elsewhere = isinstance(named, str) and named.startswith("gs://")
    return Request(DownloadFile(name=str(named) if is_elsewhere else file_id(named, "file")))


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
