"""``embed(…, output="numpy")``: the same responses as in tuples, rounded to float32, and the same errors."""

import copy
import json
import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import (
    ContentEmbeddingArray,
    CountMismatch,
    DecodeError,
    EmbedContentArrayResponse,
    Failure,
    Gemini,
    HttpResponse,
    InvalidRequest,
    MissingExtra,
    Offline,
    Success,
    Vertex,
    collected,
    decode,
    embed,
    embed_many,
    encode,
    with_http_response,
)
from genai_fn.ops.embed import arrays
from genai_fn.schema import ContentEmbedding, EmbedContentResponse
from genai_fn.testing import Fake, Replay, recording
from genai_fn.wire.number_lists import pack_float32
from tests.support.interpreter_kinds import InterpreterKind, make_gemini
from tests.support.loopback import Answer, Loopback, build_json_reply

many = settings(max_examples=150, deadline=None, database=None, derandomize=True)

METHODS = {
    "gemini": (Gemini("k"), "gemini-embedding-001"),
    "predict": (Vertex("p", "l"), "text-embedding-005"),
    "embed": (Vertex("p", "l"), "gemini-embedding-001"),
}
"""By name: the backend and the model of each method. With several contents, the last one is ``:batchEmbedContents``."""


def wrap_vectors(method: str, vectors: list[Any], **more: Any) -> Any:
    """Build the JSON of a method's response: an item for each vector, with the fields given."""
    if method == "predict":
        return {"predictions": [{"embeddings": each} for each in vectors], **more}
    if method == "embed" and len(vectors) == 1:
        return {"embedding": vectors[0], **more}
    return {"embeddings": vectors, **more}


def decode_both(method: str, body: bytes, count: int) -> tuple[Any, Any]:
    """Decode a body to tuples and to arrays."""
    backend, model = METHODS[method]
    response = HttpResponse(200, (), body)
    tuples: Any = decode(embed(model, ["a"] * count), response, backend)
    numpy: Any = decode(embed(model, ["a"] * count, output="numpy"), response, backend)
    return tuples, numpy


def round_response(response: EmbedContentResponse) -> EmbedContentArrayResponse:
    """Convert tuples to what arrays must equal."""
    fields = {name: getattr(response, name) for name in response.__struct_fields__ if name != "embeddings"}
    embeddings = tuple(
        ContentEmbeddingArray(data=pack_float32(each.values), statistics=each.statistics, extra=each.extra)
        for each in response.embeddings
    )
    return EmbedContentArrayResponse(embeddings=embeddings, **fields)


def check_same(method: str, body: bytes, count: int) -> Any:
    """Check that a body is the same in tuples and arrays, or the same failure."""
    tuples, numpy = decode_both(method, body, count)
    if isinstance(tuples, Failure):
        assert numpy == tuples
    else:
        assert numpy == Success(round_response(tuples.unwrap()))
    return numpy


# Equality with tuples

numbers = st.floats(-1, 1, width=32) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 2**70)
_json = st.none() | st.integers(-9, 9) | st.text(max_size=5) | st.just({"values": [1, 2]}) | st.just([{"a": "values"}])
_statistics = st.fixed_dictionaries({}, optional={"token_count": st.integers(0, 9), "truncated": st.booleans()})


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes, int]:
    """Draw a method and a response with vectors of equal length, unknown fields, and any layout."""
    method = draw(st.sampled_from(sorted(METHODS)))
    count, size = draw(st.integers(1, 4)), draw(st.integers(0, 5))
    vectors = [
        {
            **draw(st.fixed_dictionaries({}, optional={"statistics": _statistics, "novel": _json})),
            "values": draw(st.lists(numbers, min_size=size, max_size=size)),
        }
        for _ in range(count)
    ]
    more = draw(st.fixed_dictionaries({}, optional={"metadata": st.just({"billableCharacterCount": 3}), "new": _json}))
    indent, ascii_only = draw(st.sampled_from((None, 0, 2, "\t"))), draw(st.booleans())
    separators = draw(st.sampled_from(((",", ":"), (" ,\r\n", " : "), None)))
    text = json.dumps(
        wrap_vectors(method, vectors, **more), indent=indent, separators=separators, ensure_ascii=ascii_only
    )
    mark = draw(st.sampled_from(("", "\ufeff")))
    return method, f"{mark}{text}".encode("utf-8", "replace"), count


@given(bodies())
@many
def test_same_as_tuples(drawn: tuple[str, bytes, int]) -> None:
    """Whatever the numbers, layout and unknown fields are: arrays have the tuples' numbers, and all else is equal."""
    check_same(*drawn)


