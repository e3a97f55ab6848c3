"""The smallest files of their kinds, for answers that hold media."""

from base64 import b64decode

__all__ = ["MP4", "PNG"]

PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
"""One black pixel."""

MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
"""The head of a film."""
