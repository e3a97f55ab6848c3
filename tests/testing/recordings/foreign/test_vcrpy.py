"""Cassettes of vcrpy: in YAML and JSON, with bodies of all kinds, matched by method, URL and body."""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml

from genai_fn import (
    ClientError,
    DecodeError,
    InvalidRequest,
    MissingExtra,
    NoAnswer,
    RateLimited,
    Success,
    collected,
    files,
    generate,
    live,
    streamed,
    text,
    with_http_response,
)
from genai_fn.testing import Fake, Replay, recording
from genai_fn.testing.recordings.foreign.formats import is_foreign_recording
from tests.support.cassettes import (
    GENERATE_URL,
    STREAM_URL,
    build_answer,
    build_gzip_interaction,
    build_interaction,
    dump_json,
    dump_yaml,
)

HI = generate("gemini-2.5-flash", "hi") | text
EVENTS = "".join(f"data: {build_answer(each)}\r\n\r\n" for each in ("Bon", "jour"))
KEY = "test-key-of-nobody"
each_dump = pytest.mark.parametrize("dump", [dump_yaml, dump_json])


def write_cassette(folder: Path, content: str | bytes, name: str = "cassette.yaml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# Bodies


@each_dump
def test_answer(tmp_path: Path, dump: Callable[..., str]) -> None:
    """The content shows the format, whatever the name of the file is."""
    path = write_cassette(tmp_path, dump(build_interaction("hi", build_answer("Bonjour ☀"))), "calls.jsonl")
    assert Success("Bonjour ☀") == Replay(path)(HI)


@each_dump
def test_stream(tmp_path: Path, dump: Callable[..., str]) -> None:
    """A stream is replayed event by event, also in async code."""
    path = write_cassette(tmp_path, dump(build_interaction("hi", EVENTS, url=STREAM_URL)))
    stream = generate("gemini-2.5-flash", "hi") | streamed | text
    assert Success(("Bon", "jour")) == Replay(path)(stream | collected)

    async def read() -> list[Any]:
        async with Replay(path).aio.stream(stream) as items:
            return [each async for each in items]

    assert [Success("Bon"), Success("jour")] == trio.run(read)


def test_gzip(tmp_path: Path) -> None:
    """A compressed body is decompressed."""
    path = write_cassette(tmp_path, dump_yaml(build_gzip_interaction("hi", build_answer("Bonjour"))))
    assert "!!binary" in path.read_text()
    assert Success("Bonjour") == Replay(path)(HI)


def test_decompressed(tmp_path: Path) -> None:
    """A body that was recorded decompressed is read although its header states gzip or brotli."""
    interactions = [
        build_interaction("hi", build_answer("Bonjour"), headers={"content-encoding": [encoding]})
        for encoding in ("gzip", "br")
    ]
    replay = Replay(write_cassette(tmp_path, dump_yaml(*interactions)), in_order=True)
    assert [Success("Bonjour"), Success("Bonjour")] == [replay(HI), replay(HI)]


def test_base64(tmp_path: Path) -> None:
    """A body may be base64, as ``base64_string``."""
    interaction = build_interaction("hi", "")
    compressed = gzip.compress(build_answer("Bonjour").encode())
    interaction["response"]["body"] = {"base64_string": base64.encodebytes(compressed).decode()}
    interaction["response"]["headers"]["content-encoding"] = "gzip"
    assert Success("Bonjour") == Replay(write_cassette(tmp_path, dump_json(interaction)))(HI)


def test_parsed_body(tmp_path: Path) -> None:
    """Bodies may be trees, as ``parsed_body``."""
    interaction = build_interaction("hi", "")
    for each, body in (("request", interaction["request"]["body"]), ("response", build_answer("Bonjour"))):
        interaction[each]["parsed_body"] = json.loads(body)
        del interaction[each]["body"]
    assert Success("Bonjour") == Replay(write_cassette(tmp_path, dump_yaml(interaction)))(HI)


def test_old_format(tmp_path: Path) -> None:
    """The responses that vcrpy before 6 recorded of httpx are read."""
    interaction = build_interaction("hi", "")
    interaction["response"] = {"content": build_answer("Bonjour"), "headers": {}, "status_code": 200}
    assert Success("Bonjour") == Replay(write_cassette(tmp_path, dump_yaml(interaction)))(HI)


@pytest.mark.parametrize(
    "body",
    [
        "!!python/object/new:_io.BytesIO\n      state: !!python/tuple [!!binary {}, 0, null]",
        "!!python/object/apply:builtins.iter\n      args: [[!!binary {}]]",
        "!!python/tuple [!!binary {}]",
        "!!binary {}",
        "!!python/unicode '{}'",
    ],
)
def test_request_bodies(tmp_path: Path, body: str) -> None:
    """Request bodies of all kinds that vcrpy writes are compared."""
    content = '{"contents": [{"parts": [{"text": "hi"}], "role": "user"}]}'
    shown = body.format(content if "unicode" in body else base64.b64encode(content.encode()).decode())
    text_of_one = dump_yaml(build_interaction(None, build_answer("Bonjour"))).replace("body: ''", f"body: {shown}")
    replay = Replay(write_cassette(tmp_path, text_of_one))
    assert Success("Bonjour") == replay(HI)
    assert isinstance(replay(generate("gemini-2.5-flash", "ho")).failure(), NoAnswer)


def test_aliases(tmp_path: Path) -> None:
    """Interactions that share values, which YAML writes once, are read."""
    shared = build_interaction("hi", build_answer("Bonjour"))
    path = write_cassette(tmp_path, dump_yaml(shared, shared))
    assert "*id001" in path.read_text()
    replay = Replay(path, in_order=True)
    assert [Success("Bonjour"), Success("Bonjour")] == [replay(HI), replay(HI)]


# Matching


def test_repeated(tmp_path: Path) -> None:
    """Equal requests get their responses one after another, then the last one again and again."""
    path = write_cassette(tmp_path, dump_yaml(*(build_interaction("hi", build_answer(each)) for each in "ab")))
    replay = Replay(path)
    assert [Success(each) for each in "abbb"] == [replay(HI) for _ in range(4)]


def test_in_order(tmp_path: Path) -> None:
    """With ``in_order``, only the next call of the API matches; requests for tokens do not count."""
    token = build_interaction(None, "{}", url="https://oauth2.googleapis.com/token")
    calls = [build_interaction(each, build_answer(each.upper())) for each in ("hi", "ho")]
    replay = Replay(write_cassette(tmp_path, dump_yaml(calls[0], token, calls[1])), in_order=True)
    missed = replay(generate("gemini-2.5-flash", "ho")).failure()
    assert isinstance(missed, NoAnswer)
    assert "interaction 1 of cassette.yaml:2" in str(missed)
    assert [Success("HI"), Success("HO")] == [replay(HI), replay(generate("gemini-2.5-flash", "ho") | text)]
    assert "cassette.yaml has no more interactions" in str(replay(HI).failure())


@pytest.mark.parametrize(
    "url",
    [
        f"{GENERATE_URL}?key=another-key-of-nobody",
        GENERATE_URL.replace("v1beta", "v1"),
        GENERATE_URL.replace("https://generativelanguage.googleapis.com", "http://127.0.0.1:8080/proxy"),
    ],
)
def test_lenient_urls(tmp_path: Path, url: str) -> None:
    """Keys, hosts and versions in URLs do not matter."""
    assert Success("Bonjour") == Replay(
        write_cassette(tmp_path, dump_json(build_interaction("hi", build_answer("Bonjour"), url=url)))
    )(HI)


def test_vertex(tmp_path: Path) -> None:
    """A cassette of Vertex AI is replayed as that, whatever the project is."""
    url = (
        "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/scrubbed!/locations/us-central1"
        "/publishers/google/models/gemini-2.5-flash:generateContent"
    )
    path = write_cassette(tmp_path, dump_yaml(build_interaction("hi", build_answer("Bonjour"), url=url)))
    assert Success("Bonjour") == Replay(path)(HI)


def test_redacted(tmp_path: Path) -> None:
    """``{REDACTED}`` in a recorded body matches any value, a body that is null matches any body."""
    interactions = [build_interaction("{REDACTED}", build_answer("one")), build_interaction("", build_answer("two"))]
    interactions[1]["request"]["body"] = None
    replay = Replay(write_cassette(tmp_path, dump_yaml(*interactions)), in_order=True)
    assert [Success("one"), Success("two")] == [replay(HI), replay(HI)]


def test_no_answer(tmp_path: Path) -> None:
    """A request that was not recorded is shown with the most similar one, its file and its line."""
    replay = Replay(write_cassette(tmp_path, dump_yaml(build_interaction("hi", build_answer("x")))))
    missed = replay(generate("gemini-2.5-flash", "ho")).failure()
    assert isinstance(missed, NoAnswer)
    lines = missed.nearest.splitlines()
    assert lines[0] == "interaction 1 of cassette.yaml:2, where - is the recording, and + is the request"
    assert ['-             "text": "hi"', '+             "text": "ho"'] == [each for each in lines if each[0] in "-+"]


def test_nearest_of_long_requests(tmp_path: Path) -> None:
    """The most similar request is the one with the fewest differences, not the one that begins in the same way."""
    config = {"temperature": 0.5, "stopSequences": [f"stop at {number}" for number in range(20)]}
    similar = build_interaction("ho", build_answer("x"))
    similar["request"]["body"] = json.dumps({**json.loads(similar["request"]["body"]), "generationConfig": config})
    replay = Replay(write_cassette(tmp_path, dump_yaml(build_interaction("hi", build_answer("x")), similar)))
    missed = replay(generate("gemini-2.5-flash", "hi", config)).failure()
    assert missed.nearest.startswith("interaction 2 of cassette.yaml:")


def test_retries(tmp_path: Path) -> None:
    """Each attempt is an interaction, so a retry gets the next response."""
    error = json.dumps({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}})
    first = build_interaction("hi", error, status=429)
    path = write_cassette(tmp_path, dump_yaml(first, build_interaction("hi", build_answer("Bonjour"))))
    assert Success("Bonjour") == Replay(path)(HI)
    path = write_cassette(tmp_path, dump_yaml(first))
    assert isinstance(Replay(path)(HI).failure(), RateLimited)


