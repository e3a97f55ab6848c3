"""Downloads of what a search in a store has found; the builder is ``stores.download_media``."""

import re
from typing import ClassVar

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.request_parts import WHOLE_BODY
from genai_fn.request import GET, Call, Operation, Refusal, Request, read_body_chunks
from genai_fn.wire.resource_names import check_resource_name

__all__ = ["DownloadMedia", "download_media"]


class DownloadMedia(Operation[bytes]):
    """Download a medium of a store."""

    op: ClassVar = "stores.download_media"

    media_id: str
    is_streamed: bool = False

    def gemini(self, at: Gemini) -> Call[bytes]:
        reader = read_body_chunks() if self.is_streamed else WHOLE_BODY
        return GET(self.media_id, reader, query=(("alt", "media"),))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")

    def get_streaming_operation(self) -> "DownloadMedia":
        return replace(self, is_streamed=True)


def download_media(media_id: str) -> Request[bytes]:
    """
    Download an image or a page that a file search has found, into memory, or with ``| streamed`` in chunks.

    Redirects are not followed.

    Args:
        media_id: ``fileSearchStores/…/media/…``: the ``media_id`` of a retrieved context in the grounding metadata.

    Raises:
        InvalidRequest: If this is not the ID of a medium.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the medium does not exist (404).

    >>> download_media("fileSearchStores/s/media/m").operation.media_id
    'fileSearchStores/s/media/m'
    """
    name = check_resource_name(media_id, "media_id", "fileSearchStores/…/media/…", _MEDIA_ID_PATTERN)
    return Request(DownloadMedia(media_id=name))


_MEDIA_ID_PATTERN = re.compile(r"fileSearchStores/[^/:]+/media/[^/:]+")
