"""The inferred types of what newcomers write: several actions at once, values of other libraries, plain data."""

from collections.abc import Sequence
from typing import Any, assert_type

import numpy as np
from google.genai import types as google

from genai_fn import (
    Flow,
    Request,
    Stream,
    both,
    chats,
    collected,
    embed,
    embed_many,
    files,
    gather,
    generate,
    text,
    to_dict,
    to_json,
    tokens,
    with_tools,
)
from genai_fn.schema import (
    ContentEmbedding,
    EmbedContentResponse,
    File,
    GenerateContentConfig,
    GenerateContentResponse as Response,
    Part,
)

request = generate("gemini-2.5-flash", "hi")
answer = request | text
file = files.get("a")


def concurrency() -> None:
    """`both` is a tuple of two to five types; `gather` a stream of their union."""
    assert_type(both(request, answer), Flow[tuple[Response, str]])
    assert_type(both(request, answer, file), Flow[tuple[Response, str, File]])
    assert_type(both(answer, answer, file, request), Flow[tuple[str, str, File, Response]])
    assert_type(both(answer, answer, file, request, answer), Flow[tuple[str, str, File, Response, str]])
    assert_type(gather(answer, answer), Stream[str])
    assert_type(gather(answer, file), Stream[str | File])
    assert_type(gather(answer, file, request), Stream[str | File | Response])
    assert_type(gather(answer, file, request, answer, concurrency=2), Stream[str | File | Response])
    assert_type(gather(answer) | collected, Flow[tuple[str, ...]])
    assert_type(gather(answer, answer, answer, answer, answer, answer, ordered=False), Stream[str])
    assert_type(gather([answer]), Stream[str])


def other_libraries(column: "np.ndarray[Any, np.dtype[np.str_]]", history: Sequence[google.Content]) -> None:
    """Columns, and google-genai's values, are accepted in place of ours."""
    assert_type(embed("m", column), Request[EmbedContentResponse])
    assert_type(embed_many("m", column), Stream[ContentEmbedding])
    assert_type(tokens.count("m", column).map(str), Flow[str])
    content, config = google.Content(parts=[google.Part(text="hi")]), google.GenerateContentConfig(temperature=0.5)
    assert_type(generate("m", content, config), Request[Response])
    assert_type(generate("m", [content, "more", google.Part(text="hi")]), Request[Response])
    assert_type(chats.start("m", config, history), chats.Chat)
    assert_type(request | with_tools(google.Tool(google_search=google.GoogleSearch())), Request[Response])


def plain_data(response: Response) -> None:
    """Values convert to dicts and texts."""
    assert_type(to_dict(response), dict[str, Any])
    assert_type(to_json(GenerateContentConfig(), names="api", indent=2), str)
    assert_type(Part.from_file(location="a.png"), Part)
