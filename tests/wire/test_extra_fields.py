"""Fields that a type of the API does not define: they are kept, compared, shown, and sent back."""

import copy
import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace
from returns.result import Success

from genai_fn import (
    Gemini,
    HttpResponse,
    Vertex,
    chats,
    codec,
    embed,
    encode,
    generate,
    images,
    joined,
    operations,
    streamed,
    with_options,
)
from genai_fn.errors import InvalidRequest
from genai_fn.flows.merge import merge_chunks
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.ops import batches, caches, models, tunings
from genai_fn.request import Request
from genai_fn.schema import (
    Blob,
    Candidate,
    Content,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    GenerateVideosOperation,
    OpenMessage,
    Part,
    Schema,
    Tool,
)
from genai_fn.testing import Fake, Replay, recording, strategies
from genai_fn.wire import decode
from genai_fn.wire.lenient_json import parse_json

AT = Gemini("test-key")
many = settings(max_examples=150, deadline=None, database=None, derandomize=True)

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_new_names = st.text().filter(lambda name: name not in _KNOWN_NAMES)
_KNOWN_NAMES = {
    name for kind in (Part, Content) for name in (*kind.__struct_encode_fields__, *kind.__struct_fields__)
} - {codec.EXTRA_JSON_NAME, "extra"}
_new_fields = st.dictionaries(_new_names, _json, max_size=4)


def _read_body(request: Request[Any]) -> Any:
    http: HttpRequest = encode(request, AT).unwrap()
    assert not isinstance(http.body, FileSlice)
    return json.loads(http.body if isinstance(http.body, bytes) else b"".join(http.body))


def _reply(*parts: Any, **fields: Any) -> Any:
    return {"candidates": [{"content": {"parts": list(parts), "role": "model", **fields}}]}


def _decode_reply(reply: Any) -> GenerateContentResponse:
    return decode(generate("m", "hi"), HttpResponse(200, (), json.dumps(reply).encode()), AT).unwrap()


@many
@given(
    st.lists(
        st.tuples(
            _new_fields, st.sampled_from([{}, {"text": "hi"}, {"thoughtSignature": "c2ln"}, {"thought": True}])
        ).map(lambda pair: {**pair[0], **pair[1]}),
        max_size=3,
    ),
    _new_fields,
)
def test_parts_go_back(parts: list[dict[str, Any]], content_fields: dict[str, Any]) -> None:
    """Any JSON object that the model returns as a part is sent back as it was, with signatures and texts."""
    reply = _reply(*parts, **content_fields)
    response = _decode_reply(reply)
    content = response.candidates[0].content
    assert content is not None
    body = _read_body(generate("m", [Content(role="user"), content]))
    assert body["contents"][1] == reply["candidates"][0]["content"]


_TOOL_CALL_PARTS: list[dict[str, Any]] = [
    {"thoughtSignature": "c2ln", "toolCall": {"id": "1", "toolType": "NEW_KIND", "args": {"q": [1, None]}, "new": 1}},
    {"toolResponse": {"id": "1", "response": {"a": {}}}, "partOfNextYear": {"deep": [{"x": None}]}},
    {"executableCode": {"id": "7", "code": "1", "language": "PYTHON", "seed": 2.5}},
    {"functionCall": {"id": "2", "name": "f", "args": {}, "priority": "HIGH"}, "thoughtSignature": "c2ln"},
]


def test_chats_keep_parts() -> None:
    """The history of a chat sends the model's parts back, whatever they contain."""
    answer = _decode_reply(_reply(*_TOOL_CALL_PARTS))
    with Fake({"generate": answer}) as run:
        chat = run(chats.send(chats.start("m"), "hi")).unwrap().chat
        run(chats.send(chat, "go on")).unwrap()
        sent = run.requests[-1]
    assert _read_body(sent)["contents"][1]["parts"] == _TOOL_CALL_PARTS


