"""
Content generation: the response of a model to a conversation, whole or streamed.

The builder loads the operation, and with it the types of generation, when it is called for the first time.

- `operation`: the operation on each backend, and the body that it sends.
"""

import functools
from typing import TYPE_CHECKING

from genai_fn.forks import delay_forks
from genai_fn.lazy_names import defer_imports, pause_collection
from genai_fn.request import Request  # noqa: TC001  # `typing.get_type_hints` finds it here

if TYPE_CHECKING:
    from collections.abc import Callable

    from genai_fn.ops.generate.operation import (
        GenerateBody,
        GenerateContent,
        StreamGenerateContent,
        WireGenerationConfig,
        as_generate_config,
        refuse_automatic_calling,
        refuse_uncalled_functions,
    )
    from genai_fn.schema.config_dicts.generation import GenerateContentConfigLike
    from genai_fn.schema.contents import ContentsLike
    from genai_fn.schema.responses import GenerateContentResponse
else:
    __getattr__, __dir__ = defer_imports(globals())

__all__ = [
    "GenerateBody",
    "GenerateContent",
    "StreamGenerateContent",
    "WireGenerationConfig",
    "as_generate_config",
    "generate",
    "refuse_automatic_calling",
    "refuse_uncalled_functions",
]


def generate(
    model: str, contents: "ContentsLike", config: "GenerateContentConfigLike | None" = None
) -> "Request[GenerateContentResponse]":
    """
    Generate the response of a model to a conversation.

    ``generate(…) | streamed`` yields the response in chunks, ``generate(…) | text`` returns its text.

    Args:
        model: ``gemini-2.5-flash``, ``models/…``, ``tunedModels/…``, ``publishers/google/models/…``, ``projects/…`` or
            ``vendor/model``.

        contents: A text, a `Part`, a `Content`, a `File`, a `Blob`, an image, a dict of one of these, or a list of any.

        config: All other parameters: a `GenerateContentConfig`, or a dict in snake_case or camelCase.

    Raises:
        InvalidRequest: If the model name is empty or invalid, the contents cannot be converted, a field of ``config``
            is unknown or has the wrong type, or its tools contain a Python function, which only `calling` calls.

    Fails with:
        Unsupported: If a field is set that the backend does not have; the error lists the paths.

        RateLimited: If the quota is exhausted and retries have not helped.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

    >>> generate("gemini-2.5-flash", "Why is the sky blue?", {"temperature": 0.2}).operation.config
    GenerateContentConfig(temperature=0.2)
    """
    return _load_builder()(model, contents, config)


@functools.cache
def _load_builder() -> "Callable[..., Request[GenerateContentResponse]]":
    with delay_forks, pause_collection("genai_fn.ops.generate.operation"):
        from genai_fn.ops.generate.operation import build_request  # noqa: PLC0415  # the types, at the first call

    return build_request
