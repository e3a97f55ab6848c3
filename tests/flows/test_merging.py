"""Merging the chunks of a stream into one response."""

from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from genai_fn import InvalidRequest
from genai_fn.flows.merge import merge_chunks
from genai_fn.schema import Content, FinishReason, FunctionCall, GenerateContentResponse, Part
from tests.support.call_counts import is_linear


def decode_chunks(*trees: dict[str, Any]) -> list[GenerateContentResponse]:
    """Decode responses."""
    return [msgspec.convert(tree, GenerateContentResponse, strict=False) for tree in trees]


def build_chunk(*parts: dict[str, Any], index: int | None = None, **fields: Any) -> dict[str, Any]:
    """Build a chunk with one candidate."""
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": list(parts)},
                **({} if index is None else {"index": index}),
                **fields,
            }
        ]
    }


def merge_parts(*trees: dict[str, Any]) -> tuple[Part, ...]:
    """Merge chunks, and return the parts of the first candidate."""
    return merge_chunks(decode_chunks(*trees)).parts


def test_texts() -> None:
    """Texts are concatenated."""
    assert merge_chunks(["a", "", "b"]) == "ab"
    assert merge_parts(build_chunk({"text": "a"}), build_chunk({"text": "b"}, {"text": "c"})) == (Part(text="abc"),)


def test_thoughts_stay_apart() -> None:
    """Thoughts and answers are not merged."""
    thought_part = {"text": "hm", "thought": True}
    assert merge_parts(
        build_chunk(thought_part),
        build_chunk(thought_part),
        build_chunk({"text": "a"}),
        build_chunk({"text": "b"}),
        build_chunk(thought_part),
    ) == (
        Part(text="hmhm", thought=True),
        Part(text="ab"),
        Part(text="hm", thought=True),
    )


def test_signatures_stay_on_their_part() -> None:
    """A part with a signature is unchanged, even an empty one, and so are its neighbours."""
    signature = {"thoughtSignature": "AB-_"}
    found = merge_parts(
        build_chunk({"text": "a"}),
        build_chunk({"text": "b", **signature}),
        build_chunk({"text": "c"}),
        build_chunk({"text": "d"}),
        build_chunk({"text": "", **signature}),
    )
    assert found == (
        Part(text="a"),
        Part(text="b", thought_signature="AB-_"),
        Part(text="cd"),
        Part(text="", thought_signature="AB-_"),
    )


def test_other_parts_stay() -> None:
    """Calls, files and code keep their places between texts."""
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    assert merge_parts(
        build_chunk({"text": "a"}), build_chunk(call), build_chunk(call), build_chunk({"text": "b"})
    ) == (
        Part(text="a"),
        Part(function_call=FunctionCall(name="f", args={"a": 1})),
        Part(function_call=FunctionCall(name="f", args={"a": 1})),
        Part(text="b"),
    )


def test_candidates_by_index() -> None:
    """Candidates are matched by index, in any order; without an index it is the first."""
    merged = merge_chunks(
        decode_chunks(
            build_chunk({"text": "b"}, index=1),
            build_chunk({"text": "a"}),
            build_chunk({"text": "A"}, index=0),
            build_chunk({"text": "B"}, index=1),
        )
    )
    assert [candidate.content and candidate.content.parts for candidate in merged.candidates] == [
        (Part(text="aA"),),
        (Part(text="bB"),),
    ]


def test_usage() -> None:
    """The last token counts win, field by field; zero counts, null does not."""
    merged = merge_chunks(
        decode_chunks(
            {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1, "thoughtsTokenCount": 7}},
            {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 9, "thoughtsTokenCount": 0}},
            {"usageMetadata": {"totalTokenCount": 14}},
            {},
        )
    )
    usage = merged.usage_metadata
    assert usage is not None
    assert (
        usage.prompt_token_count,
        usage.candidates_token_count,
        usage.thoughts_token_count,
        usage.total_token_count,
    ) == (5, 9, 0, 14)


