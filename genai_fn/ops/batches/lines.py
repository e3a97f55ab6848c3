"""A batch's lines: requests as a source file, and the answers of a job or a result file back in order."""

from collections.abc import Callable, Iterator, Sequence
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
from genai_fn.schema import BatchJob, GenerateContentResponse, InlinedResponse, JobError
from genai_fn.schema.base import Message
from genai_fn.values import Value
from genai_fn.wire import decode_response, encode
from genai_fn.wire.lenient_json import truncate_text

__all__ = ["REQUEST_KEY", "join", "jsonl", "validate_batch_request"]

T = TypeVar("T")

REQUEST_KEY: Final = "key"
"""Where the place of a request stands: within its ``metadata``, or on its line."""


def validate_batch_request(request: Request[Any], path: str) -> GenerateContent:
    """Refuse what cannot be one of a batch: anything but a ``generate`` request that leaves the how to the batch."""
    if not isinstance(request, Request):  # pyright: ignore[reportUnnecessaryIsInstance]  # people pass what they like
        raise InvalidRequest(path, request, "a generate request")
    operation = request.operation
    if not isinstance(operation, GenerateContent) or isinstance(operation, StreamGenerateContent):
        raise InvalidRequest(path, operation.op, "a generate request")
    if request.options != Options():
        raise InvalidRequest(f"{path}.options", request.options, "no options: a batch is run as a whole")
    return operation


# Out


def jsonl(requests: Sequence[Request[Any]], backend: Backend) -> bytes:
    r"""
    Write ``generate`` requests as the lines of a batch's source file.

    A line holds what the request alone would send. For Gemini it has a key, the request's place; Vertex AI has no room
    for one, but repeats the request beside its answer.

    Raises:
        InvalidRequest: for anything but ``generate`` requests of one model.

        Unsupported: with the path of every field that the backend does not take.

    >>> from genai_fn import Gemini, generate
    >>> jsonl([generate("gemini-2.5-flash", "hi")], Gemini())
    b'{"key":"0","request":{"contents":[{"parts":[{"text":"hi"}],"role":"user"}]}}\n'
    """
    operations = [validate_batch_request(each, f"requests[{index}]") for index, each in enumerate(requests)]
    models = [each.model for each in operations]
    for index, model in enumerate(models):
        if model != models[0]:
            raise InvalidRequest(f"requests[{index}].model", model, f"{models[0]}, as before: a batch has one model")
    return b"".join(_encode_line(index, each, backend) for index, each in enumerate(requests))


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


# Back


def join(requests: Sequence[Request[T]], job_or_bytes: BatchJob | bytes) -> tuple[Result[T, GenaiError], ...]:
    """
    Give each request of a batch its answer, in the order of the requests, whatever order the answers have.

    One that failed, or has no answer, is a `Failure`, and the others keep theirs.

    Args:
        requests: The very requests that the batch was made of.

        job_or_bytes: The job, if its answers are in it; otherwise the whole result file, or several in a row.

    >>> from genai_fn import generate
    >>> [result] = join([generate("m", "hi")], b'{"key": "0", "response": {"modelVersion": "m-1"}}')
    >>> result.unwrap().model_version
    'm-1'
    """
    for index, each in enumerate(requests):
        validate_batch_request(each, f"requests[{index}]")
    if isinstance(job_or_bytes, BatchJob):
        said = [_parse_inlined_response(each) for each in _get_inlined_responses(job_or_bytes)]
        if not said:
            return (Failure(_build_no_answers_error(job_or_bytes)),) * len(requests)
    else:
        said = [_parse_line(each) for each in job_or_bytes.splitlines() if each.strip()]
    return tuple(cast("list[Result[T, GenaiError]]", _order_results(requests, said)))


class _LineResult(Value):
    """What one line says, and what tells which request it is about."""

    result: Result[Any, GenaiError]
    key: str | None = None
    request_fingerprint: bytes | None = None


def _order_results(requests: Sequence[Request[Any]], said: Sequence[_LineResult]) -> list[Result[Any, GenaiError]]:
    if all(each.key is None and each.request_fingerprint is None for each in said):
        if len(said) != len(requests):
            return [Failure(CountMismatch(len(requests), len(said)))] * len(requests)
        return [each.result for each in said]
    places = _build_matcher(requests, said)
    lost = [each.result for each in said if each.key is None and each.request_fingerprint is None]
    placed: dict[int, Result[Any, GenaiError]] = {}
    for each in said:
        place = places(each)
        if place is not None:
            placed.setdefault(place, each.result)
    return [placed.get(index) or _build_missing_result(index, lost) for index in range(len(requests))]


