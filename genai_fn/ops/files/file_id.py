"""The id of a file, which may be given as an id, a resource name or a URL."""

import re

from genai_fn.errors import InvalidRequest
from genai_fn.http import mask_url
from genai_fn.wire.resource_names import check_resource_name

__all__ = ["parse_file_id"]


def parse_file_id(name: object, path: str = "name") -> str:
    """
    Return the id of a file from its name or URL.

    Args:
        name: An id, ``files/…``, or the URL of a file.

        path: Path of `name` in the error.

    Raises:
        InvalidRequest: If `name` is none of these.

    >>> parse_file_id("files/a-1"), parse_file_id("https://host/v1beta/files/a-1:download?alt=media")
    ('a-1', 'a-1')
    """
    if not isinstance(name, str) or not name.startswith(("https://", "http://")):
        return check_resource_name(name.removeprefix("files/") if isinstance(name, str) else name, path, _EXPECTED)
    match = _FILE_ID_IN_URL.search(name)
    if match is None:
        raise InvalidRequest(path, mask_url(name), _EXPECTED)  # its query may contain a key or a signature
    return match[1]


_FILE_ID_IN_URL = re.compile("files/([a-z0-9][a-z0-9-]*)")
_EXPECTED = "files/…, the id alone, or the URL of a file"
