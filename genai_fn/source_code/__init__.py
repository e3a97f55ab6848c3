"""
Writes values as Python code: requests as builder calls, flows and streams as pipelines, others as constructor calls.

It writes the ``repr`` of requests, flows, streams, sessions and modifiers, and the code that a failing test prints.

- ``writer``: one method for each kind of value.
- ``forms``: finds the builder call or the modifiers that build a value. Only what builds an equal value is written.
- ``arguments``: the arguments of a call: which are passed by position, which are omitted, which contain a secret.
- ``layout``: breaks calls, lists and imports into lines.
"""

from typing import Any

from genai_fn.source_code.layout import format_lines, format_one_line
from genai_fn.source_code.writer import SourceWriter

__all__ = ["write_assignment", "write_expression", "write_short"]


def write_short(value: Any) -> str:
    """
    Write a value on one line, as for a ``repr``: secrets are masked, and texts and bytes over 200 characters are cut.

    >>> from genai_fn import generate, text
    >>> print(write_short(generate("gemini-2.5-flash", "hi" * 1000) | text)[:60])
    generate("gemini-2.5-flash", "hihihihihihihihihihihihihihihi
    """
    return format_one_line(SourceWriter(max_text=200).write_value(value))


def write_expression(value: Any) -> str:
    """
    Write a value as a Python expression.

    Secrets in requests are written as ``"…"`` or ``"***"``.

    >>> from genai_fn import files, generate, streamed
    >>> print(write_expression([generate("gemini-2.5-flash", "hi") | streamed, files.get("abc")]))
    [generate("gemini-2.5-flash", "hi") | streamed, files.get("abc")]
    """
    return "\n".join(format_lines(SourceWriter().write_value(value), "", ""))


def write_assignment(name: str, value: Any, wrapper: type[Any] | None = None) -> str:
    """
    Write an assignment, preceded by the imports that it needs.

    Args:
        name: Name of the variable.

        value: Any value.

        wrapper: A class to call with the value, as in ``run = Fake({…})``.

    >>> from genai_fn import RateLimited, generate
    >>> print(write_assignment("script", [(generate("gemini-2.5-flash", "hi"), RateLimited(429))]))
    from genai_fn import RateLimited, generate
    <BLANKLINE>
    script = [(generate("gemini-2.5-flash", "hi"), RateLimited(429))]
    """
    writer = SourceWriter()
    fragment = writer.write_value(value)
    lines = format_lines(fragment if wrapper is None else writer.wrap_fragment(wrapper, fragment), f"{name} = ", "")
    return "\n".join((*writer.format_imports(), *lines))