def test_joined_streams_keep_parts() -> None:
    """Joining the chunks of a stream keeps unknown fields of parts, contents, candidates and responses."""
    first, second = _decode_reply(_reply({"text": "a"}, mood="calm")), _decode_reply(_reply({"text": "b", "new": 1}))
    second = replace(second, extra={"turnToken": "t"})
    whole = merge_chunks([replace(first, extra={"other": 1}), second])
    assert whole.extra == {"other": 1, "turnToken": "t"}
    content = whole.candidates[0].content
    assert content == Content(
        parts=(Part(text="a"), Part(text="b", extra={"new": 1})), role="model", extra={"mood": "calm"}
    )


def test_streams_keep_parts() -> None:
    """A joined stream has the parts of its chunks, those of unknown kinds too."""
    chunks = [_decode_reply(_reply(each)) for each in _TOOL_CALL_PARTS]
    with Fake({"generate": [chunks]}) as run:
        answer = run(generate("m", "hi") | streamed | joined).unwrap()
    assert json.loads(codec.encode(answer.candidates[0].content))["parts"] == _TOOL_CALL_PARTS


def test_recordings_keep_fields(tmp_path: Path) -> None:
    """A recording replays unknown fields, in requests and answers."""
    path, answer = tmp_path / "calls.jsonl", _decode_reply(_reply(*_TOOL_CALL_PARTS))
    request = generate("m", {"text": "hi", "extra": {"partOfNextYear": [1]}})
    with recording(Fake({"generate": answer}), path) as run:
        assert run(request) == Success(answer)
    assert Replay(path)(request) == Success(answer)
    assert "partOfNextYear" in path.read_text()


def test_saved_history() -> None:
    """A history that msgspec has saved can be restored from its JSON, with unknown fields."""
    schema = Schema(type="STRING", extra={"new": 1})
    content = _decode_reply(_reply(*_TOOL_CALL_PARTS, mood="calm")).candidates[0].content
    assert content is not None
    saved = json.loads(msgspec.json.encode({"history": [content], "config": {"response_schema": schema}}))
    chat = chats.start("m", saved["config"], saved["history"])
    assert chats.history(chat) == (content,)
    assert chat.config.response_schema == schema


def test_values() -> None:
    """Unknown fields take part in comparison, repr, copies and pickles; a dict and decoded fields are equal."""
    part = parse_json(Part, b'{"text": "a", "new": {"b": [null]}}')
    assert part == Part(text="a", extra={"new": {"b": [None]}}) != Part(text="a")
    assert repr(part) == "Part(text='a', extra={'new': {'b': [None]}})"
    assert [pickle.loads(pickle.dumps(part)), copy.copy(part), copy.deepcopy(part)] == [part] * 3


@pytest.mark.parametrize("name", [codec.EXTRA_JSON_NAME, "extra", "", "ä", "inline-data"])
@pytest.mark.parametrize("value", [None, {}, 1])
def test_odd_names(name: str, value: Any) -> None:
    """Unknown fields may have any name, also that of the field which contains them."""
    text = json.dumps({name: value, "text": "a"}).encode()
    part = parse_json(Part, text)
    assert part == Part(text="a", extra={name: value})
    assert json.loads(codec.encode((part,))) == [json.loads(text)]


@pytest.mark.parametrize(
    ("contents", "sent"),
    [
        ({"text": "a", "extra": {"newField": {"x": None}}}, {"text": "a", "newField": {"x": None}}),
        (Part(text="a", extra={"newField": [1]}), {"text": "a", "newField": [1]}),
        (Part(inline_data={"data": b"x", "extra": {"page": 1}}), {"inlineData": {"data": "eA==", "page": 1}}),  # type: ignore[arg-type]  # a dict is converted
    ],
)
def test_requests(contents: Any, sent: Any) -> None:
    """A request sends fields that no type defines, at any depth, in dicts and in Structs."""
    assert _read_body(generate("m", contents))["contents"][0]["parts"] == [sent]


