"""Values of numpy, pandas, polars and google-genai are accepted in place of ours."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.genai import types as google
from hypothesis import given, strategies as st

from genai_fn import (
    InvalidRequest,
    Offline,
    Retry,
    Timeouts,
    calling,
    chats,
    collected,
    embed,
    embed_many,
    gather,
    generate,
    images,
    schema,
    tokens,
    with_config,
    with_system,
    with_tools,
)
from genai_fn.testing import Fake
from tests.cases.generate_requests import CASES, Case
from tests.support.check_each import check_each

# Subclasses of str, and numpy's scalars


class Name(str):
    __slots__ = ()


class Model(str, Enum):  # noqa: UP042  # a member is a str of another class, which StrEnum's are, too
    FLASH = "gemini-2.5-flash"


@pytest.mark.parametrize("model", [Name("gemini-2.5-flash"), np.str_("gemini-2.5-flash"), Model.FLASH])
def test_texts(model: str) -> None:
    """A subclass of str is the text that it is, in a model name, a content, a config, and a text to embed."""
    plain = generate("gemini-2.5-flash", "hi", {"stop_sequences": ["a"], "response_mime_type": "b/c"})
    kind: Any = Name if isinstance(model, Enum) else type(model)
    request = generate(model, kind("hi"), {"stop_sequences": [kind("a")], "response_mime_type": kind("b/c")})
    assert (request, repr(request)) == (plain, repr(plain))
    assert type(request.operation.model) is str  # type: ignore[attr-defined]  # an operation is known by its base class
    assert embed(model, [kind("a"), kind("b")]) == embed("gemini-2.5-flash", ["a", "b"])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int8, np.uint64, np.int64])
@given(value=st.integers(0, 100))
def test_numbers(kind: Any, value: int) -> None:
    """A number of numpy is the number that it is: in a config, in free-form JSON, and in options."""
    given = {"temperature": kind(value), "seed": kind(value), "response_json_schema": {"minimum": kind(value)}}
    config: Any = generate("m", "hi", given).operation.config  # type: ignore[arg-type,attr-defined]  # numpy's numbers are no float
    assert (config.temperature, config.seed, config.response_json_schema) == (value, value, {"minimum": value})
    assert {type(config.temperature), type(config.seed)} == {float, int}
    assert Timeouts(connect=kind(value + 1)) == Timeouts(connect=value + 1)
    assert repr(Timeouts(idle=kind(value + 1)).idle) == repr(kind(value + 1).item())


def test_other_scalars() -> None:
    """Truth values, numbers of an enum, counts and bytes of numpy are accepted, too; arrays are lists in JSON."""
    logprobs: Any = {"response_logprobs": np.bool_(True), "response_json_schema": {"enum": np.array([1, 2])}}
    assert generate("m", "hi", logprobs) == generate(
        "m", "hi", {"response_logprobs": True, "response_json_schema": {"enum": [1, 2]}}
    )
    assert Retry(attempts=np.int64(3), jitter=np.float32(0.5)) == Retry(attempts=3, jitter=0.5)  # type: ignore[arg-type]  # numpy's
    request = generate("m", "hi")
    assert gather([request], concurrency=np.int64(2)) == gather([request], concurrency=2)  # type: ignore[arg-type]  # numpy's
    assert schema.Part.from_value({"inline_data": {"data": np.bytes_(b"x")}}).inline_data == schema.Blob(data=b"x")


@pytest.mark.parametrize(
    "value", [np.float32("nan"), np.float64("inf"), np.bool_(True), np.complex64(1), np.array([1.0])]
)
def test_no_numbers(value: Any) -> None:
    """What is no finite number in Python is none of numpy either; the error shows the value as it was given."""
    with pytest.raises(InvalidRequest, match=r"config.temperature: expected a finite number, got .*np\.|array"):
        generate("m", "hi", {"temperature": value})


@pytest.mark.parametrize("value", [np.longdouble(1), np.complex64(1)])
def test_numbers_without_json(value: Any) -> None:
    """A number that Python has not, or JSON, is refused in free-form JSON."""
    with pytest.raises(InvalidRequest, match=r"response_json_schema\.minimum: expected JSON"):
        generate("m", "hi", {"response_json_schema": {"minimum": value}})


def test_function_results() -> None:
    """A function may return numpy's numbers, texts and arrays to the model."""

    def measure() -> dict[str, Any]:
        """Measure."""
        return {"a": np.float32(0.5), "b": np.int64(3), "c": np.str_("x"), "d": np.bool_(True), "e": np.array([[1, 2]])}

    call = schema.FunctionCall(name="measure", args={})
    answers = iter(
        [schema.GenerateContentResponse(candidates=(schema.Candidate(content=schema.ModelContent(call)),)), "ok"]
    )
    run = Fake({"generate": lambda _: next(answers)})
    run(generate("m", "hi") | calling(measure)).unwrap()
    last: Any = run.requests[-1].operation
    result = last.contents[-1].parts[0].function_response.response
    assert result == {"result": {"a": 0.5, "b": 3, "c": "x", "d": True, "e": [[1, 2]]}}


