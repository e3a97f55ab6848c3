"""How files are named: by an identity, a resource name, or an address."""

import re

from genai_fn.errors import InvalidRequest
from genai_fn.names import valid_name

__all__ = ["file_id"]


def file_id(name: object, path: str = "name") -> str:
    """
    Cut the identity of a file out of what names it.

    >>> file_id("files/a-1"), file_id("https://host/v1beta/files/a-1:download?alt=media")
    ('a-1', 'a-1')
    """
    if not isinstance(name, str) or not name.startswith(("https://", "http://")):
        return valid_name(name.removeprefix("files/") if isinstance(name, str) else name, path, _EXPECTED)
    found = _IN_ADDRESS.search(name)
    if found is None:
        raise InvalidRequest(path, name, _EXPECTED)
    return found[1]


_IN_ADDRESS = re.compile("files/([a-z0-9][a-z0-9-]*)")
_EXPECTED = "files/…, the identity alone, or the address of a file"
