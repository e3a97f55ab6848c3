"""Code that type checkers must reject: the strict run reports each ignore that is not needed."""
# pyright: reportUnnecessaryTypeIgnoreComment=true, reportUnusedExpression=false

from genai_fn import (
    Http,
    batched,
    caches,
    each,
    embed,
    generate,
    images,
    joined,
    partial,
    retry_invalid,
    streamed,
    text,
    with_config,
)

request = generate("gemini-2.5-flash", "hi")


def apply_wrong_values(http: Http) -> None:
    """Apply modifiers and interpreters to values of the wrong type."""
    request | joined  # type: ignore[operator]  # not a stream
    request | text | text  # type: ignore[operator]  # a flow of a str has no text
    request | text | streamed | text  # type: ignore[operator]  # and cannot be streamed
    request | text | partial(int)  # type: ignore[operator]  # a text is no response
    request | streamed | retry_invalid(int)  # type: ignore[operator]  # a stream cannot be taken back
    request | batched()  # type: ignore[operator]  # not a gather
    batched(every="1s")  # type: ignore[arg-type]  # seconds are a number
    request | each(print)  # type: ignore[operator]  # one answer, not many
    http(request | streamed)  # type: ignore[arg-type]  # streams are read with http.stream
    http.stream(request)  # type: ignore[arg-type]  # requests are run with http()
    generate(5, "hi")  # type: ignore[arg-type]  # a model name is a str


def build_wrong_configs() -> None:
    """Build requests with configs whose fields are unknown or have the wrong type."""
    generate("gemini-2.5-flash", "hi", {"temprature": 1})  # type: ignore[arg-type]  # misspelled
    generate("gemini-2.5-flash", "hi", {"temperature": "hot"})  # type: ignore[arg-type]  # a number
    embed("gemini-embedding-001", "hi", {"dimensions": 8})  # type: ignore[call-overload]  # output_dimensionality
    caches.update("abc", {"ttl": 300})  # type: ignore[arg-type]  # a text with its unit
    images.generate("imagen-4.0-generate-001", "a cat", {"temperature": 1.0})  # type: ignore[arg-type]  # of another
    request | with_config(temprature=0.2)  # type: ignore[call-arg]  # misspelled
    request | with_config({"top_k": "many"})  # type: ignore[arg-type]  # a number