# Columns


class Series:
    """What pandas and polars have in common: a length, items, a dtype, and a method that lists the items."""

    dtype = "object"

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Any:
        return self._items[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def to_list(self) -> list[Any]:
        return list(self._items)


class ArrowArray:
    """An array of pyarrow, whose items are not Python's."""

    def __iter__(self) -> Iterator[Any]:
        return iter((object(), object()))

    def to_pylist(self) -> list[str]:
        return ["a", "b"]


class Frame:
    """A data frame: iterating over it yields the names of its columns."""

    columns = ("text",)
    dtypes = ("object",)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)


COLUMNS = [Series(["a", "b"]), np.array(["a", "b"]), np.array(["a", "b"], dtype=object), ArrowArray()]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: type(column).__name__)
def test_columns(column: Any) -> None:
    """A column is a list of its items: to embed, to count, and as contents."""
    assert embed("m", column) == embed("m", ["a", "b"])
    assert embed_many("m", column) == embed_many("m", ["a", "b"])
    assert generate("m", column) == generate("m", ["a", "b"])
    assert tokens.count("m", column) == tokens.count("m", ["a", "b"])
    assert len(Offline()(embed_many("m", column) | collected).unwrap()) == 2


@pytest.mark.parametrize("build", [embed, embed_many])
def test_missing_values(build: Any) -> None:
    """A missing value in a column is refused at once, with its place."""
    with pytest.raises(InvalidRequest, match=r"(contents|texts)\[1\]: expected .*, got nan"):
        build("m", Series(["a", float("nan")]))


@pytest.mark.parametrize("build", [embed, embed_many, generate])
def test_tables(build: Any) -> None:
    """A whole table is refused, and the error says that a column is meant: iterating over one yields names."""
    with pytest.raises(InvalidRequest, match=r'expected a column of it, such as table\["text"\], got .*Frame'):
        build("m", Frame())


def test_empty_column() -> None:
    """An empty column is an empty list: nothing to send, and no texts to embed."""
    with pytest.raises(InvalidRequest, match="at least one content"):
        embed("m", Series([]))
    assert embed_many("m", Series([])) == embed_many("m", [])


def test_imports_nothing() -> None:
    """No library whose values are accepted is imported for them."""
    program = "import sys; from genai_fn import embed; embed('m', ['a']); sys.exit(repr(LIBRARIES & {*sys.modules}))"
    program = program.replace("LIBRARIES", repr({"numpy", "pandas", "polars", "pydantic", "google.genai"}))
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert process.stderr.strip() == "set()"


# google-genai


CONVERTED_BY_THEM = {"temperature-text": "google-genai converts the text to a number"}


def build_theirs(case: Case) -> tuple[Any, Any]:
    """Build the contents and the config of a case as google-genai's objects; raises an error if it has none."""
    contents, config = case.arguments(google)
    if isinstance(config, dict):
        config = google.GenerateContentConfig(**config)
    items = [
        google.Content(**each) if isinstance(each, dict) and "parts" in each else each
        for each in (contents if isinstance(contents, list) else [contents])
    ]
    return items if isinstance(contents, list) else items[0], config


def build_request(contents: Any, config: Any) -> Any:
    """Build a request, or return the class of the error."""
    try:
        return generate("m", contents, config)
    except InvalidRequest as error:
        return type(error)