def _build_missing_result(index: int, lost: Sequence[Result[Any, GenaiError]]) -> Result[Any, GenaiError]:
    """Say that an answer is missing, or what may have become of it."""
    failed = next((each for each in lost if isinstance(each, Failure)), None)
    return failed or Failure(OperationFailed(_format_subject(str(index)), None, "the batch has no answer to it"))


def _build_matcher(
    requests: Sequence[Request[Any]], said: Sequence[_LineResult]
) -> Callable[[_LineResult], int | None]:
    """Find a request by its key, or by what was asked: of several that ask the same, one after the other."""
    keys = {str(index): index for index in range(len(requests))}
    asking: dict[bytes, list[int]] = {}
    if any(each.key is None and each.request_fingerprint is not None for each in said):
        for index in reversed(range(len(requests))):
            asking.setdefault(_compute_request_fingerprint(requests[index]), []).append(index)

    def match_request(each: _LineResult) -> int | None:
        if each.key is not None:
            return keys.get(each.key)
        waiting = asking.get(each.request_fingerprint or b"")
        return waiting.pop() if waiting else None

    return match_request


# What a job holds


def _get_inlined_responses(job: BatchJob) -> tuple[InlinedResponse, ...]:
    return () if job.dest is None else job.dest.inlined_responses


def _parse_inlined_response(inlined: InlinedResponse) -> _LineResult:
    metadata = inlined.metadata or {}
    key = metadata.get(REQUEST_KEY)
    if inlined.error is None and inlined.response is not None:
        return _LineResult(Success(inlined.response), key)
    error = inlined.error or JobError()
    return _LineResult(Failure(OperationFailed(_format_subject(key), error.code, error.message or "")), key)


def _build_no_answers_error(job: BatchJob) -> GenaiError:
    subject = job.name or "the batch"
    if job.error is not None:
        return OperationFailed(subject, job.error.code, job.error.message or "")
    dest = job.dest
    where = dest and (dest.file_name or dest.gcs_uri or dest.bigquery_uri)
    if job.done and where:
        return OperationFailed(subject, None, f"its answers are not in the job but in {where}: join the bytes of that")
    return OperationFailed(subject, None, f"no answers: {job.state or 'nothing is known of it'}")


def _format_subject(key: str | None) -> str:
    return "a request" if key is None else f"request {key}"


# What a line holds


class _LineError(Message):
    code: int | None = None
    message: str | None = None


class _ResultLine(Message):
    key: str | None = None
    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    error: _LineError | None = None
    status: str | None = None
    """Vertex AI's: empty where all is well."""


_ABSENT = (b"", b"null")


def _parse_line(text: bytes) -> _LineResult:
    try:
        line = codec.decode(text, _ResultLine, strict=False)
        asked = (
            None
            if line.key is not None or bytes(line.request) in _ABSENT
            else _encode_fingerprint(codec.decode(line.request))
        )
    except (ValueError, RecursionError) as error:  # msgspec's own are ValueErrors
        return _LineResult(Failure(DecodeError(f"a line of a batch ({error})", "", truncate_text(text))))
    return _LineResult(_decode_line_result(line), line.key, asked)


def _decode_line_result(line: _ResultLine) -> Result[Any, GenaiError]:
    subject = _format_subject(line.key)
    if line.error is not None:
        return Failure(OperationFailed(subject, line.error.code, line.error.message or ""))
    if line.status:
        return Failure(OperationFailed(subject, None, line.status))
    if bytes(line.response) in _ABSENT:
        return Failure(OperationFailed(subject, None, "neither an answer nor an error"))
    return decode_response(read_json(GenerateContentResponse), HttpResponse(200, (), bytes(line.response)))


# What was asked, in a form in which a request and its echo are equal


def _compute_request_fingerprint(request: Request[Any]) -> bytes:
    result = encode(request, Vertex("project"))
    return _encode_fingerprint(codec.decode(_get_body_bytes(result.unwrap()))) if isinstance(result, Success) else b"-"


def _encode_fingerprint(tree: Any) -> bytes:
    return codec.encode(_normalize_json(tree), order="deterministic")


def _normalize_json(tree: Any) -> Any:
    if isinstance(tree, dict):
        return dict(_iter_normalized_fields(cast("dict[str, Any]", tree)))
    if isinstance(tree, list):
        items: list[Any] = cast("Any", tree)
        return [_normalize_json(each) for each in items]
    return int(tree) if isinstance(tree, float) and tree.is_integer() else tree


def _iter_normalized_fields(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Write numbers one way, and cut a cache's name down to what is the same in every project."""
    for name, each in tree.items():
        yield name, str(each).rpartition("/")[2] if name == "cachedContent" else _normalize_json(each)
