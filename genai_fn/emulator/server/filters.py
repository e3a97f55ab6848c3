"""Filters of lists and searches: the comparisons of AIP-160, https://google.aip.dev/160."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from genai_fn.emulator.server.faults import make_invalid_argument

LookupField: TypeAlias = Callable[[str], Sequence[str | float]]
"""Returns the values of a field by its name; a comparison holds if it holds for any of them."""


def parse_filter(text: str) -> Callable[[LookupField], bool]:
    """
    Parse a filter: comparisons joined by ``AND`` and ``OR``. ``OR`` binds tighter.

    >>> matches = parse_filter('author = "Eco" AND year > 1980')
    >>> [matches(lambda name: {"author": ["Eco"], "year": [year]}[name]) for year in (1980, 1988)]
    [False, True]
    """
    groups = list(_parse_groups(text)) if text.strip() else []

    def matches(lookup: LookupField) -> bool:
        return all(any(_matches_condition(each, lookup) for each in group) for group in groups)

    return matches


_Condition: TypeAlias = tuple[str, str, str]
"""A field's name, an operator, and the value to compare with."""


def _parse_groups(text: str) -> Iterator[list[_Condition]]:
    group: list[_Condition] = []
    start, is_over = 0, False
    while not is_over:
        read = _CONDITION_PATTERN.match(text, start)
        if read is None:
            raise make_invalid_argument(f"Invalid filter, at character {start}: {text}")
        quoted = read["quoted"]
        group.append((read["name"], read["sign"], read["bare"] if quoted is None else quoted[1:-1]))
        start, is_over = read.end(), not read["word"]
        if read["word"] != "OR":
            yield group
            group = []


_CONDITION_PATTERN = re.compile(
    r"""\s*(?P<name>[\w.-]+)\s*(?P<sign>!=|>=|<=|=|:|>|<)\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<bare>[^\s"'()]+))"""
    r"\s*(?:\b(?P<word>AND|OR)\b|\Z)"
)


def _matches_condition(condition: _Condition, lookup: LookupField) -> bool:
    name, sign, text = condition
    if (sign, text) == (":", "*"):
        return bool(lookup(name))
    compare, number = _OPERATORS[sign], _parse_number(text)
    return any(
        compare(each, text) if isinstance(each, str) else number is not None and compare(each, number)
        for each in lookup(name)
    )


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def _parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