def test_last_metadata_wins() -> None:
    """The finish reason and the model version are kept if a later chunk has none."""
    merged = merge_chunks(
        decode_chunks(
            {"modelVersion": "m-1", "responseId": "r"},
            build_chunk({"text": "a"}, finishReason="STOP"),
            build_chunk({"text": ""}),
        )
    )
    assert (merged.model_version, merged.response_id, merged.candidates[0].finish_reason) == (
        "m-1",
        "r",
        FinishReason.STOP,
    )


def test_citations_and_logprobs() -> None:
    """Citations are collected without duplicates; logprobs are concatenated."""
    one, two = {"uri": "https://a"}, {"uri": "https://b"}
    merged = merge_chunks(
        decode_chunks(
            build_chunk(citationMetadata={"citations": [one]}, logprobsResult={"chosenCandidates": [{"token": "a"}]}),
            build_chunk(
                citationMetadata={"citations": [one, two]}, logprobsResult={"chosenCandidates": [{"token": "b"}]}
            ),
            build_chunk(),
        )
    ).candidates[0]
    assert merged.citation_metadata is not None
    assert merged.logprobs_result is not None
    assert [each.uri for each in merged.citation_metadata.citations] == ["https://a", "https://b"]
    assert [each.token for each in merged.logprobs_result.chosen_candidates] == ["a", "b"]


def test_chunks_without_content() -> None:
    """Chunks without content neither add nor remove content."""
    assert merge_chunks(decode_chunks({}, {})) == GenerateContentResponse()
    merged = merge_chunks(
        decode_chunks({"candidates": [{}]}, build_chunk({"text": "a"}), {"candidates": [{"finishReason": "STOP"}]})
    )
    assert merged.candidates[0].content == Content(role="model", parts=(Part(text="a"),))
    assert merge_chunks(decode_chunks({"promptFeedback": {"blockReason": "SAFETY"}}, {})).prompt_feedback is not None


def test_one() -> None:
    """One chunk is returned as it is."""
    (response,) = decode_chunks(build_chunk({"text": "a"}, {"text": "b"}, index=3))
    assert merge_chunks([response]) == response


@pytest.mark.parametrize("parts", ([1, 2], ["a", 1], [GenerateContentResponse(), "a"]), ids=repr)
def test_other_items(parts: list[Any]) -> None:
    """Items that are neither texts nor responses are a mistake that names `collected`."""
    with pytest.raises(InvalidRequest, match="collected"):
        merge_chunks(parts)


PART = st.sampled_from(
    [
        {"text": "a"},
        {"text": "b"},
        {"text": "", "thoughtSignature": "AA=="},
        {"text": "t", "thought": True},
        {"functionCall": {"name": "f"}},
    ]
)


@given(st.lists(st.lists(PART, max_size=3), min_size=1, max_size=6), st.data())
def test_any_grouping(lists: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    """The result does not depend on the grouping of chunks; only plain texts are changed."""
    parts = decode_chunks(*(build_chunk(*each) for each in lists))
    middle = data.draw(st.integers(0, len(parts)))
    merged_groups = [merge_chunks(group) for group in (parts[:middle], parts[middle:]) if group]
    assert merge_chunks(merged_groups) == merge_chunks(parts)
    merged_parts = [part for response in parts for part in response.parts]
    assert [part for part in merge_chunks(parts).parts if part.text is None or part.thought_signature] == [
        part for part in merged_parts if part.text is None or part.thought_signature
    ]
    assert "".join(part.text or "" for part in merge_chunks(parts).parts) == "".join(
        part.text or "" for part in merged_parts
    )


@pytest.mark.parametrize(
    "parts",
    [
        ({"text": "a"}, {"text": "b", "thought": True}),
        ({"text": "a"},),
        ({"text": "a", "thoughtSignature": "AA=="}, {"functionCall": {"name": "f"}}),
    ],
    ids=["text and thought", "text", "parts that are not merged"],
)
def test_takes_linear_time(parts: tuple[dict[str, Any], ...]) -> None:
    """Twice as many chunks take twice the work, whatever their parts are."""

    def build(size: int) -> Any:
        chunks = [
            build_chunk(parts[number % len(parts)], citationMetadata={"citations": [{"uri": f"https://a/{number}"}]})
            for number in range(size)
        ]
        return partial(merge_chunks, decode_chunks(*chunks))

    assert is_linear(build, 100)
