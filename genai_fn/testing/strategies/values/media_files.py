"""The bytes of minimal media files, for drawn replies."""

from base64 import b64decode

PNG_FILE = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
"""A PNG file with one black pixel."""

MP4_FILE = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
"""The header of an MP4 file."""
