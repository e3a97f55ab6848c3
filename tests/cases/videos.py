"""Responses about the state of a video generation."""

from collections.abc import Mapping
from typing import Any

_FILTERED_RESPONSE = {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["no"]}

VIDEO_REPLIES: Mapping[str, Any] = {
    "empty": {},
    "begun": {"name": "models/veo/operations/1"},
    "running": {
        "name": "n/operations/1",
        "metadata": {"@type": "t", "createTime": "2025-01-02T03:04:05Z"},
        "done": False,
    },
    "failed": {"name": "n/operations/1", "done": True, "error": {"code": 3, "message": "no", "details": [{"a": 1}]}},
    "nulls": {"name": "n/operations/1", "done": None, "metadata": None, "response": None},
    "unknown": {"name": "n/operations/1", "new": {"x": 1}},
}

VIDEO_RESULTS: Mapping[str, Mapping[str, Any]] = {
    "gemini": {
        "uri": {
            "generateVideoResponse": {
                "generatedSamples": [{"video": {"uri": "https://h.test/files/1:download?alt=media"}}]
            }
        },
        "bytes": {
            "generateVideoResponse": {
                "generatedSamples": [{"video": {"encodedVideo": "+/8=", "encoding": "video/mp4"}}]
            }
        },
        "url-safe": {"generateVideoResponse": {"generatedSamples": [{"video": {"encodedVideo": "-_8"}}]}},
        "two": {
            "@type": "t",
            "generateVideoResponse": {"generatedSamples": [{"video": {"uri": "a"}}, {"video": {"uri": "b"}}]},
        },
        "no-video": {"generateVideoResponse": {"generatedSamples": [{}]}},
        "filtered": {"generateVideoResponse": _FILTERED_RESPONSE},
        "nothing": {"@type": "t"},
    },
    "vertex": {
        "gcs": {"@type": "t", "videos": [{"gcsUri": "gs://b/1.mp4", "mimeType": "video/mp4"}]},
        "bytes": {"videos": [{"bytesBase64Encoded": "+/8=", "mimeType": "video/mp4"}]},
        "url-safe": {"videos": [{"bytesBase64Encoded": "-_8"}]},
        "two": {"videos": [{"gcsUri": "gs://b/1.mp4"}, {"gcsUri": "gs://b/2.mp4"}], "raiMediaFilteredCount": 0},
        "filtered": _FILTERED_RESPONSE,
        "counted-as-text": {"raiMediaFilteredCount": "2"},
        "nothing": {},
    },
}
"""Responses in the form of each backend."""