def test_upload(tmp_path: Path) -> None:
    """An upload is replayed with its session URL and its bytes."""
    session = (
        "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=abcdefgh&upload_protocol=resumable"
    )
    start = build_interaction(
        None,
        "",
        url=session.partition("?")[0],
        headers={"x-goog-upload-url": [session], "x-goog-upload-status": ["active"]},
    )
    start["request"]["body"] = json.dumps({"file": {"mimeType": "text/plain", "sizeBytes": 2}})
    end = build_interaction(
        None, '{"file": {"name": "files/a"}}', url=session, headers={"x-goog-upload-status": ["final"]}
    )
    end["request"]["body"] = b"\xff\x00"
    (tmp_path / "two").write_bytes(b"\xff\x00")
    replay = Replay(write_cassette(tmp_path, dump_yaml(start, end)))
    assert replay(files.upload(str(tmp_path / "two"), {"mime_type": "text/plain"})).unwrap().name == "files/a"


def test_live(tmp_path: Path) -> None:
    """Cassettes contain no live sessions."""
    replay = Replay(write_cassette(tmp_path, dump_yaml()))

    async def read_all() -> list[Any]:
        async with replay.aio.live(live.connect("m")) as session:
            return [each async for each in session]

    *_, last = trio.run(read_all)
    assert isinstance(last.failure(), NoAnswer)


