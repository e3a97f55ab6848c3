"""Code that type checkers must reject: the strict run reports each ignore that is not needed."""
# pyright: reportUnnecessaryTypeIgnoreComment=true, reportUnusedExpression=false

from genai_fn import Http, each, generate, joined, streamed, text

request = generate("gemini-2.5-flash", "hi")


def apply_wrong_values(http: Http) -> None:
    """Apply modifiers and interpreters to values of the wrong type."""
    request | joined  # type: ignore[operator]  # not a stream
    request | text | text  # type: ignore[operator]  # a flow of a str has no text
    request | text | streamed | text  # type: ignore[operator]  # and cannot be streamed
    request | each(print)  # type: ignore[operator]  # one answer, not many
    http(request | streamed)  # type: ignore[arg-type]  # streams are read with http.stream
    http.stream(request)  # type: ignore[arg-type]  # requests are run with http()
    generate(5, "hi")  # type: ignore[arg-type]  # a model name is a str