def test_large_parts() -> None:
    """Large bytes beside unknown fields are sent once, in their place."""
    data = [bytes([number]) * 100_000 for number in range(3)]
    parts = [Part.from_bytes(data=each, mime_type="image/png") for each in data]
    body = _read_body(generate("m", [parts[0], replace(parts[1], extra={"new": 1}), parts[2]]))
    sent = body["contents"][0]["parts"]
    assert [msgspec.json.decode(json.dumps(each["inlineData"]["data"]), type=bytes) for each in sent] == data
    assert sent[1]["new"] == 1


def test_config_fields() -> None:
    """Unknown fields of a generation config are part of ``generationConfig``, and those of a tool part of the tool."""
    tools = [Tool(extra={"newTool": {}})]
    body = _read_body(generate("m", "hi", {"temperature": 0.5, "extra": {"newKnob": 1}, "tools": tools}))
    assert body["generationConfig"] == {"temperature": 0.5, "newKnob": 1}
    assert body["tools"] == [{"newTool": {}}]


@pytest.mark.parametrize("name", ["response_schema", "responseSchema"])
@pytest.mark.parametrize("kind", [dict, Schema])
def test_schemas(name: str, kind: Any) -> None:
    """Unknown fields of a schema are sent, at any depth, from dicts and from Schemas."""
    inner = kind(type="STRING", extra={"new": 1})
    schema = kind(type="OBJECT", properties={"extra": inner}, extra={"new": {"a": 1}})
    sent = _read_body(generate("m", "hi", {name: schema}))["generationConfig"]["responseSchema"]
    assert sent == {"type": "OBJECT", "new": {"a": 1}, "properties": {"extra": {"type": "STRING", "new": 1}}}


def test_collisions() -> None:
    """A field that the type defines is refused in ``extra``, with its path."""
    for name in ("inline_data", "inlineData"):
        with pytest.raises(InvalidRequest) as caught:
            generate("m", [{"parts": [{"text": "a"}, {"text": "b", "extra": {name: 1}}]}])
        assert caught.value.path == f"contents[0].parts[1].extra.{name}"


def test_snake_case() -> None:
    """A field that a server returns in snake case is that field, in a list and beside unknown fields, too."""
    parts = [{"inline_data": {"mime_type": "image/png", "data": "eA=="}, "thought_signature": "c2ln", "new_part": 1}]
    response = _decode_reply(_reply(*parts) | {"usage_metadata": {"total_token_count": "3"}})
    blob = Blob(mime_type="image/png", data=b"x")
    part = Part(inline_data=blob, thought_signature="c2ln", extra={"new_part": 1})
    assert response.candidates[0].content == Content(parts=(part,), role="model")
    assert response.usage_metadata == GenerateContentResponseUsageMetadata(total_token_count=3)


def test_both_spellings() -> None:
    """If a server returns a field in both spellings, the other one is an unknown field, and goes back as it came."""
    part = {"thoughtSignature": "c2ln", "thought_signature": "YQ=="}
    content = _decode_reply(_reply(part)).candidates[0].content
    assert content is not None
    assert content.parts == (Part(thought_signature="c2ln", extra={"thought_signature": "YQ=="}),)
    assert _read_body(generate("m", [Content(role="user"), content]))["contents"][1]["parts"] == [part]


@pytest.mark.parametrize("value", [Part(text="a", extra={}), [Part(text="a", extra={})]])
def test_no_extra_fields(value: Any) -> None:
    """An empty ``extra`` adds nothing to the JSON."""
    assert codec.encode(value).strip(b"[]") == b'{"text":"a"}'


def test_not_json() -> None:
    """A value in ``extra`` that is not JSON is refused, with its path."""
    with pytest.raises(InvalidRequest) as caught:
        generate("m", [{"parts": [{"text": "b", "extra": {"new": [object()]}}]}])
    assert caught.value.path == "contents[0].parts[0].extra.new[0]"


