"""The smallest files of their kinds, for answers that hold media."""

from base64 import b64decode

__all__ = ["MP4_FILE", "PNG_FILE"]

PNG_FILE = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
"""One black pixel."""

MP4_FILE = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
"""The head of a film."""
