"""Audio: tones as 16-bit PCM, whose pitch is derived from a seed."""

import math

from genai_fn.emulator.fake_model.digests import compute_digest


def build_tone(seed: str, seconds: float, rate: int, channels: int = 1) -> bytes:
    """
    Build a tone.

    >>> len(build_tone("hi", 0.5, 24000))
    24000
    """
    pitch = 200 + compute_digest(seed)[0]
    period = rate // pitch
    levels = (round(_AMPLITUDE * math.sin(2 * math.pi * step / period)) for step in range(period))
    wave = b"".join(level.to_bytes(2, "little", signed=True) * channels for level in levels)
    size = round(seconds * rate) * channels * 2
    return (wave * (size // len(wave) + 1))[:size]


_AMPLITUDE = 8000
