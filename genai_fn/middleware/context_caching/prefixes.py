"""The prefixes of a request that a cached content may contain: its system instruction, tools and first contents."""

from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from genai_fn import codec
from genai_fn.ops.caches import CreateCache
from genai_fn.ops.generate import GenerateContent
from genai_fn.options import Options
from genai_fn.request import Request
from genai_fn.schema.caches import CachedContent, CreateCachedContentConfig
from genai_fn.schema.content import Content, Part
from genai_fn.values import Value


class Prefix(Value):
    """
    A prefix of a request.

    Args:
        digest: Equal for equal prefixes of requests to one model.

        length: How many contents it has.

        tokens: About how many tokens it has.
    """

    digest: str
    length: int
    tokens: int


def list_prefixes(operation: GenerateContent, options: Options, owner: str) -> tuple[Prefix, ...]:
    """
    List the prefixes of a request that may be cached, the shortest first.

    After each of them follows a turn of the user, as the API requires, and which no function call precedes.

    Args:
        operation: The operation; one that names a cache already has no such prefixes.

        options: The options of the request; with an ``extra_body`` there are no such prefixes.

        owner: Who owns the caches: the backend with its credentials.
    """
    config = operation.config
    if config.cached_content or options.extra_body:
        return ()
    parts: tuple[Any, ...] = (config.system_instruction, config.tools, config.tool_config)
    try:
        head = codec.encode((owner, _hash_address(options), operation.model, parts))
        texts = [codec.encode(each) for each in operation.contents]
    except (TypeError, ValueError, OverflowError, RecursionError):  # a tool that is no JSON, such as a session
        return ()
    digest, tokens = sha256(head), sum(map(_estimate_json, parts))
    prefixes: list[Prefix] = []
    for length, (content, text) in enumerate(zip(operation.contents, texts, strict=True)):
        if _starts_turn(content) and (length or any(each is not None for each in parts)):
            prefixes.append(Prefix(digest.hexdigest(), length, tokens))
        digest.update(b"\n" + text)
        tokens += sum(map(_estimate_part, content.parts or ()))
    return tuple(prefixes)


def _hash_address(options: Options) -> int:
    """Hash what determines where a request goes, and as whom: all options but those of time, retries and the body."""
    others = Options()
    names = ("timeouts", "retry", "deadline", "extra_body", "server_timeout", "with_http_response", "is_final")
    return hash(replace(options, **{name: getattr(others, name) for name in names}))


def _starts_turn(content: Content) -> bool:
    is_result = any(each.function_response is not None for each in content.parts or ())
    return content.role in (None, "user") and not is_result


def _estimate_part(part: Part) -> int:
    if part.text is not None:
        return len(part.text) // _CHARACTERS_PER_TOKEN
    if part.inline_data is not None or part.file_data is not None:
        return _MEDIA_TOKENS
    return _estimate_json(part)


def _estimate_json(value: Any) -> int:
    return 0 if value is None else len(codec.encode(value)) // _CHARACTERS_PER_TOKEN


_CHARACTERS_PER_TOKEN = 4
_MEDIA_TOKENS = 258
"""Tokens of a small image, the least that a file has."""


def build_create_request(
    operation: GenerateContent, options: Options, prefix: Prefix, ttl: float
) -> Request[CachedContent]:
    """Build the request that creates a cache of a prefix of an operation, with the options of that request."""
    given = operation.config
    config = CreateCachedContentConfig(
        ttl=format_seconds(ttl),
        contents=operation.contents[: prefix.length] or None,
        system_instruction=given.system_instruction,
        tools=given.tools,  # type: ignore[arg-type]  # converted when the request was built
        tool_config=given.tool_config,
    )
    return Request(CreateCache(model=operation.model, config=config), replace(options, with_http_response=False))


def replace_prefix(operation: GenerateContent, prefix: Prefix, name: str) -> GenerateContent:
    """Replace a prefix of an operation by the name of its cache."""
    config = replace(operation.config, cached_content=name, system_instruction=None, tools=None, tool_config=None)
    return replace(operation, contents=operation.contents[prefix.length :], config=config)


def format_seconds(seconds: float) -> str:
    """
    Format a duration as the API writes it.

    >>> format_seconds(300), format_seconds(0.5)
    ('300s', '0.5s')
    """
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
