"""Downloads: what is in a file that the service made."""

from typing import ClassVar, TypeAlias
from urllib.parse import urljoin

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.http import HttpResponse, mask_url
from genai_fn.ops.files.file_id import parse_file_id
from genai_fn.request import GET, Call, Operation, Refusal, Request, read_body_chunks, read_whole_response
from genai_fn.schema import File, GeneratedVideo, Video
from genai_fn.schema.base import Message

__all__ = ["DownloadFile", "Downloadable", "download_bytes"]

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
    is_streamed: bool = False

    def __repr__(self) -> str:
        return Message.__repr__(self).replace(repr(self.address), repr(mask_url(self.address)))

    def gemini(self, at: Gemini) -> Call[bytes] | Refusal:
        if self.name.startswith("gs://"):
            return Refusal(f"{self.name} is in Cloud Storage: fetch it with Cloud Storage's own tools")
        answer = read_body_chunks() if self.is_streamed else read_whole_response(_get_body)
        if self.address:
            elsewhere = urljoin(f"{at.root}/files/{self.name}:download", self.address)
            return Call("GET", elsewhere, answer, absolute=True)
        return GET(f"files/{self.name}:download", answer, query=(("alt", "media"),))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files are the Gemini Developer API's alone; Vertex AI writes to Cloud Storage")

    def get_streaming_operation(self) -> "DownloadFile":
        return replace(self, is_streamed=True)


def download_bytes(file: Downloadable) -> Request[bytes]:
    """
    Fetch what is in a file, into memory, or with ``| streamed`` in pieces; redirects are not followed.

    Only what the service made can be fetched: a file with a ``download_uri``, or a video.

    Args:
        file: ``files/abc``, ``abc``, an address of the file, a `File`, or a video with a ``uri``.

    >>> download_bytes(Video(uri="https://host/v1beta/files/abc:download?alt=media")) == download_bytes("files/abc")
    True
    """
    named = _get_file_reference(file)
    is_elsewhere = isinstance(named, str) and named.startswith("gs://")
    return Request(DownloadFile(name=str(named) if is_elsewhere else parse_file_id(named, "file")))


def _get_file_reference(file: object) -> object:
    if isinstance(file, GeneratedVideo):
        return _get_file_reference(file.video)
    if isinstance(file, Video):
        return file.uri
    if not isinstance(file, File):
        return file
    if file.download_uri is None:
        raise InvalidRequest("file", file, "a file that the service made: uploaded ones cannot be fetched")
    return file.name or file.download_uri


def _get_body(response: HttpResponse) -> bytes:
    return response.body
