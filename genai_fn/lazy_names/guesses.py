"""Names from other libraries that users may look for, and what replaces them. Imported only for an unknown name."""

__all__ = ["explain_name"]

_STATUS = "ClientError is a response with a status from 400 to 499, ServerError one from 500"

_GUESSES = (
    (
        "Client GenAI OpenAI configure",
        "Http(…) runs requests, AsyncHttp(…) in async code, and run(…) with the key of the environment",
    ),
    ("AsyncClient AsyncOpenAI aio", "AsyncHttp(…) runs requests in async code"),
    ("types", "the types of the API are in genai_fn.schema"),
    ("GenerativeModel Model generate_content completion", "generate(model, contents) is the request"),
    ("generate_content_stream stream_generate_content", "generate(model, contents) | streamed is the stream"),
    ("embed_content embeddings", "embed(model, contents) is the request, embed_many(…) takes any number of texts"),
    ("count_tokens", "tokens.count(model, contents) is the request"),
    ("chat ChatSession start_chat", "chats.start(model) starts a chat, and chats.send(chat, message) continues it"),
    ("send_message history", "chats.send(chat, message) continues a chat, and chats.history(chat) lists its turns"),
    ("upload_file upload", "files.upload(path) uploads a file"),
    ("generate_images", "images.generate(model, prompt) is the request"),
    ("generate_videos", "videos.generate(model, prompt) is the request"),
    ("RateLimitError TooManyRequests ResourceExhausted", "RateLimited is the error of a rate limit, 429"),
    ("AuthenticationError PermissionDeniedError", f"AuthError means that no credential was found; {_STATUS}"),
    ("BadRequestError NotFoundError ConflictError UnprocessableEntityError", _STATUS),
    ("InternalServerError ServiceUnavailable APIStatusError", f"APIError is a response with an error: {_STATUS}"),
    ("APIConnectionError NetworkError", "TransportError is the base of network errors"),
    ("APITimeoutError TimeoutError Timeout", "TimedOut is the error, and Timeouts(…) sets the limits"),
    ("GenAIError GoogleGenAIError OpenAIError Error", "GenaiError is the base of all errors"),
    ("Ok Err is_ok is_successful", "a result is a Success or a Failure, and ok(result) is True for a Success"),
    ("unwrap", "raise_for(result) returns the value, or raises the error"),
    ("as_struct from_dict parse_obj", "a dict is accepted wherever a value of its type is"),
)
"""Names, and what to use in place of them."""

_HINTS = {name: hint for names, hint in _GUESSES for name in names.split()}


def explain_name(name: str) -> str | None:
    """
    Return what to use in place of a name that the package does not have; None if nothing is known of it.

    >>> explain_name("Fake")
    'it is imported by: from genai_fn.testing import Fake'
    >>> explain_name("nonsense")
    """
    if name in _HINTS:
        return _HINTS[name]
    from genai_fn import jobs, middleware, schema, testing  # noqa: PLC0415  # for this error alone

    places = (package for package in (schema, testing, middleware, jobs) if name in package.__all__)
    return next((f"it is imported by: from {package.__name__} import {name}" for package in places), None)