# What does not fit


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("interactions:", "interactions: 5\nothers:"), 1),
        (("code: 200", "code: ok"), 19),
        (("code: 200", "code: 99"), 19),
        (("code: 200", "code: true"), 19),
        (("  response:", "  answer:"), 2),
        (("    status:\n      code: 200\n      message: OK\n", ""), 12),
        (("string: x", "string: [{}]"), 14),
        (("    uri: h", "    url: h"), 3),
        (("    method: POST", "    method: [POST]"), 10),
        (("      x-goog-api-key:\n      - t", "      x-goog-api-key:\n      - {}\n      - t"), 7),
        (("    method: POST", "    method: !ruby/object POST"), 10),
        (("    method: POST", "    method: !!python/name:os.system ''"), 10),
        (("    method: POST", "    method: !!python/object/apply:os.system [x]"), 10),
        (("    method: POST", "    method: *other"), 10),
        (("    method: POST", "    method: {[1]: 2}"), 10),
        (("    method: POST", "    method: &a [*a]"), 10),
        (("    method: POST", "    method: !!binary '%'"), 10),
        (("    method: POST", "    method: !!int x"), 10),
        (("    method: POST", f"    method: {'9' * 5000}"), 10),
        (("    method: POST", f"    method: !!int '{':59' * 500_000}'"), 10),
        (("    method: POST", "    method: 99999999999999999999"), 10),
        (("    method: POST", '    method: "\\ud800"'), 10),
        (("    method: POST", "    method: \tPOST: a"), 10),
        (("    method: POST", "    method: 'POST"), 10),
        (("    method: POST", "    method: \x01"), 10),
        (("    method: POST", f"    method: {'[' * 500}"), 10),
        (("    method: POST", f"    method: {'[' * 200}{']' * 200}"), 10),
        (("version: 1", "---\nversion: 1"), 21),
        (("version: 1", "version: 1\n  a: b"), 22),
    ],
    ids=repr,
)
def test_wrong_yaml(tmp_path: Path, change: tuple[str, str], line: int) -> None:
    """What does not fit is refused at once, with the file and the line, and without the key."""
    whole = dump_yaml(build_interaction("hi", "x"))
    changed = whole.replace(*change)
    assert changed != whole
    with pytest.raises(InvalidRequest) as raised:
        Replay(write_cassette(tmp_path, changed))
    found = int(raised.value.path.removeprefix("cassette.yaml:"))
    assert abs(found - line) <= 1, (found, str(raised.value))
    assert KEY not in repr(raised.value)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (('"code": 200', '"code": "200"'), 27),
        (('"code": 200', '"code" 200'), 27),
        (('"code": 200', '"code": \x01'), 27),
        (('"status": {', '"state": {'), 20),
        (('"method": "POST"', f'"method": {"[" * 300}{"]" * 300}'), 14),
        (('"method": "POST"', f'"method": {"[" * 300}'), 14),
    ],
    ids=repr,
)
def test_wrong_json(tmp_path: Path, change: tuple[str, str], line: int) -> None:
    """JSON that does not fit is refused in the same way."""
    whole = dump_json(build_interaction("hi", "x"))
    changed = whole.replace(*change)
    assert changed != whole
    with pytest.raises(InvalidRequest) as raised:
        Replay(write_cassette(tmp_path, changed))
    assert abs(int(raised.value.path.removeprefix("cassette.yaml:")) - line) <= 3, str(raised.value)
    assert KEY not in repr(raised.value)


