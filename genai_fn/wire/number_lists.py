"""
Reads long lists of numbers in JSON as float32, without a Python float for each number.

Each list is cut out of the text, and a list of one number takes its place: its index. `parse_json` then decodes the
short text with its usual repairs, and the caller finds the list for each value by the index.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from struct import pack
from sys import byteorder
from typing import Any

import msgspec

from genai_fn import codec
from genai_fn.forks import delay_forks
from genai_fn.values import Value

__all__ = ["CutText", "cut_number_lists", "pack_float32"]


class CutText(Value):
    """A JSON text in which ``[0]``, ``[1]``, … replace the lists of numbers, and the numbers of these lists."""

    text: bytes
    lists: tuple[bytes, ...]
    """The numbers as float32, in little-endian byte order."""


def cut_number_lists(text: bytes, key: str, count: int) -> CutText | None:
    r"""
    Cut the lists out of all fields named `key`. None if there are not `count` of them, or one is not of numbers.

    >>> cut_number_lists(b'[{"values": [0.5]}, {"values": [2]}]', "values", 2)
    CutText(text=b'[{"values": [0]}, {"values": [1]}]', lists=(b'\x00\x00\x00?', b'\x00\x00\x00@'))
    """
    beginning = _compile_beginning(key)
    around: list[bytes] = []
    lists: list[bytes] = []
    position = 0
    while found := beginning.search(text, position):
        end = text.find(b"]", found.end()) + 1
        numbers = _find_reader()(text[found.end() - 1 : end]) if end and len(lists) < count else None
        if numbers is None:
            return None
        around.append(text[position : found.end()] + b"%d]" % len(lists))
        lists.append(numbers)
        position = end
    around.append(text[position:])
    remaining = b"".join(around)
    # A key that is written with escapes was not found, so its list would be taken for an index.
    return None if len(lists) != count or b"\\u" in remaining else CutText(remaining, tuple(lists))


@cache
def _compile_beginning(key: str) -> re.Pattern[bytes]:
    """Compile the pattern of a key and ``[``. It matches nothing within a string, where the quotes are escaped."""
    return re.compile(rb'"%b"[ \t\r\n]*:[ \t\r\n]*\[' % re.escape(key.encode()))


@cache
def _find_reader() -> Callable[[bytes], bytes | None]:
    """
    Return the function that reads a JSON list of numbers as float32.

    It returns None for another list, or if a number is too large for a float64. With simdjson, if it is installed, it
    takes a third of the time that it takes with msgspec.
    """
    try:
        with delay_forks:
            return _build_simd_reader(import_module("simdjson"), import_module("numpy"))
    except ImportError:
        return _read_with_msgspec


def _build_simd_reader(simdjson: Any, numpy: Any) -> Callable[[bytes], bytes | None]:
    """Build the reader that uses simdjson for a buffer of float64, which numpy rounds to float32."""

    def read_with_simdjson(text: bytes) -> bytes | None:
        try:
            numbers = simdjson.Parser().parse(text).as_buffer(of_type="d")
        except (ValueError, TypeError, RuntimeError):  # not JSON; not numbers; an integer of more than 64 bits
            return None
        with numpy.errstate(over="ignore", under="ignore"):
            packed: bytes = numpy.frombuffer(numbers).astype("<f4").tobytes()
        return packed

    return read_with_simdjson


def _read_with_msgspec(text: bytes) -> bytes | None:
    try:
        return pack_float32(codec.find_unchecked_decoder(tuple[float, ...])(text))
    except (msgspec.DecodeError, RecursionError):
        return None


def pack_float32(values: Iterable[float]) -> bytes:
    r"""
    Round numbers to float32, in little-endian byte order. A number too large for float32 becomes infinite.

    >>> pack_float32((1.0, 1e39))
    b'\x00\x00\x80?\x00\x00\x80\x7f'
    """
    numbers = tuple(values)
    packed = pack(f"{len(numbers)}f", *numbers)  # only native formats accept numbers that are too large
    return packed if byteorder == "little" else _swap_bytes(packed)


def _swap_bytes(packed: bytes) -> bytes:
    from array import array  # noqa: PLC0415  # only on machines of the other byte order

    numbers = array("f", packed)
    numbers.byteswap()
    return numbers.tobytes()
