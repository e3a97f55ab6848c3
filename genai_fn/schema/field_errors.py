"""Errors about a Struct and its fields, for conversion. Secrets in them are masked."""

from typing import Any

import msgspec

from genai_fn.schema.base import ConversionError
from genai_fn.schema.secret_fields import SecretMessage


def add_field_step(error: ConversionError, kind: type[msgspec.Struct], name: str, spelling: str) -> None:
    """Add a field to the path of an error, mask its value if the field is secret, and write how a duration is."""
    if name in _DURATIONS and error.expected == "text" and not error.steps:
        error.expected = f"text, such as {_DURATIONS[name]!r}"
    error.steps.append(f".{spelling}")
    if issubclass(kind, SecretMessage) and name in kind.secret_fields:
        error.value = "***"


_DURATIONS = {"ttl": "300s", "start_offset": "2s", "end_offset": "12.5s"}
"""Fields of durations, which newcomers set to a number of seconds, and an example of each."""


def build_type_error(kind: type[msgspec.Struct], value: Any) -> ConversionError:
    """Build the error for a value that is neither a Struct nor a mapping. It may be the secret itself."""
    return ConversionError(
        "***" if issubclass(kind, SecretMessage) else value, f"a {kind.__name__} or a dict of its fields"
    )


def build_unknown_field_error(kind: type[msgspec.Struct], key: Any, value: Any) -> ConversionError:
    """Build the error for a field that a Struct does not have: it suggests a similar one, or a modifier."""
    if issubclass(kind, SecretMessage):  # the name of a secret field may be misspelt
        value = "***"
    if key in _FIELDS_SET_BY_MODIFIERS:
        return ConversionError(value, f"the modifier {_FIELDS_SET_BY_MODIFIERS[key]} instead", f".{key}")
    if key in _OPTIONS and kind.__name__.endswith("Config"):
        shown = "***" if key == "headers" else value  # they may be credentials
        return ConversionError(shown, f"the modifier {_OPTIONS[key]} instead", f".{key}")
    from difflib import get_close_matches  # noqa: PLC0415  # for this error alone

    names = kind.__struct_fields__
    parts = [each for each in names if each.startswith(f"{key}_") or each.endswith(f"_{key}")]
    near = get_close_matches(str(key), names, 1, 0.8) or parts or get_close_matches(str(key), names, 1, 0.4)
    return ConversionError(value, f"a field of {kind.__name__}{f', such as {near[0]}' if near else ''}", f".{key}")


_FIELDS_SET_BY_MODIFIERS = {
    "http_options": "with_options(…)",
    "httpOptions": "with_options(…)",
    "should_return_http_response": "with_http_response",
    "shouldReturnHttpResponse": "with_http_response",
}

_OPTIONS = {
    "headers": "with_options(headers=…)",
    **dict.fromkeys(("max_retries", "retries", "retry", "retry_options"), "with_options(retry=Retry(attempts=…))"),
    **dict.fromkeys(("deadline", "timeout", "timeouts"), "with_options(deadline=…)"),
}
"""Options of a request that newcomers put into its config, and the modifier that sets each."""
