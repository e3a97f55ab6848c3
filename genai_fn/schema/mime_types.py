"""Guesses MIME types from file extensions. No system table is read, so results are the same on all machines."""

import re

from genai_fn.errors import InvalidRequest


def guess_mime_type(name: str) -> str | None:
    """
    Guess the MIME type of a file from the extension of its name or URL. None if the extension is unknown.

    >>> guess_mime_type("gs://bucket/Cat.JPG")
    'image/jpeg'
    """
    _, address, rest = name.partition("://")
    path = re.split("[?#]", rest)[0].partition("/")[2] if address else name
    _, dot, ending = path.rpartition("/")[2].rpartition(".")
    return _TYPE_BY_EXTENSION.get(ending.lower()) if dot else None


def resolve_mime_type(name: str, given: str | None) -> str:
    """
    Return the given MIME type, or guess it from the name.

    Raises InvalidRequest if neither is possible, or a header cannot contain it.
    """
    if type(name) is not str:  # callers may not be type-checked
        raise InvalidRequest("file_uri", name, "text")
    found = guess_mime_type(name) if given is None else given
    if found is None:
        shown = re.split("[?#]", name)[0]  # without the query, which may contain a signature
        raise InvalidRequest("mime_type", shown, "a mime_type, as the name has no extension with a known one")
    if type(found) is str and not (found.isascii() and found.isprintable()):  # other types are refused with their path
        raise InvalidRequest("mime_type", found, "one line of ASCII text, such as text/plain")
    return found


_EXTENSIONS_BY_TYPE = {
    "application": {
        "gzip": "gz",
        "json": "json",
        "msword": "doc",
        "pdf": "pdf",
        "rtf": "rtf",
        "vnd.ms-excel": "xls",
        "vnd.ms-powerpoint": "ppt",
        "vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
        "vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "x-tar": "tar",
        "zip": "zip",
    },
    "audio": {
        "3gpp": "3gpp",
        "aac": "aac",
        "flac": "flac",
        "mp4": "m4a",
        "mpeg": "mp3",
        "ogg": "oga ogg",
        "opus": "opus",
        "x-aiff": "aif aiff",
        "x-wav": "wav",
    },
    "image": {
        "avif": "avif",
        "bmp": "bmp",
        "gif": "gif",
        "heic": "heic",
        "heif": "heif",
        "jpeg": "jpe jpeg jpg",
        "png": "png",
        "svg+xml": "svg",
        "tiff": "tif tiff",
        "webp": "webp",
    },
    "text": {
        "css": "css",
        "csv": "csv",
        "html": "htm html",
        "javascript": "js mjs",
        "markdown": "markdown md",
        "plain": "txt",
        "tab-separated-values": "tsv",
        "x-python": "py",
        "xml": "xml",
    },
    "video": {
        "3gpp": "3gp",
        "mp4": "mp4",
        "mpeg": "mpeg mpg",
        "quicktime": "mov qt",
        "webm": "webm",
        "x-flv": "flv",
        "x-ms-wmv": "wmv",
        "x-msvideo": "avi",
    },
}

_TYPE_BY_EXTENSION = {
    ending: f"{family}/{kind}"
    for family, kinds in _EXTENSIONS_BY_TYPE.items()
    for kind, endings in kinds.items()
    for ending in endings.split()
}
