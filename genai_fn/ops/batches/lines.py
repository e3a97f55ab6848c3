"""Encodes requests as the source file of a batch, and matches the results of a batch to its requests."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar, cast

import msgspec
from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.backend import Backend, Vertex
from genai_fn.errors import CountMismatch, DecodeError, GenaiError, InvalidRequest, OperationFailed, Unsupported
from genai_fn.http import FileSlice, HttpRequest, HttpResponse
from genai_fn.ops.generate import GenerateContent, StreamGenerateContent
from genai_fn.options import Options
from genai_fn.request import Request, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.batches import BatchJob, InlinedResponse
from genai_fn.schema.operations import JobError
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.values import Value
from genai_fn.wire import decode_response, encode
from genai_fn.wire.lenient_json import truncate_text
from genai_fn.wire.resource_names import resolve_model_name

__all__ = ["REQUEST_KEY", "check_same_model", "get_batch_operation", "join", "jsonl"]

T = TypeVar("T")

REQUEST_KEY: Final = "key"
"""Name of the field with the index of a request: in ``metadata`` of an inlined request, or in the line of a file."""


def get_batch_operation(request: Request[Any], path: str) -> GenerateContent:
    """Return the operation of a ``generate`` request; raise `InvalidRequest` for others, and for one with options."""
    if not isinstance(request, Request):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest(path, request, "a generate request")
    operation = request.operation
    if not isinstance(operation, GenerateContent) or isinstance(operation, StreamGenerateContent):
        raise InvalidRequest(path, operation.op, "a generate request")
    if request.options != Options():
        raise InvalidRequest(f"{path}.options", request.options, "no options: they apply to single requests only")
    return operation


def check_same_model(model: str, expected: str, backend: Backend, path: str) -> None:
    """Raise `InvalidRequest` if two names do not name the same model on a backend."""
    if resolve_model_name(backend, model) != resolve_model_name(backend, expected):
        raise InvalidRequest(path, model, f"{expected}: all requests of a batch have the same model")


# Source files


def jsonl(requests: Sequence[Request[Any]], backend: Backend) -> bytes:
    r"""
    Encode ``generate`` requests as the source file of a batch, one JSON object per line.

    On Gemini each line has the index of its request as ``key``. On Vertex AI a line has no key, and each result
    contains its request instead.

    Args:
        requests: ``generate`` requests, all with the same model and without options.

        backend: The backend that will run the batch.

    Returns:
        The file's content.

    Raises:
        InvalidRequest: If a request is not a ``generate`` request, has options, or has another model than the first.

        Unsupported: If a field is set that the backend does not have; the error lists the paths.

    >>> from genai_fn import Gemini, generate
    >>> jsonl([generate("gemini-2.5-flash", "hi")], Gemini())
    b'{"key":"0","request":{"contents":[{"parts":[{"text":"hi"}],"role":"user"}]}}\n'
    """
    given = _list_requests(requests)
    models = [get_batch_operation(each, f"requests[{index}]").model for index, each in enumerate(given)]
    for index, model in enumerate(models):
        check_same_model(model, models[0], backend, f"requests[{index}].model")
    return b"".join(_encode_line(index, each, backend) for index, each in enumerate(given))


def _list_requests(requests: Any) -> tuple[Any, ...]:
    """Return the requests as a tuple, as they are read more than once."""
    if not isinstance(requests, Iterable):
        raise InvalidRequest("requests", requests, "a list of generate requests")
    return tuple(cast("Any", requests))


def _encode_line(index: int, request: Request[Any], backend: Backend) -> bytes:
    result = encode(request, backend)
    if isinstance(result, Failure):
        raise _prefix_paths(result.failure(), f"requests[{index}].")
    key = b"" if isinstance(backend, Vertex) else b'"%s":"%d",' % (REQUEST_KEY.encode(), index)
    return b'{%s"request":%s}\n' % (key, _get_body_bytes(result.unwrap()))


def _prefix_paths(error: GenaiError, path: str) -> GenaiError:
    if isinstance(error, Unsupported):
        return Unsupported(error.backend, tuple(path + each for each in error.paths), error.reason)
    return error


def _get_body_bytes(http: HttpRequest) -> bytes:
    if isinstance(http.body, FileSlice):
        raise InvalidRequest("request", http, "a request whose body is JSON")
    return http.body if isinstance(http.body, bytes) else b"".join(http.body)


# Results


def join(requests: Sequence[Request[T]], job_or_bytes: BatchJob | bytes) -> tuple[Result[T, GenaiError], ...]:
    """
    Match the results of a batch to its requests, and return them in the order of the requests.

    A result is matched by its key, or by the request that it contains. If no result has either, results are matched by
    their position.

    Args:
        requests: The requests that the batch was created from.

        job_or_bytes: The job, if it contains the results; otherwise the content of its result files, concatenated.

    Returns:
        One result for each request.

    Raises:
        InvalidRequest: If a request is not a ``generate`` request, or has options, or ``job_or_bytes`` is neither a job
            nor bytes.

    Fails with:
        OperationFailed: For a request that failed or has no result; for every request, if the job has no results.

        DecodeError: For an invalid response; if a line is invalid, also for the requests without a result.

        InvalidRequest: For every request, if the results of the job are in a file; the error names it.

        CountMismatch: For every request, if results are matched by position, and their number is not that of the
            requests.

    >>> from genai_fn import generate
    >>> [result] = join([generate("m", "hi")], b'{"key": "0", "response": {"modelVersion": "m-1"}}')
    >>> result.unwrap().model_version
    'm-1'
    """
    given = _list_requests(requests)
    for index, each in enumerate(given):
        get_batch_operation(each, f"requests[{index}]")
    if isinstance(job_or_bytes, BatchJob):
        inlined = () if job_or_bytes.dest is None else job_or_bytes.dest.inlined_responses
        lines = [_parse_inlined_response(each) for each in inlined]
        if not lines:
            return (Failure(_build_no_results_error(job_or_bytes)),) * len(given)
    elif isinstance(job_or_bytes, bytes | bytearray):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        lines = [_parse_line(each) for each in job_or_bytes.splitlines() if each.strip()]
    else:
        raise InvalidRequest("job_or_bytes", job_or_bytes, "a BatchJob, or the bytes of its result files")
    return tuple(cast("list[Result[T, GenaiError]]", _order_results(given, lines)))


class _LineResult(Value):
    """One result of a batch, and the key or the fingerprint that identifies its request."""

    result: Result[Any, GenaiError]
    key: str | None = None
    request_fingerprint: bytes | None = None


def _order_results(requests: Sequence[Request[Any]], lines: Sequence[_LineResult]) -> list[Result[Any, GenaiError]]:
    if all(each.key is None and each.request_fingerprint is None for each in lines):
        if len(lines) != len(requests):
            return [Failure(CountMismatch(len(requests), len(lines)))] * len(requests)
        return [each.result for each in lines]
    unmatched = [each.result for each in lines if each.key is None and each.request_fingerprint is None]
    result_by_index: dict[int | None, Result[Any, GenaiError]] = {}
    for line, request_index in zip(lines, _iter_request_indexes(requests, lines), strict=True):
        result_by_index.setdefault(request_index, line.result)
    return [result_by_index.get(index) or _build_missing_result(index, unmatched) for index in range(len(requests))]


def _build_missing_result(index: int, unmatched: Sequence[Result[Any, GenaiError]]) -> Result[Any, GenaiError]:
    """Return the failure for a request without a result: that of an unmatched line, if one has failed."""
    failed = next((each for each in unmatched if isinstance(each, Failure)), None)
    return failed or Failure(OperationFailed(_format_subject(str(index)), None, "the batch has no result for it"))


def _iter_request_indexes(requests: Sequence[Request[Any]], lines: Sequence[_LineResult]) -> Iterator[int | None]:
    """
    Yield the index of each result's request, found by key or by fingerprint; None if there is no such request.

    Of several requests with the same fingerprint, each is matched once, in order.
    """
    keys = {str(index): index for index in range(len(requests))}
    indexes_by_fingerprint: dict[bytes, list[int]] = {}
    if any(each.key is None and each.request_fingerprint is not None for each in lines):
        for index in reversed(range(len(requests))):
            indexes_by_fingerprint.setdefault(_compute_request_fingerprint(requests[index]), []).append(index)
    for each in lines:
        if each.key is not None:
            yield keys.get(each.key)
        else:
            indexes = indexes_by_fingerprint.get(each.request_fingerprint or b"")
            yield indexes.pop() if indexes else None


# Results in a job


def _parse_inlined_response(inlined: InlinedResponse) -> _LineResult:
    given_key = (inlined.metadata or {}).get(REQUEST_KEY)
    key = given_key if isinstance(given_key, str) else None  # metadata of the server may have any JSON
    if inlined.error is None and inlined.response is not None:
        return _LineResult(Success(inlined.response), key)
    error = inlined.error or JobError()
    return _LineResult(Failure(OperationFailed(_format_subject(key), error.code, error.message or "")), key)


def _build_no_results_error(job: BatchJob) -> GenaiError:
    """Build the error for a job without results: its own error, where its results are, or its state."""
    subject = job.name or "the batch"
    if job.error is not None:
        return OperationFailed(subject, job.error.code, job.error.message or "")
    dest = job.dest
    where = dest and (dest.file_name or dest.gcs_uri or dest.bigquery_uri)
    if job.done and where:
        return InvalidRequest("job_or_bytes", subject, f"the content of {where}, which has the results of the job")
    return OperationFailed(subject, None, f"no results: {job.state or 'unknown state'}")


def _format_subject(key: str | None) -> str:
    return "a request" if key is None else f"request {key}"


# Results in a line


class _LineError(Message):
    code: int | None = None
    message: str | None = None


class _ResultLine(Message):
    key: str | None = None
    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    error: _LineError | None = None
    status: str | None = None
    """Error message of Vertex AI; empty on success."""


_ABSENT = (b"", b"null")


def _parse_line(text: bytes) -> _LineResult:
    try:
        line = codec.decode(text, _ResultLine, strict=False)
        fingerprint = (
            None
            if line.key is not None or bytes(line.request) in _ABSENT
            else _encode_fingerprint(codec.decode(line.request))
        )
    except (ValueError, RecursionError) as error:  # msgspec's own are ValueErrors
        return _LineResult(Failure(DecodeError(f"a line of a batch ({error})", "", truncate_text(text))))
    return _LineResult(_decode_line_result(line), line.key, fingerprint)


def _decode_line_result(line: _ResultLine) -> Result[Any, GenaiError]:
    subject = _format_subject(line.key)
    if line.error is not None:
        return Failure(OperationFailed(subject, line.error.code, line.error.message or ""))
    if line.status:
        return Failure(OperationFailed(subject, None, line.status))
    if bytes(line.response) in _ABSENT:
        return Failure(OperationFailed(subject, None, "neither a response nor an error"))
    return decode_response(read_json(GenerateContentResponse), HttpResponse(200, (), bytes(line.response)))


# Fingerprints: Vertex AI copies the request into its result. Both have the same fingerprint: their JSON, normalized


def _compute_request_fingerprint(request: Request[Any]) -> bytes:
    """Encode a request for Vertex AI, whose results contain the request; ``-`` if it cannot be encoded."""
    result = encode(request, Vertex("project"))
    return _encode_fingerprint(codec.decode(_get_body_bytes(result.unwrap()))) if isinstance(result, Success) else b"-"


def _encode_fingerprint(tree: Any) -> bytes:
    return codec.encode(_normalize_json(tree), order="deterministic")


def _normalize_json(tree: Any) -> Any:
    """Convert integral floats to integers, since the copy may contain ``1.0`` for ``1``, and shorten cache names."""
    if isinstance(tree, dict):
        return dict(_iter_normalized_fields(cast("dict[str, Any]", tree)))
    if isinstance(tree, list):
        items: list[Any] = cast("Any", tree)
        return [_normalize_json(each) for each in items]
    return int(tree) if isinstance(tree, float) and tree.is_integer() else tree


def _iter_normalized_fields(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Normalize the values, and reduce the name of a cache to its id, which is the same in every project."""
    for name, each in tree.items():
        yield name, str(each).rpartition("/")[2] if name == "cachedContent" else _normalize_json(each)
