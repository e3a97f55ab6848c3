"""Parses scripts strictly: what does not fit is refused, with its place in the script."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast, get_args

from msgspec import UNSET, Struct

from genai_fn import codec
from genai_fn.emulator.scripts.script import (
    MAX_STEPS,
    EmulatorScript,
    Otherwise,
    ScriptedAnswer,
    ScriptedRequest,
    ScriptFunction,
)
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.request_parsing import parse_message
from genai_fn.errors import InvalidRequest
from genai_fn.values import Value

S = TypeVar("S", bound=Struct)

ScriptLike: TypeAlias = EmulatorScript | ScriptFunction | Mapping[str, Any] | Sequence[Mapping[str, Any]] | bytes
"""A script, a function, or JSON: an object with ``steps``, a list of steps, or the text of either."""


def parse_script(source: ScriptLike) -> EmulatorScript | ScriptFunction:
    """
    Parse a script.

    >>> parse_script([{"text": "It rains."}]).steps[0].text
    'It rains.'
    >>> parse_script([{"text": "It rains."}, {"texts": "It rains."}])
    Traceback (most recent call last):
    genai_fn.errors.InvalidRequest: script.steps[1]: expected no field "texts", got {'texts': 'It rains.'}

    Raises:
        InvalidRequest: If it does not fit; the error names the place.
    """
    if isinstance(source, EmulatorScript):
        return _check_script(source, source)
    if callable(source):
        if inspect.iscoroutinefunction(source):
            raise InvalidRequest("script", source, "a function that is not async")
        return _AnswerFunction(source)
    try:
        tree: Any = codec.decode(source) if isinstance(source, bytes) else source
        if isinstance(tree, list | tuple):
            tree = {"steps": cast("Any", tree)}
        elif isinstance(tree, Mapping):  # editors read the schema of a file from this name
            tree = {name: each for name, each in cast("Mapping[str, Any]", tree).items() if name != "$schema"}
        text = codec.encode(tree)
    except (TypeError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise InvalidRequest("script", source, f"JSON ({error})") from None
    _check_size(tree)
    return _check_script(_parse_strictly(text, EmulatorScript, "script"), source)


def _check_size(tree: Any) -> None:
    """Refuse too many steps before they are parsed, which would take minutes."""
    steps: Any = cast("Any", tree).get("steps") if isinstance(tree, Mapping) else None
    if isinstance(steps, list | tuple) and len(cast("Any", steps)) > MAX_STEPS:
        raise InvalidRequest("script.steps", cast("Any", steps), f"at most {MAX_STEPS} steps")


class _AnswerFunction(Value):
    """A function of a script whose results are parsed."""

    function: ScriptFunction

    def __call__(self, request: ScriptedRequest) -> ScriptedAnswer | None:
        return _parse_answer(self.function(request))


def _parse_answer(source: Any) -> ScriptedAnswer | None:
    """Parse what the function of a script returns: a text, an answer as a mapping, or None."""
    if source is None or isinstance(source, ScriptedAnswer):
        return source
    if not isinstance(source, str | Mapping):
        raise InvalidRequest("answer", cast("object", source), "a text, an answer as a mapping, or None")
    try:
        text = codec.encode({"text": source} if isinstance(source, str) else source)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest("answer", cast("Any", source), f"JSON ({error})") from None
    answer = _parse_strictly(text, ScriptedAnswer, "answer")
    if problem := _find_problem(answer):
        raise InvalidRequest("answer", cast("Any", source), problem)
    return answer


def _parse_strictly(text: bytes, kind: type[S], name: str) -> S:
    try:
        return parse_message(text, kind)
    except EmulatedFault as fault:
        violation = fault.details[0]["fieldViolations"][0]
        place, message = violation.get("field", ""), violation["description"]
        path = f"{name}.{place}" if place else name
        raise InvalidRequest(path, _find_value(codec.decode(text), place), _describe_expected(message)) from None


def _find_value(tree: Any, place: str) -> Any:
    """Return the value at a place such as ``steps[0].text``, or the innermost one that contains it."""
    for name, index in _PLACE_PATTERN.findall(place):
        try:
            tree = tree[int(index) if index else name]
        except (LookupError, TypeError):
            return tree
    return tree


_PLACE_PATTERN = re.compile(r"(\w+)|\[([0-9]+)\]")


def _describe_expected(message: str) -> str:
    """Translate the API's message about a field: an unknown name, or a value of another type."""
    for pattern, wording in _MESSAGE_PATTERNS:
        if match := pattern.search(message):
            return wording.format(*match.groups())
    return message


_MESSAGE_PATTERNS = (
    (re.compile('Unknown name (".*?")'), "no field {}"),
    (re.compile(r"Expected (.*?)(?:, got `\w+`)?\)?$"), "{}"),
    (re.compile(r"missing required field (`\w+`)"), "the field {}"),
    (re.compile("Invalid enum value"), f"one of {', '.join(get_args(Otherwise))}"),
    (re.compile(r"\((.*)\)$"), "another value ({})"),
)


def _check_script(script: EmulatorScript, source: Any) -> EmulatorScript:
    if not script.steps:
        raise InvalidRequest("script", source, "at least one step")
    for index, step in enumerate(script.steps):
        if problem := _find_problem(step):
            raise InvalidRequest(f"script.steps[{index}]", step, problem)
    return script


def _find_problem(answer: ScriptedAnswer) -> str:
    """Describe what is expected of an answer that contradicts itself or is empty; an empty string if it is right."""
    names = [each for each in _CONTENT_FIELDS if getattr(answer, each) not in _ABSENT[each]]
    if not names and answer.error is None:
        return f"at least one of {', '.join(_CONTENT_FIELDS)} and error"
    if "text" in names and "json" in names:
        return "text or json, not both"
    given = [*names, *(["error"] if answer.error is not None else [])]
    for alone in ("response", "block"):
        if alone in given and len(given) > 1:
            return f"{alone} without {', '.join(each for each in given if each != alone)}"
    if answer.response is not None and answer.usage is not None:
        return "response without usage: the response has its own"
    if answer.error is not None and answer.drop:
        return "error or drop, not both"
    if answer.error is not None and names and answer.error.body is not UNSET:
        return f"error.body without {', '.join(names)}: the error of a stream has the API's form"
    if any(not each.get("@type") for each in (answer.error.details if answer.error is not None else ())):
        return 'error.details, each with its "@type"'
    return ""


_ABSENT: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(("text", "parts", "calls", "finish", "block", "response"), (None, ())),
    "json": (UNSET,),  # null is a value
}
_CONTENT_FIELDS = tuple(_ABSENT)


def build_script_schema() -> dict[str, Any]:
    """
    Describe scripts in JSON Schema, derived from their types.

    >>> build_script_schema()["required"]
    ['steps']
    """
    _, components = codec.describe_types([EmulatorScript], _describe_other_type)
    for component in components.values():
        component.get("properties", {}).pop(codec.EXTRA_JSON_NAME, None)
    root = components.pop(EmulatorScript.__name__)
    return {"$schema": _JSON_SCHEMA_DIALECT, **root, "$defs": components}


_JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _describe_other_type(_: Any) -> dict[str, Any]:
    """Describe the only type that msgspec cannot: the fields that an API type does not define, removed later."""
    return {"type": "object"}
