"""Registration: objects in Cloud Storage become files without a copy; the builder is ``files.register_files``."""

from collections.abc import Sequence
from typing import ClassVar

from genai_fn.backend import Gemini, Vertex, normalize_headers
from genai_fn.errors import InvalidRequest
from genai_fn.options import Options
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_value
from genai_fn.schema.files import RegisterFilesResponse

__all__ = ["RegisterFiles", "register_files"]


class RegisterFiles(Operation[RegisterFilesResponse]):
    """Register objects in Cloud Storage as files."""

    op: ClassVar = "files.register_files"
    repeatable: ClassVar = False

    uris: tuple[str, ...]

    def gemini(self, at: Gemini) -> Call[RegisterFilesResponse]:
        return POST("files:register", _RegisterFilesBody(uris=self.uris), read_json(RegisterFilesResponse))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("files exist only on the Gemini Developer API; Vertex AI reads from Cloud Storage")


class _RegisterFilesBody(Message):
    uris: tuple[str, ...]


def register_files(uris: Sequence[str], auth: str | None = None) -> Request[RegisterFilesResponse]:
    """
    Register objects in Cloud Storage as files, for use in contents. Nothing is copied.

    The service reads the objects with an OAuth access token, which is sent beside the API key, in the header
    ``authorization``. For a quota project, add ``| with_options(headers={"x-goog-user-project": "…"})``.

    Args:
        uris: ``gs://bucket/object``, at least one.

        auth: The access token, such as the ``token`` of google-auth's refreshed credentials. None if the headers of
            the backend or of ``with_options`` contain one.

    Raises:
        InvalidRequest: If there is no URI, one does not begin with ``gs://``, or the token is empty or invalid.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the token does not permit to read an object (403), or an object does not exist (404).

    >>> register_files(["gs://bucket/talk.mp4"]).operation.uris
    ('gs://bucket/talk.mp4',)
    """
    checked: tuple[str, ...] = as_value(tuple[str, ...], uris, "uris")
    if not checked:
        raise InvalidRequest("uris", uris, "at least one URI, gs://…")
    for index, uri in enumerate(checked):
        if not uri.startswith("gs://"):
            raise InvalidRequest(f"uris[{index}]", uri, "gs://…")
    operation = RegisterFiles(uris=checked)
    if auth is None:
        return Request(operation)
    if not isinstance(auth, str) or not auth.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("auth", "***", "an access token, such as credentials.token")
    headers = normalize_headers({"authorization": f"Bearer {auth}"}, "auth")
    return Request(operation, Options(headers=headers))
