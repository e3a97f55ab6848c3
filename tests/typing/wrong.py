"""What type checkers must refuse: each ignore here is needed, or the strict run says that it is unused."""
# pyright: reportUnnecessaryTypeIgnoreComment=true, reportUnusedExpression=false

from genai_fn import Http, each, generate, joined, streamed, text

request = generate("gemini-2.5-flash", "hi")


def refused(http: Http) -> None:
    """Words that make no sense of what stands before them."""
    request | joined  # type: ignore[operator]  # no stream
    request | text | text  # type: ignore[operator]  # a text has no text
    request | text | streamed | text  # type: ignore[operator]  # nor has it pieces
    request | each(print)  # type: ignore[operator]  # one answer, not many
    http(request | streamed)  # type: ignore[arg-type]  # a stream is read, not run
    http.stream(request)  # type: ignore[arg-type]  # and a request is run, not read
    generate(5, "hi")  # type: ignore[arg-type]  # a model has a name