ODD_VALUES: tuple[str, ...] = (
    *('["NaN", 1]', '["Infinity"]', '["-Infinity", "0.5"]', '["x"]', "null", "[null, 1]", "{}", "5", '"1"', "[[1]]"),
    *("[true]", "[1e400]", "[1e39, -1e300]", "[1e-50]", "[1e-400]", "[-0]", "[-0.0]", "[01]", "[1,]", "[1,,2]", "[+1]"),
    *("[1", "[1}", "[nan]", "[{}]", "[18446744073709551616]", "[9007199254740993]", f"[1{'0' * 400}]", "[]"),
    f"{'[' * 200}1{']' * 200}",
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", ODD_VALUES, ids=lambda text: text[:20])
def test_odd_values(method: str, values: str) -> None:
    """Numbers in quotes, nulls, garbage, and numbers beyond float32 or float64 are read, or fail, as in tuples."""
    body = json.dumps(wrap_vectors(method, [{"values": "HERE"}])).replace('"HERE"', values)
    check_same(method, body.encode(), 1)


@pytest.mark.parametrize(
    "body",
    (
        b"",
        b" ",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"embeddings": null}',
        b'{"embeddings": {"values": [1]}}',
        b'{"embeddings": [{"values": [1]}, {"values": [2]}]}',
        b'{"embeddings": [{"values": [1], "values": [2]}]}',
        b'{"embeddings": [{"other": {"values": [1]}}]}',
        rb'{"embeddings": [{"\u0076alues": [0]}], "other": {"values": [7]}}',
        b'{"embeddings": [{"values": [0]}], "embeddings": [{"values": [7]}]}',
        b'{"embeddings": [{"values": [1]}], "usage_metadata": {"prompt_token_count": "7"}}',
        b'{"embeddings": [{"values": [1]}], "usageMetadata": {"promptTokenCount": {}}}',
        b'{"embeddings": [{"values": [1]}]} x',
        b'{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}',
    ),
)
def test_odd_bodies(body: bytes) -> None:
    """Empty, blank, repeated, misplaced and broken bodies, and errors with status 200, are read as in tuples."""
    check_same("gemini", body, 1)


@pytest.mark.parametrize("method", METHODS)
def test_unequal_lengths(method: str) -> None:
    """A vector with another number of numbers than the first is a failure that names it."""
    body = json.dumps(wrap_vectors(method, [{"values": [1, 2]}, {"values": [3, 4]}, {"values": [5]}])).encode()
    error = decode_both(method, body, 3)[1].failure()
    assert isinstance(error, DecodeError)
    assert error.expected == "2 numbers, as in the first embedding, got 1"
    prefix = "$.predictions[2].embeddings" if method == "predict" else "$.embeddings[2]"
    assert error.path == f"{prefix}.values"
    assert error.text == body.decode()


def test_missing_vector() -> None:
    """An embedding without numbers is named, too; a wrong number of embeddings is a CountMismatch."""
    assert (
        decode_both("gemini", b'{"embeddings": [{"values": [1]}, {}]}', 2)[1].failure().path == "$.embeddings[1].values"
    )
    assert decode_both("gemini", b'{"embeddings": [{"values": [1]}]}', 2)[1] == Failure(CountMismatch(2, 1))


# The value


RESPONSE = EmbedContentArrayResponse(
    embeddings=(ContentEmbeddingArray(data=pack_float32((0.5, -1))), ContentEmbeddingArray(data=pack_float32((2, 3))))
)


def test_arrays() -> None:
    """The arrays have rows in order, are float32, and cannot be changed."""
    array, row = RESPONSE.values, RESPONSE.embeddings[1].values
    assert (array.shape, array.dtype, array.tolist()) == ((2, 2), np.float32, [[0.5, -1], [2, 3]])
    assert (row.shape, row.dtype, row.tolist()) == ((2,), np.float32, [2, 3])
    for each in (array, row):
        with pytest.raises(ValueError, match="read-only"):
            each[0] = 1


def test_empty() -> None:
    """No embeddings, or empty ones, are arrays without numbers."""
    assert EmbedContentArrayResponse().values.shape == (0, 0)
    assert EmbedContentArrayResponse(embeddings=(ContentEmbeddingArray(),) * 2).values.shape == (2, 0)


def test_is_a_value() -> None:
    """A response with arrays compares, hashes, copies and pickles, and its copies cannot be changed either."""
    other = EmbedContentArrayResponse(embeddings=RESPONSE.embeddings[:1])
    for each in (copy.copy(RESPONSE), copy.deepcopy(RESPONSE), pickle.loads(pickle.dumps(RESPONSE))):
        assert each == RESPONSE != other
        assert hash(each) == hash(RESPONSE)
        assert not each.values.flags.writeable
    request = embed("m", ["a"], output="numpy")
    call = request.operation.gemini(Gemini("k"))  # type: ignore[attr-defined]  # an operation of the Gemini API
    assert pickle.loads(pickle.dumps((request, call))) == (request, call)
    assert repr(request) == 'embed("m", "a", output="numpy")'
    assert repr(embed_many("m", ["a"], output="numpy")) == 'embed_many("m", ("a",), output="numpy")'


