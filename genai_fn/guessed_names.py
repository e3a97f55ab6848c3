"""Names that newcomers look for in the package, and where to find what they mean. Loaded only for an unknown name."""

__all__ = ["explain_name"]

_HTTP = "Http(…) runs requests, AsyncHttp(…) in async code, and run(…) with the key of the environment"
_SCHEMA = "the types of the API are in genai_fn.schema"
_STATUS = "ClientError(code=…) is a response with a status from 400 to 499, ServerError one from 500"

_HINTS = {
    **dict.fromkeys(("Client", "genai", "GenAI", "OpenAI", "configure"), _HTTP),
    **dict.fromkeys(("AsyncClient", "AsyncOpenAI", "aio"), "AsyncHttp(…) runs requests in async code"),
    **dict.fromkeys(("types",), _SCHEMA),
    **dict.fromkeys(("GenerativeModel", "generate_content", "Model", "completion"), "generate(model, contents) is the request"),
    **dict.fromkeys(("generate_content_stream", "stream_generate_content"), "generate(model, contents) | streamed is the stream"),
    **dict.fromkeys(("embed_content", "embeddings"), "embed(model, contents) is the request, embed_many(…) takes any number"),
    **dict.fromkeys(("count_tokens",), "tokens.count(model, contents) is the request"),
    **dict.fromkeys(("chat", "ChatSession", "start_chat"), "chats.start(model) starts a chat, chats.send(chat, message) continues it"),
    **dict.fromkeys(("upload_file", "upload"), "files.upload(path) uploads a file"),
    **dict.fromkeys(("generate_images",), "images.generate(model, prompt) is the request"),
    **dict.fromkeys(("generate_videos",), "videos.generate(model, prompt) is the request"),
    **dict.fromkeys(("history", "send_message"), "chats.send(chat, message) continues a chat, chats.history(chat) lists its turns"),
    **dict.fromkeys(("RateLimitError", "TooManyRequests", "ResourceExhausted"), "RateLimited is the error of a rate limit, 429"),
    **dict.fromkeys(("AuthenticationError", "PermissionDeniedError"), f"AuthError if no credential was found; {_STATUS}"),
    **dict.fromkeys(("BadRequestError", "NotFoundError", "ConflictError", "UnprocessableEntityError"), _STATUS),
    **dict.fromkeys(("InternalServerError", "ServiceUnavailable"), "ServerError is a response with a status from 500"),
    **dict.fromkeys(("APIStatusError",), f"APIError is a response with an error; {_STATUS}"),
    **dict.fromkeys(("APIConnectionError", "NetworkError"), "TransportError is the base of network errors"),
    **dict.fromkeys(("APITimeoutError", "TimeoutError", "Timeout"), "TimedOut is the error, Timeouts(…) sets the limits"),
    **dict.fromkeys(("GenAIError", "OpenAIError", "GoogleGenAIError", "Error"), "GenaiError is the base of all errors"),
    **dict.fromkeys(("Ok", "Err", "is_ok", "is_successful"), "a result is a Success or a Failure, and ok(result) is True for a Success"),
    **dict.fromkeys(("unwrap",), "raise_for(result) returns the value, or raises the error"),
    **dict.fromkeys(("as_struct", "from_dict", "parse_obj"), "a dict is accepted wherever a value of a type is"),
}


def explain_name(name: str) -> str | None:
    """
    Say what to use in place of a name that the package does not have; None if nothing is known of it.

    >>> explain_name("Fake")
    'it is imported by: from genai_fn.testing import Fake'
    >>> explain_name("nonsense")
    """
    if name in _HINTS:
        return _HINTS[name]
    from genai_fn import middleware, schema, testing  # noqa: PLC0415  # for this error alone

    places = (package for package in (schema, testing, middleware) if name in package.__all__)
    return next((f"it is imported by: from {package.__name__} import {name}" for package in places), None)