@check_each([each for each in CASES if each.name not in CONVERTED_BY_THEM])
def test_google_objects(case: Case) -> None:
    """google-genai's objects build the same request as dicts, or our types, with the same fields."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of values that they do not list
        try:
            theirs = build_theirs(case)
        except (TypeError, ValueError, AttributeError):
            return  # 1.51 has no such type or field
        assert build_request(*theirs) == build_request(*case.arguments(schema))


def test_google_history() -> None:
    """A history of google-genai's chat continues here."""
    turns = [google.UserContent("hi"), google.ModelContent("hello")]
    ours = [schema.UserContent("hi"), schema.ModelContent("hello")]
    assert chats.start("m", history=turns) == chats.start("m", history=ours)
    assert chats.send(chats.start("m", history=turns), google.Part(text="x")) == chats.send(
        chats.start("m", history=ours), "x"
    )


def test_google_values_in_ours() -> None:
    """google-genai's objects are accepted within our dicts and modifiers, and in place of a list."""
    request, tool = generate("m", "hi"), google.Tool(google_search=google.GoogleSearch())
    expected = generate("m", "hi", {"tools": [{"google_search": {}}]})
    assert request | with_tools(tool) == expected
    assert request | with_config(tools=[tool]) == expected
    assert generate("m", "hi", {"tools": tool}) == expected  # type: ignore[typeddict-item]  # one in place of a list
    assert request | with_system(google.Content(parts=[google.Part(text="x")], role="user")) == request | with_system(
        "x"
    )
    thinking: Any = google.ThinkingConfig(thinking_budget=3)
    assert request | with_config(thinking_config=thinking) == request | with_config(
        thinking_config={"thinking_budget": 3}
    )
    text, properties = google.Schema(type=google.Type.STRING), {"a": {"type": "STRING"}}
    assert generate("m", "hi", {"response_schema": {"type": "OBJECT", "properties": {"a": text}}}) == generate(
        "m", "hi", {"response_schema": {"type": "OBJECT", "properties": properties}}
    )
    picture = google.Image(image_bytes=b"x", mime_type="image/png")
    config = google.UpscaleImageConfig(output_mime_type="image/png")
    assert images.upscale("m", picture, "x2", config) == images.upscale(  # type: ignore[arg-type]  # an image of theirs
        "m", schema.Image(image_bytes=b"x", mime_type="image/png"), "x2", {"output_mime_type": "image/png"}
    )


def test_google_mistakes() -> None:
    """What our configs refuse is refused in google-genai's, too, with its path and what to use instead."""
    with pytest.raises(InvalidRequest, match=r"config\.http_options: expected the modifier with_options"):
        generate("m", "hi", google.GenerateContentConfig(http_options=google.HttpOptions(timeout=3)))
    with pytest.raises(InvalidRequest, match=r"config\.tools\[0\]: expected calling"):
        generate("m", "hi", google.GenerateContentConfig(tools=[test_google_mistakes]))


def test_other_models() -> None:
    """A pydantic model of a program is no content: it may have a field named text by chance."""
    from pydantic import BaseModel

    class Note(BaseModel):
        text: str

    note: Any = Note(text="x")
    with pytest.raises(InvalidRequest, match="contents: expected a Part"):
        generate("m", note)


# Files


@pytest.mark.parametrize("contents", [Path("x.png"), [Path("x.png")], ["look", Path("x.png")]])
def test_paths(contents: Any) -> None:
    """A path is not read, as a request is a value; the error names what reads it."""
    with pytest.raises(InvalidRequest, match=r"Part\.from_file\(location=…\) reads a file, and files\.upload\(…\)"):
        generate("m", contents)


def test_part_of_a_file(tmp_path: Path) -> None:
    """`Part.from_file` reads the bytes, with the type of the extension or the given one."""
    path = tmp_path / "x.png"
    path.write_bytes(b"picture")
    expected = schema.Part.from_bytes(data=b"picture", mime_type="image/png")
    assert schema.Part.from_file(location=path) == schema.Part.from_file(location=str(path)) == expected
    assert generate("m", ["look", schema.Part.from_file(location=path)]) == generate("m", ["look", expected])
    other = schema.Part.from_file(location=path, mime_type="a/b", media_resolution="MEDIA_RESOLUTION_LOW")
    assert (other.inline_data, other.media_resolution is None) == (schema.Blob(data=b"picture", mime_type="a/b"), False)
    with pytest.raises(InvalidRequest, match="mime_type"):
        schema.Part.from_file(location=tmp_path / "unknown")
    with pytest.raises(FileNotFoundError):
        schema.Part.from_file(location=tmp_path / "missing.png")
