"""Sounds without a voice: tones as 16-bit PCM, of a pitch that is up to the words."""

import math

from genai_fn.emulator.fake_model.digests import compute_digest

__all__ = ["build_tone"]


def build_tone(words: str, seconds: float, rate: int, channels: int = 1) -> bytes:
    """
    Hold a tone.

    >>> len(build_tone("hi", 0.5, 24000))
    24000
    """
    pitch = 200 + compute_digest(words)[0]
    period = rate // pitch
    levels = (round(_AMPLITUDE * math.sin(2 * math.pi * step / period)) for step in range(period))
    wave = b"".join(level.to_bytes(2, "little", signed=True) * channels for level in levels)
    size = round(seconds * rate) * channels * 2
    return (wave * (size // len(wave) + 1))[:size]


_AMPLITUDE = 8000
