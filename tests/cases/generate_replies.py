"""Responses to ``generate``: every field, in valid and in unexpected forms."""

from collections.abc import Mapping
from typing import Any, TypeAlias

Reply: TypeAlias = Mapping[str, Any]


def build_candidate(**fields: Any) -> Reply:
    return {"candidates": [fields]}


def build_parts_reply(*parts: Any) -> Reply:
    return build_candidate(content={"role": "model", "parts": list(parts)}, finishReason="STOP", index=0)


def build_grounded_reply(**metadata: Any) -> Reply:
    return build_candidate(groundingMetadata=metadata)


def build_usage_reply(**usage: Any) -> Reply:
    return {"usageMetadata": usage}


_RATING = {"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}
_DETAILS = [{"modality": "TEXT", "tokenCount": 5}, {"modality": "IMAGE", "tokenCount": "258"}]
_CITATION = {
    "startIndex": 0,
    "endIndex": "12",
    "uri": "https://h.test/a",
    "title": "T",
    "license": "mit",
    "publicationDate": {"year": 2024, "month": 2, "day": 29},
}
_TOKEN = {"token": " the", "tokenId": 262, "logProbability": -0.0012}

REPLIES: Mapping[str, Reply] = {
    "empty": {},
    "no-candidates": {"candidates": []},
    "text": build_parts_reply({"text": "hello"}),
    "texts": build_parts_reply({"text": "a"}, {"text": ""}, {"text": "\u00e9\u4e16\U0001f600\u2028"}),
    "two-candidates": {"candidates": [{"index": 0, "tokenCount": 1}, {"index": 1, "tokenCount": 2}]},
    "empty-candidate": build_candidate(),
    "empty-content": build_candidate(content={}),
    "role-without-parts": build_candidate(content={"role": "model"}, finishReason="MAX_TOKENS"),
    "no-parts": build_candidate(content={"role": "model", "parts": []}),
    "empty-part": build_parts_reply({}),
    "whole": {
        **build_parts_reply({"text": "hello"}),
        "createTime": "2025-01-02T03:04:05.678901Z",
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
    },
    # Finish reasons and times
    **{
        f"finish-{reason.lower()}": build_candidate(finishReason=reason)
        for reason in ("STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "MALFORMED_FUNCTION_CALL", "NO_IMAGE")
    },
    "finish-new": build_candidate(finishReason="TIRED", finishMessage="of it"),
    "finish-new-in-lower": build_candidate(finishReason="tired_of_it"),
    "finish-lower": build_candidate(finishReason="max_tokens"),
    "average-logprobs": build_candidate(avgLogprobs=-0.25, tokenCount=7),
    "average-logprobs-whole": build_candidate(avgLogprobs=-1),
    "create-time": {"createTime": "2025-01-02T03:04:05Z"},
    "create-time-nine-digits": {"createTime": "2025-01-02T03:04:05.123456000Z"},
    "create-time-three-digits": {"createTime": "2025-01-02T03:04:05.123Z"},
    "create-time-offset": {"createTime": "2025-01-02T03:04:05+02:00"},
    # Safety
    "blocked": {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": [{**_RATING, "blocked": True}]}},
    "blocked-message": {"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "because"}},
    "blocked-new": {"promptFeedback": {"blockReason": "MOOD"}},
    "blocked-empty": {"promptFeedback": {}},
    "rated": build_candidate(safetyRatings=[_RATING, {**_RATING, "blocked": False}]),
    "rated-scores": build_candidate(
        safetyRatings=[
            {
                **_RATING,
                "probabilityScore": 0.1,
                "severity": "HARM_SEVERITY_LOW",
                "severityScore": 1,
                "overwrittenThreshold": "BLOCK_NONE",
            }
        ]
    ),
    "rated-new": build_candidate(safetyRatings=[{"category": "HARM_NEW", "probability": "SO_SO", "severity": "s"}]),
    # Parts
    "thought": build_parts_reply({"text": "hm", "thought": True}, {"text": "so", "thought": False}),
    "thought-signature": build_parts_reply({"text": "x", "thoughtSignature": "AQID"}),
    "thought-signature-safe": build_parts_reply({"text": "x", "thoughtSignature": "--__"}),
    "function-call": build_parts_reply(
        {"functionCall": {"id": "c1", "name": "f", "args": {"a_b": [1, None, {"cD": 0.5}]}}}
    ),
    "function-call-bare": build_parts_reply({"functionCall": {"name": "f"}}),
    "function-call-empty-args": build_parts_reply({"functionCall": {"name": "f", "args": {}}}),
    "function-calls": build_parts_reply(
        {"functionCall": {"name": "f", "args": {}}}, {"functionCall": {"name": "g", "args": {}}}
    ),
    "function-call-partial": build_parts_reply(
        {
            "functionCall": {
                "name": "f",
                "partialArgs": [
                    {"jsonPath": "$.a", "stringValue": "x", "willContinue": True},
                    {"jsonPath": "$.b", "numberValue": 1},
                    {"jsonPath": "$.c", "boolValue": False},
                    {"jsonPath": "$.d", "nullValue": "NULL_VALUE"},
                ],
                "willContinue": True,
            }
        }
    ),
    "function-response": build_parts_reply(
        {
            "functionResponse": {
                "id": "c1",
                "name": "f",
                "response": {"k": None},
                "scheduling": "SILENT",
                "willContinue": False,
            }
        }
    ),
    "function-response-parts": build_parts_reply(
        {
            "functionResponse": {
                "name": "f",
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": "+/8=", "displayName": "n"}},
                    {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/f", "displayName": "n"}},
                ],
            }
        }
    ),
    "executable-code": build_parts_reply({"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
    "executable-code-new-language": build_parts_reply({"executableCode": {"language": "COBOL", "code": ""}}),
    "code-result": build_parts_reply({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}),
    "code-result-new": build_parts_reply({"codeExecutionResult": {"outcome": "OUTCOME_ODD"}}),
    "inline-data": build_parts_reply({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}),
    "inline-data-safe": build_parts_reply({"inlineData": {"mimeType": "a/b", "data": "-_8="}}),
    "inline-data-standard": build_parts_reply({"inlineData": {"mimeType": "a/b", "data": "+/8=", "displayName": "n"}}),
    "inline-data-empty": build_parts_reply({"inlineData": {"mimeType": "a/b", "data": ""}}),
    "file-data": build_parts_reply({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v", "displayName": "n"}}),
    "video-metadata": build_parts_reply(
        {"text": "x", "videoMetadata": {"startOffset": "1.500000001s", "endOffset": "3s", "fps": 24}}
    ),
    "media-resolution": build_parts_reply(
        {"text": "x", "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH", "numTokens": "5"}}
    ),
    # Grounding
    "grounding-empty": build_grounded_reply(),
    "grounding-web": build_grounded_reply(
        webSearchQueries=["q"],
        searchEntryPoint={"renderedContent": "<div>", "sdkBlob": "e30="},
        groundingChunks=[{"web": {"uri": "https://h.test", "title": "T", "domain": "h.test"}}],
        groundingSupports=[
            {
                "segment": {"partIndex": 0, "startIndex": 1, "endIndex": 9, "text": "x"},
                "groundingChunkIndices": [0],
                "confidenceScores": [1, 0.5],
            }
        ],
        retrievalMetadata={"googleSearchDynamicRetrievalScore": 0.75},
    ),
    "grounding-no-scores": build_grounded_reply(groundingSupports=[{"segment": {}, "groundingChunkIndices": []}]),
    "grounding-maps": build_grounded_reply(
        googleMapsWidgetContextToken="widget",
        groundingChunks=[
            {
                "maps": {
                    "uri": "https://h.test",
                    "title": "T",
                    "text": "t",
                    "placeId": "places/p",
                    "placeAnswerSources": {
                        "flagContentUri": "https://h.test/f",
                        "reviewSnippets": [
                            {
                                "authorAttribution": {"displayName": "n", "photoUri": "p", "uri": "u"},
                                "flagContentUri": "f",
                                "googleMapsUri": "g",
                                "relativePublishTimeDescription": "a year ago",
                                "review": "r",
                                "reviewId": "i",
                                "title": "T",
                            }
                        ],
                    },
                }
            }
        ],
        sourceFlaggingUris=[{"sourceId": "s", "flagContentUri": "https://h.test/f"}],
    ),
    "grounding-retrieval": build_grounded_reply(
        retrievalQueries=["q"],
        groundingChunks=[
            {
                "retrievedContext": {
                    "uri": "u",
                    "title": "T",
                    "text": "t",
                    "documentName": "d",
                    "ragChunk": {"text": "t", "pageSpan": {"firstPage": 1, "lastPage": 2}},
                }
            }
        ],
    ),
    "grounding-new-kind": build_grounded_reply(groundingChunks=[{"telepathy": {"uri": "u"}}]),
    "url-context": build_candidate(
        urlContextMetadata={
            "urlMetadata": [
                {"retrievedUrl": "https://h.test", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"},
                {"retrievedUrl": "https://h.test/2", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_BORED"},
            ]
        }
    ),
    "url-context-empty": build_candidate(urlContextMetadata={}),
    "citations": build_candidate(citationMetadata={"citations": [_CITATION, {"startIndex": 3}]}),
    "citation-sources": build_candidate(citationMetadata={"citationSources": [_CITATION, {"startIndex": 3}]}),
    "citations-empty": build_candidate(citationMetadata={}),
    # Log probabilities
    "logprobs": build_candidate(
        logprobsResult={
            "chosenCandidates": [_TOKEN],
            "topCandidates": [{"candidates": [_TOKEN, {"token": "", "tokenId": 0, "logProbability": 0}]}, {}],
        }
    ),
    "logprobs-empty": build_candidate(logprobsResult={}),
    # Usage
    "usage": build_usage_reply(
        promptTokenCount=10,
        cachedContentTokenCount=4,
        candidatesTokenCount=20,
        toolUsePromptTokenCount=3,
        thoughtsTokenCount=5,
        totalTokenCount=38,
        promptTokensDetails=_DETAILS,
        cacheTokensDetails=_DETAILS,
        candidatesTokensDetails=_DETAILS,
        toolUsePromptTokensDetails=_DETAILS,
        trafficType="ON_DEMAND",
    ),
    "usage-zero": build_usage_reply(promptTokenCount=0, totalTokenCount=0, promptTokensDetails=[]),
    "usage-strings": build_usage_reply(promptTokenCount="10", totalTokenCount="9007199254740993"),
    "usage-new": build_usage_reply(
        trafficType="RUSH_HOUR", promptTokensDetails=[{"modality": "SMELL", "tokenCount": 1}]
    ),
    # Numbers as strings, and strings as numbers
    "indices-as-strings": build_candidate(
        index="1", tokenCount="2", citationMetadata={"citations": [{"startIndex": "7"}]}
    ),
    "whole-floats": build_candidate(index=1.0, tokenCount=2.0),
    # Unknown fields and values
    "unknown-fields": {
        **build_candidate(mood="fine", content={"parts": [{"text": "x", "smell": {"a": [1]}}], "since": None}),
        "weather": {"sun": True},
    },
    "unknown-part": build_parts_reply({"hologram": {"data": "AAAA"}}, {"text": "x"}),
    # Nulls
    "null-candidates": {"candidates": None, "promptFeedback": None, "usageMetadata": None, "createTime": None},
    "null-fields": build_candidate(
        content=None, finishReason=None, safetyRatings=None, groundingMetadata=None, citationMetadata=None, index=None
    ),
    "null-content": build_candidate(content={"role": None, "parts": None}),
    "null-part-fields": build_parts_reply({"text": None, "inlineData": None, "thought": None, "functionCall": None}),
    "null-grounding": build_grounded_reply(
        groundingChunks=None, webSearchQueries=None, groundingSupports=[{"segment": None}]
    ),
    "null-scores": build_grounded_reply(groundingSupports=[{"confidenceScores": None, "groundingChunkIndices": None}]),
    "null-citations": build_candidate(citationMetadata={"citations": None}),
    "null-usage": build_usage_reply(promptTokensDetails=None, promptTokenCount=None, trafficType=None),
    "null-logprobs": build_candidate(
        logprobsResult={"chosenCandidates": None, "topCandidates": [{"candidates": None}]}
    ),
    "null-beside-args": {
        **build_parts_reply({"functionCall": {"name": "f", "args": {"x": None, "y": [None]}}}),
        "usageMetadata": {"promptTokensDetails": None},
    },
}
