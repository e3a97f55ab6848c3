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
    ("file_search_stores", "stores.create(config) creates a store, and stores has the other requests"),
    ("chats.create chats.start_chat", "chats.start(model) starts a chat"),
    ("chats.send_message", "chats.send(chat, message) continues a chat"),
    (
        "chats.send_message_stream chats.send_stream",
        "chats.stream(chat, message) continues a chat, and streams the turn",
    ),
    ("chats.get_history", "chats.history(chat) lists its turns"),
    ("tokens.count_tokens models.count_tokens", "tokens.count(model, contents) is the request"),
    ("tokens.compute_tokens models.compute_tokens", "tokens.compute(model, contents) is the request"),
    ("tokens.create", "auth_tokens.create(config) is the request"),
    ("files.create files.upload_file", "files.upload(path) uploads a file"),
    ("models.generate models.generate_content", "generate(model, contents) is the request"),
    ("models.generate_content_stream", "generate(model, contents) | streamed is the stream"),
    (
        "models.embed models.embed_content",
        "embed(model, contents) is the request, embed_many(…) takes any number of texts",
    ),
    ("models.generate_images images.create images.generate_images", "images.generate(model, prompt) is the request"),
    ("models.edit_image images.edit_image", "images.edit(model, prompt, reference_images) is the request"),
    ("models.upscale_image images.upscale_image", "images.upscale(model, image, upscale_factor) is the request"),
    ("models.recontext_image images.recontext_image", "images.recontext(model, source) is the request"),
    ("models.segment_image images.segment_image", "images.segment(model, source) is the request"),
    ("models.generate_videos videos.create videos.generate_videos", "videos.generate(model, prompt) is the request"),
    ("videos.get videos.get_operation operations.get_videos_operation", "operations.get(operation) is the request"),
    ("tunings.create", "tunings.tune(base_model, training_dataset) is the request"),
    ("stores.upload_to_file_search_store", "stores.upload(file_search_store_name, path) uploads a file into a store"),
    (
        "live.send_client_content live.send",
        "live.client_content(…) is the message, which the session sends with its method send",
    ),
    ("live.send_realtime_input", "live.realtime_input(…) is the message, which the session sends with its method send"),
    ("live.send_tool_response", "live.tool_response(…) is the message, which the session sends with its method send"),
)
"""
Names, and what to use in place of them. Those with a dot are names in a public module, mostly google-genai's methods.
"""

_HINTS = {name: hint for names, hint in _GUESSES for name in names.split()}


def explain_name(name: str) -> str | None:
    """
    Return what to use in place of a name that the package does not have; None if nothing is known of it.

    >>> explain_name("Fake")
    'it is imported by: from genai_fn.testing import Fake'
    >>> explain_name("nonsense")
    """
    if name in _HINTS or "." in name:
        return _HINTS.get(name)
    from genai_fn import jobs, middleware, schema, testing  # noqa: PLC0415  # for this error alone

    places = (package for package in (schema, testing, middleware, jobs) if name in package.__all__)
    return next((f"it is imported by: from {package.__name__} import {name}" for package in places), None)
