"""
A small fuzzer without coverage, for Pythons that atheris does not support: mutates the seeds in a loop.

It finds what is near the seeds. atheris finds more, since it keeps the inputs that reach new code.
"""

import random
import time
from collections.abc import Callable, Sequence

from tests.fuzz.inputs import MAX_INPUT_BYTES
from tests.fuzz.json_mutation import mutate_json

__all__ = ["mutate_guided", "mutate_input", "run_mutations"]

_TOKENS: tuple[bytes, ...] = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"0", b"-1", b"1e400", b"NaN", b'""', b"[]", b"{}"),
    *(b"\n", b"\r", b"\n\n", b"\n---\n", b"data: ", b"\\ud800", b"\x00", b"\xff", b"\xc3\xa9", b"..", b"/", b"%", b"@"),
    *(b"99999999999999999999", b"error", b"code", b'{"$": "nan"}', b'{"$": "loop"}', b"[" * 200, b'{"a":' * 200),
)


def mutate_input(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Change the JSON of an input, or bytes in one to four places: tokens, cuts, repetitions, pieces of others."""
    changed = mutate_json(data, chance) if chance.random() < _JSON_SHARE else None
    if changed is not None:
        return changed[:MAX_INPUT_BYTES]
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((0, 1, 1, 2, 4, 16, 64)))
        inserted = chance.choice((_pick_token, _pick_byte, _pick_piece, _drop))(data[start:end], others, chance)
        data = data[:start] + inserted + data[end:]
    return data[:MAX_INPUT_BYTES]


_JSON_SHARE = 0.5


def mutate_guided(data: bytes, max_size: int, seed: int, mutate_bytes: Callable[[bytes, int], bytes]) -> bytes:
    """Change an input for atheris: its JSON as a tree, or its bytes by the fuzzer's own mutations."""
    chance = random.Random(seed)
    changed = mutate_json(data, chance) if chance.random() < _JSON_SHARE else None
    return mutate_bytes(data, max_size) if changed is None or len(changed) > max_size else changed


def _pick_token(_: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    return chance.choice(_TOKENS)


def _pick_byte(_: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    return bytes((chance.randrange(256),))


def _pick_piece(_: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others)
    start = chance.randint(0, len(other))
    return other[start : start + chance.randint(1, 100)]


def _drop(removed: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    return removed * chance.choice((0, 2))


def run_mutations(harness: Callable[[bytes], None], seeds: Sequence[bytes], seconds: float) -> tuple[int, bytes | None]:
    """Run a harness with mutated seeds; return the number of inputs, and the input that failed or None."""
    chance, count = random.Random(), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(100):
            data = mutate_input(chance.choice(seeds), seeds, chance)
            count += 1
            try:
                harness(data)
            except Exception:  # any exception is a defect
                return count, data
    return count, None
