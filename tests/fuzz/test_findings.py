"""What fuzzing has found, each as a rule; the inputs themselves are seeds."""

import pickle
from typing import Any

import pytest

from genai_fn import Failure, Gemini, Vertex, backend_from_env, codec, encode, generate
from genai_fn.errors import DecodeError, InvalidRequest
from genai_fn.interpreters.net.connect.proxies import parse_proxy
from genai_fn.ops.files.uploads import UploadProgress, decode_store_operation, decode_uploaded_file
from genai_fn.schema import GenerateContentConfig, Part, PartMediaResolution, PartMediaResolutionLevel
from genai_fn.schema.convert import as_struct
from genai_fn.wire.sse import EventParser
from tests.fuzz.json_mutation import mutate_json
from tests.fuzz.mutation import mutate_input, run_mutations


class ArrayLike:
    """An object that compares element by element, as arrays of numbers do."""

    def __eq__(self, other: object) -> Any:
        raise ValueError("the truth value of an array is ambiguous")

    __hash__ = None  # type: ignore[assignment]  # as arrays


class Text(str):
    """A text of another class, such as NumPy's and MarkupSafe's."""

    __slots__ = ()


class Data(bytes):
    """Bytes of another class."""

    __slots__ = ()


@pytest.mark.parametrize("decode", (decode_uploaded_file, decode_store_operation))
def test_upload_that_is_not_utf8(decode: Any) -> None:
    """The answer to an upload that is not UTF-8 is a failure, and not an exception."""
    result = decode(UploadProgress(True, None, b'{"file": {"name": "\xb4"}}'))
    assert isinstance(result, Failure)
    assert isinstance(result.failure(), DecodeError)


@pytest.mark.parametrize("contents", (ArrayLike(), [ArrayLike()]))
def test_contents_without_comparison(contents: Any) -> None:
    """Contents that cannot be compared with a dict are refused by name."""
    with pytest.raises(InvalidRequest, match="contents"):
        generate("m", contents)


@pytest.mark.parametrize("number", (10**400, -(10**400), float("nan"), float("inf"), True))
def test_numbers(number: Any) -> None:
    """A number that is larger than any float is refused by name."""
    with pytest.raises(InvalidRequest, match="temperature: expected a finite number"):
        generate("m", "hi", {"temperature": number})


@pytest.mark.parametrize(
    ("schema", "path"),
    (
        ({"type": "integer", "exclusiveMinimum": float("inf")}, "exclusiveMinimum"),
        ({"type": "integer", "exclusiveMaximum": float("nan")}, "exclusiveMaximum"),
        ({"type": "integer", "exclusiveMinimum": 0, "minimum": "a"}, "minimum"),
        ({"type": [[], ArrayLike()]}, "type"),
    ),
)
def test_schemas(schema: Any, path: str) -> None:
    """Bounds and types of a schema that are no numbers and no texts are refused by name."""
    with pytest.raises(InvalidRequest, match=path):
        generate("m", "hi", {"response_schema": schema})


def test_subclasses() -> None:
    """Texts and bytes of other classes are sent as texts and bytes."""
    plain: Any = generate(
        "m", ["hi", {"inline_data": {"data": b"x", "mime_type": "a/b"}}], {"labels": {"a": "b"}, "response_schema": {}}
    )
    other: Any = generate(
        Text("m"),
        [Text("hi"), {"inline_data": {"data": Data(b"x"), "mime_type": Text("a/b")}}],
        {Text("labels"): {Text("a"): Text("b")}, "response_schema": {}},
    )
    assert encode(plain, Vertex("p")) == encode(other, Vertex("p"))
    assert codec.encode(as_struct(Part, Text("a"))) == b'{"text":"a"}'
    assert codec.encode(as_struct(GenerateContentConfig, {"response_json_schema": {"a": Text("b")}}))


@pytest.mark.parametrize(
    "value", ("\udcde", PartMediaResolutionLevel("\udcde"), {"level": PartMediaResolutionLevel("\udcde")})
)
def test_enums_with_surrogates(value: Any) -> None:
    """A value that an enum does not list is refused if it cannot be encoded."""
    with pytest.raises(InvalidRequest, match="surrogates"):
        as_struct(PartMediaResolution, value if isinstance(value, dict | str) else {"level": value})


@pytest.mark.parametrize(
    "environ",
    (
        {"GEMINI_API_KEY": "test-\udcff"},
        {"GEMINI_API_KEY": "test-a\nb"},
        {"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": "http://[::1"},
    ),
)
def test_errors_of_the_environment(environ: Any) -> None:
    """A failure for a malformed variable can be pickled, and does not contain a key."""
    error = backend_from_env(environ).failure()
    assert pickle.loads(pickle.dumps(error)) == error
    assert "test-" not in f"{error} {error!r} {vars(error)}"


def test_errors_of_keys() -> None:
    """The error for an invalid key can be pickled, and does not contain the key."""
    with pytest.raises(InvalidRequest) as caught:
        Gemini(b"test-key")  # type: ignore[arg-type]  # a mistake
    assert pickle.loads(pickle.dumps(caught.value)) == caught.value
    assert "test-key" not in repr(vars(caught.value))


def test_proxy_with_surrogates() -> None:
    """The address of a proxy whose login cannot be encoded is refused without its text."""
    with pytest.raises(ValueError, match="not the address of an http or socks5 proxy"):
        parse_proxy("http://user\udc8a@h.test:1")


def test_form_feeds() -> None:
    """The blanks before a stream of JSON are those of JSON, in whichever pieces they arrive."""
    body = b'\x0c\x0c{"$":"loop"}' + b"\x0c" * 20 + b"\xfb"
    whole, pieces = EventParser(), EventParser()
    expected = [*whole.feed(body), *whole.finish()]
    events = [each for index in range(len(body)) for each in pieces.feed(body[index : index + 1])]
    assert [*events, *pieces.finish()] == expected


# The fuzzer itself


def test_mutations() -> None:
    """The fuzzer without atheris changes inputs within their size, and returns the input that fails."""
    import random

    chance, seeds = random.Random(1), [b'generate gemini\n{"a": [1, {"b": null}], "c": "d"}', b"x"]
    mutated = {mutate_input(seeds[0], seeds, chance) for _ in range(200)}
    assert len(mutated) > 100
    assert all(len(each) <= 4096 for each in mutated)
    assert {each[:16] for each in (mutate_json(seeds[0], chance) for _ in range(20)) if each} == {b"generate gemini\n"}
    assert mutate_json(b"x", chance) is None
    assert mutate_json(b"[1", chance) is None

    def reject(data: bytes) -> None:
        assert b"{" not in data

    count, failed = run_mutations(reject, seeds, 60.0)
    assert count >= 1
    assert failed is not None
    assert b"{" in failed