@pytest.mark.parametrize(("backend", "model"), METHODS.values(), ids=METHODS)
def test_same_request(backend: Any, model: str) -> None:
    """The request on the wire does not depend on the output."""
    config = {"task_type": "RETRIEVAL_QUERY", "output_dimensionality": 8}
    assert encode(embed(model, ["a", "b"], config), backend) == encode(
        embed(model, ["a", "b"], config, output="numpy"), backend
    )


@pytest.mark.parametrize("output", ("list", "", None, "NUMPY", np, 1))
def test_other_outputs(output: Any) -> None:
    """Any other output is a mistake."""
    for build in (embed, embed_many):
        with pytest.raises(InvalidRequest, match='output: expected "tuples" or "numpy"'):
            build("m", ["a"], output=output)


# Interpreters


@pytest.mark.parametrize(("backend", "model"), METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("count", (1, 2))
def test_offline(backend: Any, model: str, count: int) -> None:
    """The offline interpreter returns the same numbers in both outputs."""
    run, texts = Offline(backend), ["a text", "another"][:count]
    tuples = run(embed(model, texts)).unwrap()
    assert run(embed(model, texts, output="numpy")) == Success(round_response(tuples))


def respond(_: Any) -> Answer:
    """Answer with two vectors."""
    return build_json_reply({"embeddings": [{"values": [0.5, -1]}, {"values": [2, 3]}], "novel": 1})


def test_over_sockets(kind: InterpreterKind) -> None:
    """Each interpreter returns arrays, with the HTTP response where it is asked for, and streams them."""
    request, stream = (
        embed("m", ["a", "b"], output="numpy"),
        embed_many("m", list("abcd"), batch_size=2, output="numpy"),
    )
    with Loopback(respond) as server:
        backend = make_gemini(server.url)
        response: Any = kind.run(backend, request).unwrap()
        assert response.embeddings == RESPONSE.embeddings
        assert response.extra == {"novel": 1}
        both: Any = kind.run(backend, request | with_http_response).unwrap()
        assert both.value == response
        assert json.loads(both.http.body)["novel"] == 1
        assert kind.read_items(backend, stream) == [Success(each) for each in RESPONSE.embeddings * 2]
        assert kind.run(backend, stream | collected) == Success(RESPONSE.embeddings * 2)


def test_bad_batch(kind: InterpreterKind) -> None:
    """Vectors of unequal length fail each text of their batch, and no other."""

    def respond_badly(request: Any) -> Answer:
        second = [1] if b"bad" in request.body else [1, 2]
        return build_json_reply({"embeddings": [{"values": [1, 2]}, {"values": second}]})

    with Loopback(respond_badly) as server:
        stream = embed_many("m", ["a", "b", "c", "bad", "e", "f"], batch_size=2, output="numpy")
        results = kind.read_items(make_gemini(server.url), stream)
    assert [isinstance(each, Success) for each in results] == [True, True, False, False, True, True]
    assert results[2].failure().error.path == results[3].failure().error.path == "$.embeddings[1].values"


def test_fake() -> None:
    """A fake answers with arrays; tuples are not the type of this answer."""
    request = embed("m", ["a", "b"], output="numpy")
    assert Fake({"embed.numpy": RESPONSE})(request) == Success(RESPONSE)
    with pytest.raises(InvalidRequest, match="EmbedContentArrayResponse"):
        Fake({"embed.numpy": EmbedContentResponse(embeddings=(ContentEmbedding(),))})(request)


def test_recording(tmp_path: Path) -> None:
    """Arrays are replayed as they were recorded."""
    path, request = tmp_path / "calls.jsonl", embed("m", ["a", "b"], output="numpy")
    stream = embed_many("m", ["a", "b", "c"], batch_size=2, output="numpy")
    with recording(Offline(), path) as run:
        first, vectors = run(request), run(stream | collected)
    with Replay(path) as replay:
        assert replay(request) == first
        assert replay(stream | collected) == vectors


# The extra


def test_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numpy, the output is refused before anything is sent, and arrays cannot be made."""
    response = decode(
        embed("m", ["a"], output="numpy"), HttpResponse(200, (), b'{"embeddings": [{"values": [1]}]}'), Gemini("k")
    ).unwrap()
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setattr(arrays, "find_spec", lambda name: None)
    vars(arrays)["_is_numpy_installed"].cache_clear()
    for use in (
        lambda: embed("m", ["a"], output="numpy"),
        lambda: embed_many("m", ["a"], output="numpy"),
        lambda: response.values,
        lambda: response.embeddings[0].values,
    ):
        with pytest.raises(MissingExtra, match="pip install numpy"):
            use()
    assert embed("m", ["a"]).operation.op == "embed"
    vars(arrays)["_is_numpy_installed"].cache_clear()


def test_imports_numpy_late() -> None:
    """Embedding in tuples does not import numpy, nor does building a request."""
    assert find_spec("numpy") is not None
    program = """
import sys
from genai_fn import Offline, embed
Offline()(embed("m", "a")).unwrap()
request = embed("m", "a", output="numpy")
assert "numpy" not in sys.modules
assert Offline()(request).unwrap().values.shape[0] == 1
assert "numpy" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
