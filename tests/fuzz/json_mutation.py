"""Mutates the JSON in an input as a tree, so that it stays JSON: most changes of single bytes do not."""

import json
import random
from collections.abc import Iterator
from typing import Any, TypeAlias

__all__ = ["mutate_json"]

_Place: TypeAlias = tuple[Any, Any]
"""A dict or a list, and a key or an index in it."""

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**63, 1e300, float("inf"), "", "a", "\ud800", "null", "12", "1.5s", [], {}, [[]]),
    *({"$": name} for name in ("nan", "loop", "broken", "bytes", "text", "enum", "iterator", "keys", "huge")),
    *("object", "string", "#/$defs/A", "STOP", "2026-01-01T00:00:00Z", "_-8", "../a", {"a": {"a": {"a": [1]}}}),
)


def mutate_json(data: bytes, chance: random.Random) -> bytes | None:
    """Change one to three values or keys of the JSON at the end of an input; None if it does not end in JSON."""
    starts = [found for found in (data.find(b"{"), data.find(b"[")) if found >= 0]
    if not starts:
        return None
    try:
        tree = [json.loads(data[min(starts) :])]
    except (ValueError, RecursionError):
        return None
    for _ in range(chance.randint(1, 3)):
        _change_tree(tree, chance)
    return data[: min(starts)] + json.dumps(tree[0], ensure_ascii=chance.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


def _change_tree(tree: list[Any], chance: random.Random) -> None:
    places = list(_iter_places(tree))
    container, key = chance.choice(places)
    match chance.randrange(5):
        case 0:
            container[key] = _copy_tree(chance.choice(_VALUES))
        case 1 if container is not tree:
            del container[key]
        case 2:
            other, inner = chance.choice(places)
            container[key] = _copy_tree(other[inner])
        case 3 if isinstance(container, dict):
            names = [str(each) for _, each in places] + ["", "*", "error", "$ref", "text"]
            container[chance.choice(names)] = container.pop(key)
        case _:
            container[key] = chance.choice(
                ([container[key]], {"a": container[key]}, [container[key], _copy_tree(container[key])])
            )


def _copy_tree(tree: Any) -> Any:
    return json.loads(json.dumps(tree))


def _iter_places(tree: Any) -> Iterator[_Place]:
    pending = [tree]
    while pending:
        each = pending.pop()
        keys = list(each) if isinstance(each, dict) else range(len(each))
        for key in keys:
            yield each, key
            if isinstance(each[key], dict | list):
                pending.append(each[key])