def test_not_utf_8(tmp_path: Path) -> None:
    """A file that is not UTF-8 is refused with its line."""
    with pytest.raises(InvalidRequest, match=r"cassette\.yaml:2"):
        Replay(write_cassette(tmp_path, b"interactions:\n- \xff"))


def test_repeated_aliases(tmp_path: Path) -> None:
    """Aliases that repeat billions of values are refused before anything repeats them."""
    lines = ["metadata:", "- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    with pytest.raises(InvalidRequest, match=r"cassette\.yaml:\d+.*aliases"):
        Replay(write_cassette(tmp_path, "\n".join([*lines, "interactions: []"])))


@pytest.mark.parametrize("size", range(0, 4000, 100))
@each_dump
def test_cut(tmp_path: Path, dump: Callable[..., str], size: int) -> None:
    """A cassette that was cut is refused with file and line, or, at the end of an entry in YAML, has fewer entries."""
    interactions = [build_interaction(str(number), build_answer("Bonjour") + "\n" * 10) for number in range(4)]
    whole = dump(
        *interactions, build_gzip_interaction("hi", build_answer("Bonjour")) if dump is dump_yaml else {}
    ).encode()
    assert len(whole) > size or dump is dump_yaml
    path = write_cassette(tmp_path, whole[:size])
    try:
        replay = Replay(path)
    except InvalidRequest as error:
        assert error.path.startswith("cassette.yaml:")
        assert 1 <= int(error.path.partition(":")[2]) <= whole[:size].count(b"\n") + 1
        assert KEY not in repr(error)
    else:
        assert dump is dump_yaml or size == 0
        answers = [replay(generate("gemini-2.5-flash", str(number)) | text) for number in range(4)]
        kinds = [type(each) for each in answers]
        assert kinds == sorted(kinds, key=lambda kind: kind is not Success)
        assert {Success("Bonjour")} >= {each for each in answers if isinstance(each, Success)}


def test_undecodable(tmp_path: Path) -> None:
    """A response that cannot be decoded names the interaction that it comes from."""
    error = Replay(write_cassette(tmp_path, dump_yaml(build_interaction("hi", "not JSON"))))(HI).failure()
    assert isinstance(error, DecodeError)
    assert "in interaction 1 of cassette.yaml:2" in error.expected


def test_without_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyYAML, a cassette in YAML states what to install; one in JSON needs nothing."""
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(MissingExtra, match="pyyaml"):
        Replay(write_cassette(tmp_path, dump_yaml()))
    assert Success("x") == Replay(write_cassette(tmp_path, dump_json(build_interaction("hi", build_answer("x")))))(HI)


@pytest.mark.parametrize("mode", ["replay", "auto"])
def test_recording(tmp_path: Path, mode: Any) -> None:
    """`recording` does not replay cassettes, and leaves them unchanged."""
    path = write_cassette(tmp_path, json.dumps({"interactions": [build_interaction("hi", "x")]}))
    original = path.read_bytes()
    with pytest.raises(InvalidRequest, match="only Replay") as raised:
        recording(Fake(), path, mode)
    assert KEY not in repr(raised.value)
    assert original == path.read_bytes()


@pytest.mark.parametrize("head", [b" " * 1_000_000, b"\n" * 1_000_000, b"#\n \n" * 200_000, b"---\n" * 200_000])
def test_long_head(head: bytes) -> None:
    """However many blanks and comments precede the first key, each is read once, not once for every other."""
    assert is_foreign_recording(head + b"{interactions: []}")
    assert not is_foreign_recording(head + b"{others: []}")


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_hostile_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: str) -> None:
    """With and without the C parser, deep, endless and self-containing YAML is an error."""
    monkeypatch.setattr(yaml, "CSafeLoader", getattr(yaml, loader))
    texts = [
        f"interactions: {bracket * 5_000}" for bracket in ("[", "{a: ", "- ", "? ", "&a ", "!a ", "'", '"', "|", "*a")
    ]
    for content in (*texts, "interactions: &a [*a]", "interactions: !!set {a}", "interactions:\n  <<: *a"):
        with pytest.raises(InvalidRequest, match=r"cassette\.yaml:\d"):
            Replay(write_cassette(tmp_path, content))
    replay = Replay(write_cassette(tmp_path, dump_yaml(build_gzip_interaction("hi", build_answer("Bonjour")))))
    assert Success("Bonjour") == replay(HI)


# Secrets


def test_secrets(tmp_path: Path) -> None:
    """Recorded keys, of headers and URLs, are in no error, although the server repeats them."""
    url_key = "key-in-the-url-of-nobody"
    body = json.dumps({"error": {"code": 400, "message": f"bad {KEY} and {url_key}", "status": "INVALID_ARGUMENT"}})
    path = write_cassette(
        tmp_path,
        dump_yaml(
            build_interaction("hi", body, url=f"{GENERATE_URL}?key={url_key}", status=400), build_interaction(KEY, body)
        ),
    )
    replay = Replay(path)
    refused, missed = replay(HI).failure(), replay(generate("gemini-2.5-flash", "test-key-of-somebody")).failure()
    assert isinstance(refused, ClientError)
    for each in (refused, missed, replay):
        assert KEY not in repr(each) + str(each)
        assert url_key not in repr(each) + str(each)


@pytest.mark.parametrize("headers", [{"x": "secret-of-nobody"}, {"x": {"y": {"api_key": "secret-of-nobody"}}}])
def test_secret_fields(tmp_path: Path, headers: dict[str, Any]) -> None:
    """Fields of a recorded body that contain keys are masked in the description of the nearest request."""
    interaction = build_interaction(None, "{}")
    interaction["request"]["body"] = json.dumps({"tools": [{"mcpServers": [{"headers": headers}]}]})
    missed = Replay(write_cassette(tmp_path, dump_yaml(interaction)))(HI).failure()
    assert isinstance(missed, NoAnswer)
    assert "mcp_servers" in missed.nearest
    assert "secret-of-nobody" not in missed.nearest


def test_response_headers(tmp_path: Path) -> None:
    """Recorded response headers are those of the HTTP response."""
    interaction = build_interaction("hi", build_answer("x"), headers={"X-Many": ["1", "2"]})
    replay = Replay(write_cassette(tmp_path, dump_yaml(interaction)))
    http = replay(generate("gemini-2.5-flash", "hi") | with_http_response).unwrap().http
    assert [("x-many", "1"), ("x-many", "2")] == [each for each in http.headers if each[0] == "x-many"]
