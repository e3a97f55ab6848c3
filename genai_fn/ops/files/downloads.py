"""Downloads: the request for the content of a file."""

from typing import ClassVar, TypeAlias
from urllib.parse import urljoin

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.http import mask_url
from genai_fn.ops.files.file_id import parse_file_id
from genai_fn.ops.request_parts import WHOLE_BODY
from genai_fn.request import GET, Call, Operation, Refusal, Request, read_body_chunks
from genai_fn.schema.base import Message
from genai_fn.schema.files import File
from genai_fn.schema.videos import GeneratedVideo, Video

__all__ = ["DownloadFile", "Downloadable", "download_bytes"]

Downloadable: TypeAlias = str | File | Video | GeneratedVideo
"""What identifies a file to download."""


class DownloadFile(Operation[bytes]):
    """
    Download the content of a file.

    `address` is the target of the last redirect, if there was one; a relative one is resolved against the file's URL.
    """

    op: ClassVar = "files.download"

    name: str
    address: str = ""
    is_streamed: bool = False

    def __repr__(self) -> str:
        return Message.__repr__(self).replace(repr(self.address), repr(mask_url(self.address)))

    def gemini(self, at: Gemini) -> Call[bytes] | Refusal:
        if self.name.startswith("gs://"):
            return Refusal(f"{self.name} is in Cloud Storage: download it with the tools of Cloud Storage")
        reader = read_body_chunks() if self.is_streamed else WHOLE_BODY
        if self.address:
            url = urljoin(f"{at.root}/files/{self.name}:download", self.address)
            return Call("GET", url, reader, absolute=True)
        return GET(f"files/{self.name}:download", reader, query=(("alt", "media"),))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files exist only on the Gemini Developer API; Vertex AI writes to Cloud Storage")

    def get_streaming_operation(self) -> "DownloadFile":
        return replace(self, is_streamed=True)


def download_bytes(file: Downloadable) -> Request[bytes]:
    """
    Download the content of a file into memory, or with ``| streamed`` in chunks. Redirects are not followed.

    Only generated files can be downloaded: those with a ``download_uri``, and videos.

    Args:
        file: ``files/abc``, ``abc``, a URL of the file, a `File`, or a video with a ``uri``.

    Raises:
        InvalidRequest: If this is not a file, or a file without a ``download_uri``.

    Fails with:
        Unsupported: On Vertex AI, or if the file is in Cloud Storage.

        ClientError: If the file does not exist (403 or 404).

    >>> download_bytes(Video(uri="https://host/v1beta/files/abc:download?alt=media")) == download_bytes("files/abc")
    True
    """
    reference = _get_file_reference(file)
    is_in_cloud_storage = isinstance(reference, str) and reference.startswith("gs://")
    return Request(DownloadFile(name=str(reference) if is_in_cloud_storage else parse_file_id(reference, "file")))


def _get_file_reference(file: object) -> object:
    if isinstance(file, GeneratedVideo):
        return _get_file_reference(file.video)
    if isinstance(file, Video):
        return file.uri
    if not isinstance(file, File):
        return file
    if file.download_uri is None:
        raise InvalidRequest("file", file, "a generated file: uploaded files cannot be downloaded")
    return file.name or file.download_uri
