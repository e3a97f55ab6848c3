"""Damaged JSON in responses of status 200."""

from tests.cases.faults.outcomes import (
    JSON,
    MALFORMED,
    NO_TEXT,
    STREAM_READS,
    TOO_DEEP,
    TRUNCATED,
    WELL_FORMED,
    WRONG_TYPE,
    send_body,
)
from tests.support.faults.fault import Fault, Outcomes


def _json(name: str, body: bytes, outcomes: Outcomes) -> Fault:
    return Fault(f"JSON: {name}", send_body(body, ("content-type", "application/json; charset=UTF-8")), outcomes)


def _value(name: str, text: bytes, outcomes: Outcomes) -> Fault:
    """A response whose text is this JSON."""
    return _json(name, b'{"candidates": [{"content": {"parts": [{"text": ' + text + b"}]}}]}", outcomes)


JSON_BODIES = (
    _json("nothing", b"", TRUNCATED),
    _json("blanks", b" \r\n\t ", TRUNCATED),
    _json("half", JSON[: len(JSON) // 2], TRUNCATED),
    _json("all but the last byte", JSON[:-1], TRUNCATED),
    _json("twice", JSON * 2, STREAM_READS),
    _json("and more", JSON + b" x", TRUNCATED),
    _json("trailing comma", JSON[:-1] + b",}", MALFORMED),
    _json("single quotes", JSON.replace(b'"', b"'"), MALFORMED),
    _json("comment", b"// hi\n" + JSON, TRUNCATED),
    _json("prefix against scripts", b")]}'\n" + JSON, TRUNCATED),
    _json("callback", b"callback(" + JSON + b")", TRUNCATED),
    _json("HTML", b"<!doctype html><p>hi</p>", TRUNCATED),
    _json("byte order mark", b"\xef\xbb\xbf" + JSON, WELL_FORMED),
    _json("UTF-16", JSON.decode().encode("utf-16"), TRUNCATED),
    _json("UTF-32", JSON.decode().encode("utf-32"), TRUNCATED),
    _json("NULs at the end", JSON + bytes(9), TRUNCATED),
    _json("a number", b"42", TRUNCATED),
    _json("a text", b'"hi"', TRUNCATED),
    _json("null", b"null", TRUNCATED),
    _json("true", b"true", TRUNCATED),
    _json("an empty object", b"{}", NO_TEXT),
    _json("an empty list", b"[]", TRUNCATED),
    _json("a list of responses", b"[" + JSON + b"]", STREAM_READS),
    _json("wrong types", b'{"candidates": 7}', WRONG_TYPE),
    _json("an object for a list", b'{"candidates": {"a": 7}}', NO_TEXT),
    _json("null for a list", b'{"candidates": null}', NO_TEXT),
    _json("unknown fields", b'{"new": {"a": [1]}, ' + JSON[1:], WELL_FORMED),
    _json("the same field twice", JSON[:-1] + b', "candidates": []}', NO_TEXT),
    _json("deep list", b"[" * 100_000 + b"]" * 100_000, TRUNCATED),
    _json("deep list without end", b"[" * 100_000, TRUNCATED),
    _json("deep unknown field", b'{"new": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", TRUNCATED),
    _json("deep objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, TRUNCATED),
    _json("60,000 fields", b"{" + b",".join(b'"a%d":1' % n for n in range(60_000)) + b"}", NO_TEXT),
    _json("huge number", b'{"usageMetadata": {"totalTokenCount": 1e400}}', TRUNCATED),
    _json("number of 5,000 digits", b'{"usageMetadata": {"totalTokenCount": ' + b"9" * 5000 + b"}}", TRUNCATED),
    _json("fraction for a whole number", b'{"usageMetadata": {"totalTokenCount": 1.5}}', WRONG_TYPE),
    _json("NaN", b'{"usageMetadata": {"totalTokenCount": NaN}}', MALFORMED),
    _json("Infinity", b'{"usageMetadata": {"totalTokenCount": -Infinity}}', MALFORMED),
    _json(
        "function arguments nested 600 deep",
        b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": '
        + b"[" * 600
        + b"]" * 600
        + b"}}}]}}]}",
        TOO_DEEP,
    ),
    _value("not UTF-8", b'"\xff\xfe"', TRUNCATED),
    _value("half of a surrogate pair", b'"\\ud83d"', MALFORMED),
    _value("surrogate in UTF-8", b'"\xed\xa0\xbd"', TRUNCATED),
    _value("unknown escape", b'"\\x41"', MALFORMED),
    _value("line feed in a text", b'"a\nb"', MALFORMED),
    _value("NUL in a text", b'"a\x00b"', MALFORMED),
    _value("escaped NUL", b'"a\\u0000b"', WELL_FORMED),
    _value("text of 900 KB", b'"' + b"x" * 900_000 + b'"', WELL_FORMED),
    _value("text that is a number", b"7", WRONG_TYPE),
    _value("invalid base64", b'"a"}, {"inlineData": {"mimeType": "image/png", "data": "!!!"}', TRUNCATED),
)