RESOURCES: Mapping[str, tuple[Request[Any], Any, Any]] = {
    "cache": (caches.get("c"), AT, {"name": "cachedContents/c", "new": 1}),
    "gemini-model": (models.get("m"), AT, {"name": "models/m", "new": 1}),
    "vertex-model": (models.get("m"), Vertex("p"), {"name": "publishers/google/models/m", "new": 1}),
    "gemini-batch": (batches.get("batches/b"), AT, {"name": "batches/b", "metadata": {"new": 1}}),
    "vertex-batch": (batches.get("1"), Vertex("p"), {"name": "projects/p/locations/l/batchPredictionJobs/1", "new": 1}),
    "gemini-tuning": (tunings.get("tunedModels/t"), AT, {"name": "tunedModels/t", "new": 1}),
    "vertex-tuning": (tunings.get("1"), Vertex("p"), {"name": "projects/p/locations/l/tuningJobs/1", "new": 1}),
}


_NEW = {"new": 1}
_VERTEX = Vertex("p")
_PREDICTIONS = {
    "predictions": [{"bytesBase64Encoded": "eA==", "safetyAttributes": {"scores": [1], **_NEW}, **_NEW}],
    **_NEW,
}
INNER_OBJECTS: Mapping[str, tuple[Request[Any], Any, Any, Callable[[Any], list[Any]]]] = {
    "images": (
        images.generate("m", "hi"),
        _VERTEX,
        _PREDICTIONS,
        lambda value: [value, value.generated_images[0], value.generated_images[0].safety_attributes],
    ),
    "upscaled": (images.upscale("m", {"image_bytes": b"x"}, "x2"), _VERTEX, _PREDICTIONS, lambda value: [value]),
    "edited": (
        images.edit("m", "hi", [{"reference_type": "REFERENCE_TYPE_RAW"}]),
        _VERTEX,
        _PREDICTIONS,
        lambda value: [value],
    ),
    "recontext": (images.recontext("m", {"prompt": "hi"}), _VERTEX, _PREDICTIONS, lambda value: [value]),
    "segments": (
        images.segment("m", {"image": {"image_bytes": b"x"}}),
        _VERTEX,
        _PREDICTIONS,
        lambda value: [value],
    ),
    "vectors": (
        embed("text-embedding-005", "hi"),
        _VERTEX,
        {"predictions": [{"embeddings": {"values": [1], "statistics": {"token_count": 1, **_NEW}, **_NEW}}], **_NEW},
        lambda value: [value, value.embeddings[0], value.embeddings[0].statistics],
    ),
    "predictions": (
        embed("text-embedding-005", "hi"),
        _VERTEX,
        {"predictions": [{"embeddings": {"values": [1]}, **_NEW}]},
        lambda value: [value.embeddings[0]],
    ),
    "gemini-videos": (
        operations.get("models/m/operations/o", GenerateVideosOperation),
        AT,
        {"response": {"@type": "t", "generateVideoResponse": {"generatedSamples": [{"video": _NEW, **_NEW}], **_NEW}}},
        lambda value: [value.response, value.response.generated_videos[0], value.response.generated_videos[0].video],
    ),
    "vertex-videos": (
        operations.get("projects/p/locations/l/publishers/google/models/m/operations/o", GenerateVideosOperation),
        _VERTEX,
        {"response": {"@type": "t", "videos": [_NEW], **_NEW}},
        lambda value: [value.response, value.response.generated_videos[0].video],
    ),
    "batch": (
        batches.get("batches/b"),
        AT,
        {"error": _NEW, "metadata": {"@type": "t", "output": {"responsesFile": "f", **_NEW}, **_NEW}},
        lambda value: [value, value.dest, value.error],
    ),
    "endpoints": (
        models.get("m"),
        _VERTEX,
        {"deployedModels": [{"endpoint": "e", **_NEW}]},
        lambda value: [value.endpoints[0]],
    ),
    "hyperparameters": (
        tunings.get("1"),
        _VERTEX,
        {"supervisedTuningSpec": {"hyperParameters": _NEW}, "preferenceOptimizationSpec": {"hyperParameters": _NEW}},
        lambda value: [
            value.supervised_tuning_spec.hyper_parameters,
            value.preference_optimization_spec.hyper_parameters,
        ],
    ),
}


