"""
Encodes requests into HTTP requests and decodes HTTP responses into values. No I/O.

- ``encoding``: a request as an HTTP request, without its credential.
- ``signing``: adds the credential.
- ``decoding``: a response, or an event of a stream, as a value or an error.
- ``api_errors``: the errors of the API, in all shapes.
- ``json_body``: bodies; large bytes as chunks of their own; fields of ``extra_body``.
- ``lenient_json``: JSON decoding that repairs deviations from the documented types.
- ``growing_json``: JSON that is parsed while it arrives.
- ``curl``: a request as a curl command.
- ``number_lists``: long lists of numbers as float32.
- ``field_support``: finds the fields that a backend does not support.
- ``resource_names``: names of models and resources on each backend.
- ``sse``: splits a streamed body into events.
- ``masking``: hides credentials in errors that repeat them.
- ``secret_values``: finds secrets in the fields of requests, and hides them in events.
- ``decompress``: decompresses bodies while they are read.
- ``resume``: continues a download by a range request.
"""

from genai_fn.wire.api_errors import build_api_error, parse_unframed_text
from genai_fn.wire.decoding import decode, decode_event, decode_response
from genai_fn.wire.encoding import (
    USER_AGENT,
    PreparedRequest,
    apply_address_options,
    drop_backend,
    encode,
    prepare_request,
)
from genai_fn.wire.signing import sign_request

__all__ = [
    "USER_AGENT",
    "PreparedRequest",
    "apply_address_options",
    "build_api_error",
    "decode",
    "decode_event",
    "decode_response",
    "drop_backend",
    "encode",
    "parse_unframed_text",
    "prepare_request",
    "sign_request",
]
