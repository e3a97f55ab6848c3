"""Sounds without a voice: tones as 16-bit PCM, of a pitch that is up to the words."""

import math

from genai_fn.emulator.stand_in.digests import digest

__all__ = ["tone"]


def tone(words: str, seconds: float, rate: int, channels: int = 1) -> bytes:
    """
    Hold a tone.

    >>> len(tone("hi", 0.5, 24000))
    24000
    """
    pitch = 200 + digest(words)[0]
    period = rate // pitch
    levels = (round(_LOUD * math.sin(2 * math.pi * step / period)) for step in range(period))
    wave = b"".join(level.to_bytes(2, "little", signed=True) * channels for level in levels)
    size = round(seconds * rate) * channels * 2
    return (wave * (size // len(wave) + 1))[:size]


_LOUD = 8000