@pytest.mark.parametrize("name", INNER_OBJECTS)
def test_inner_objects(name: str) -> None:
    """The objects inside a response keep unknown fields, also where they have another form on the wire."""
    request, at, reply, list_objects = INNER_OBJECTS[name]
    value = decode(request, HttpResponse(200, (), json.dumps(reply).encode()), at).unwrap()
    objects = list_objects(value)
    assert [each.extra for each in objects] == [_NEW] * len(objects)


@pytest.mark.parametrize("name", RESOURCES)
def test_resources(name: str) -> None:
    """Resources keep unknown fields where a backend sends them in another form than they have here."""
    request, at, reply = RESOURCES[name]
    value = decode(request, HttpResponse(200, (), json.dumps(reply).encode()), at).unwrap()
    assert value.extra == {"new": 1}


@many
@given(strategies.requests())
def test_every_request(request: Request[Any]) -> None:
    """No operation drops unknown fields of its arguments: they are sent, or the operation refuses them by name."""
    marks: dict[str, str] = {}
    operation = _mark(request.operation, marks)
    for at in (AT, Vertex("p")):
        encoded = encode(replace(request, operation=operation), at)
        if isinstance(encoded, Success) and not isinstance(body := encoded.unwrap().body, FileSlice):
            text = body if isinstance(body, bytes) else b"".join(body)
            assert [] == [path for mark, path in marks.items() if f'"{mark}":1'.encode() not in text]


def _mark(value: Any, marks: dict[str, str], path: str = "") -> Any:
    """Add an unknown field to each message, and enter its name and path in `marks`."""
    if isinstance(value, tuple):
        return tuple(_mark(each, marks, f"{path}[]") for each in value)
    if not isinstance(value, msgspec.Struct):
        return value
    changes = {name: _mark(getattr(value, name), marks, f"{path}.{name}") for name in value.__struct_fields__}
    if isinstance(value, OpenMessage):
        mark = f"mark{len(marks)}"
        marks[mark] = f"{path}: {type(value).__name__}"
        changes["extra"] = {mark: 1}
    return replace(value, **changes)


@given(st.lists(_new_fields, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None, database=None, derandomize=True)
def test_nested(levels: list[dict[str, Any]]) -> None:
    """Unknown fields are kept at every depth of an answer."""
    reply = {"candidates": [{**levels[0], "content": {**levels[-1], "parts": [levels[0]]}}]}
    assert json.loads(codec.encode(_decode_reply(reply))) == reply


def test_sdk_candidates() -> None:
    """Fields of an answer that only the server knows can be read."""
    response = _decode_reply({"candidates": [{"score": -0.25}], "usageMetadata": {"billablePromptUsage": {"x": 1}}})
    assert response.candidates == (Candidate(extra={"score": -0.25}),)
    assert response.usage_metadata is not None
    assert response.usage_metadata.extra == {"billablePromptUsage": {"x": 1}}


def test_extra_body_reaches_lists() -> None:
    """``extra_body`` merges into items of lists by their indices, appends at the next one, and refuses larger ones."""
    more = {"contents": {"0": {"parts": {"1": {"new": 1}, "2": {"text": "c"}}}}}
    body = _read_body(generate("m", ["a", "b"]) | with_options(extra_body=more))
    assert body["contents"] == [{"parts": [{"text": "a"}, {"text": "b", "new": 1}, {"text": "c"}], "role": "user"}]
    error = encode(generate("m", "a") | with_options(extra_body={"contents": {"2": {}}}), AT).failure()
    assert isinstance(error, InvalidRequest)
    assert error.path == "extra_body.contents.2"
    replaced = _read_body(generate("m", "a") | with_options(extra_body={"contents": [{"role": "model"}]}))
    assert replaced["contents"] == [{"role": "model"}]
