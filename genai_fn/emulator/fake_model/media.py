"""Media in the answer to a conversation: an image, or speech."""

import re

from genai_fn.emulator.fake_model.audio import build_tone
from genai_fn.emulator.fake_model.png import PixelSize, draw_gradient, fit_ratio
from genai_fn.emulator.fake_model.words import split_words
from genai_fn.schema.content import Blob


def build_image(seed: str, aspect_ratio: str = "1:1") -> Blob:
    """
    Build a PNG image, whose longer side has 64 pixels.

    >>> build_image("a cat").mime_type
    'image/png'
    """
    return Blob(mime_type="image/png", data=draw_gradient(_parse_ratio(aspect_ratio), seed))


def _parse_ratio(ratio: str) -> PixelSize:
    """Return the size of an image with an aspect ratio such as ``16:9``; any other text is a square."""
    match = _RATIO_PATTERN.fullmatch(ratio)
    width, height = (1, 1) if match is None else (int(match[1]), int(match[2]))
    return fit_ratio(width, height, long_side=_LONG_SIDE)


_RATIO_PATTERN = re.compile("([1-9][0-9]?):([1-9][0-9]?)")
_LONG_SIDE = 64


def build_speech(text: str) -> Blob:
    """
    Build the speech of a text, 50 ms for each word up to 200, in the format of the API's speech models.

    >>> build_speech("a cat").mime_type
    'audio/L16;codec=pcm;rate=24000'
    """
    seconds = min(len(split_words(text)) or 1, 200) * 0.05
    return Blob(mime_type=f"audio/L16;codec=pcm;rate={_RATE}", data=build_tone(text, seconds, _RATE))


_RATE = 24_000
