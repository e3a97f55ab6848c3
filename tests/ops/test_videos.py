"""``videos`` and ``operations``: requests and responses compared with google-genai 1.51.0, on both backends."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import pytest
from google.genai import types
from msgspec.structs import fields

from genai_fn import schema
from genai_fn.errors import InvalidRequest
from genai_fn.ops import videos
from genai_fn.request import Request
from tests.cases.differences_by_resource import VIDEO_DIFFERENCES
from tests.cases.videos import VIDEO_REPLIES, VIDEO_RESULTS
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
    get_refused_paths,
)

GCS = {"gcs_uri": "gs://b/cat.png", "mime_type": "image/png"}
PIXELS = {"image_bytes": b"\xfb\xff", "mime_type": "image/png"}
FILM = {"video_bytes": b"\xfb\xff", "mime_type": "video/mp4"}

CONFIG: Mapping[str, Any] = {
    "number_of_videos": 2,
    "output_gcs_uri": "gs://b/out",
    "fps": 24,
    "duration_seconds": 8,
    "seed": 0,
    "aspect_ratio": "16:9",
    "resolution": "720p",
    "person_generation": "allow_adult",
    "pubsub_topic": "projects/p/topics/t",
    "negative_prompt": "",
    "enhance_prompt": False,
    "generate_audio": False,
    "last_frame": PIXELS,
    "reference_images": [{"image": PIXELS, "reference_type": "ASSET"}],
    "mask": {"image": PIXELS, "mask_mode": "INSERT"},
    "compression_quality": "LOSSLESS",
}
"""Every field."""

_WEBHOOK = {"uris": ["https://h.test"], "user_metadata": {"a_b": 1}}
ADDITIONS: Mapping[str, tuple[Any, Mapping[str, Any] | None, Mapping[str, Any] | None]] = {
    "labels": ({"a_b": "c"}, None, {"labels": {"a_b": "c"}}),
    "webhook_config": (_WEBHOOK, {"webhookConfig": {"uris": ["https://h.test"], "userMetadata": {"a_b": 1}}}, None),
    "resize_mode": ("pad", None, {"parameters": {"resizeMode": "PAD"}}),
}
"""Fields that google-genai 1.51.0 does not have: a value, and what Gemini and Vertex AI receive, or None if refused."""


@dataclass(frozen=True, eq=False)
class Case:
    """One call; a function as an argument is called with the library, and returns a value of its types."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def build_arguments(self, lib: Any) -> dict[str, Any]:
        fields = {"model": "veo-3.1", **self.fields}
        return {key: each(lib) if isinstance(each, FunctionType) else deepcopy(each) for key, each in fields.items()}

    def ours(self) -> Request[Any]:
        return videos.generate(**self.build_arguments(schema))

    def theirs(self, client: Any) -> Any:
        return client.models.generate_videos(**self.build_arguments(types))


def _build_config_cases(name: str, config: Mapping[str, Any]) -> Case:
    return Case(name, {"prompt": "a cat runs", "config": config})


CASES = (
    Case("nothing"),
    Case("prompt", {"prompt": "a cat runs"}),
    Case("prompt-empty", {"prompt": ""}),
    Case("image", {"image": PIXELS}),
    Case("image-gcs", {"prompt": "x", "image": GCS}),
    Case("image-empty", {"image": {}}),
    Case("image-typed", {"image": lambda lib: lib.Image(**PIXELS)}),
    Case("video-bytes", {"video": FILM}),
    Case("video-uri", {"prompt": "x", "video": {"uri": "https://h.test/files/1", "mime_type": "video/mp4"}}),
    Case("video-typed", {"video": lambda lib: lib.Video(uri="gs://b/cat.mp4")}),
    Case("video-empty", {"video": {}}),
    Case("source", {"source": {"prompt": "x", "image": PIXELS, "video": FILM}}),
    Case("source-empty", {"source": {}}),
    Case("source-gcs", {"source": {"image": GCS}}),
    Case("source-typed", {"source": lambda lib: lib.GenerateVideosSource(video=lib.Video(uri="gs://b/cat.mp4"))}),
    Case("source-and-prompt", {"source": {"prompt": "x"}, "prompt": "x"}),
    Case("source-and-image", {"source": {"prompt": "x"}, "image": PIXELS}),
    Case("source-and-video", {"source": {"prompt": "x"}, "video": FILM}),
    Case("prompt-number", {"prompt": 3}),
    Case("image-text", {"image": "gs://b/cat.png"}),
    _build_config_cases("config-empty", {}),
    _build_config_cases("config-all", CONFIG),
    *(_build_config_cases(f"config-{name}", {name: each}) for name, each in CONFIG.items()),
    Case("config-typed", {"config": lambda lib: lib.GenerateVideosConfig(seed=7, mask=lib.VideoGenerationMask())}),
    _build_config_cases("config-camel", {"durationSeconds": 8, "lastFrame": {"imageBytes": "+/8="}}),
    _build_config_cases("config-unknown", {"colour": "red"}),
    _build_config_cases("person-upper", {"person_generation": "ALLOW_ALL"}),
    _build_config_cases("quality-lower", {"compression_quality": "optimized"}),
    _build_config_cases("mask-gcs", {"mask": {"image": GCS, "mask_mode": "remove_static"}}),
    _build_config_cases("mask-mode-new", {"mask": {"image": GCS, "mask_mode": "NEW"}}),
    _build_config_cases("mask-mode-alone", {"mask": {"mask_mode": "OUTPAINT"}}),
    _build_config_cases("last-frame-gcs", {"last_frame": GCS}),
    _build_config_cases("references-none", {"reference_images": []}),
    _build_config_cases("references-empty", {"reference_images": [{}]}),
    _build_config_cases("references-style", {"reference_images": [{"image": PIXELS, "reference_type": "STYLE"}]}),
    _build_config_cases("references-lower", {"reference_images": [{"image": PIXELS, "reference_type": "asset"}]}),
    _build_config_cases("references-gcs", {"reference_images": [{"image": GCS}]}),
    *(
        Case(f"model-{model}", {"model": model, "prompt": "x"})
        for model in (
            "models/m",
            "publishers/google/models/m",
            "projects/q/locations/l/models/1",
            "vendor/m",
            "",
            "a?b",
        )
    ),
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_wire(case: Case, backend: str) -> None:
    """The same arguments send the same request as google-genai, with the same spelling, or are refused as by it."""
    check_same_request(case.ours, case.theirs, backend, exact_names=True)


def test_every_field() -> None:
    """The table has every field of the config."""
    assert {each.name for each in fields(schema.GenerateVideosConfig)} == {*CONFIG, *ADDITIONS}


@pytest.mark.parametrize("name", ADDITIONS)
def test_additions(name: str) -> None:
    """Fields that 1.51.0 does not have are sent as by 3.6.1, or refused by name."""
    value, *expected = ADDITIONS[name]
    request = videos.generate("m", "a", config={name: value})
    for backend, added in zip(BACKENDS, expected, strict=True):
        if added is None:
            assert get_refused_paths(request, backend) == (f"config.{name}",)
        else:
            assert encode_ours(request, backend)[2] == {"instances": [{"prompt": "a"}], **added}


@pytest.mark.parametrize(("name", "path"), [("video-twice", "video"), ("source-twice", "source.video")])
def test_video_given_twice(name: str, path: str) -> None:
    """Gemini refuses a video with both a uri and bytes."""
    assert VIDEO_DIFFERENCES[name]
    video = {"uri": "https://h.test/files/1", **FILM}
    case = Case(name, {"video": video} if path == "video" else {"source": lambda lib: {"video": lib.Video(**video)}})
    theirs = oracle.capture_request(oracle.GEMINI, case.theirs)
    assert isinstance(theirs, oracle.SentRequest)
    assert "encodedVideo" not in theirs.body["instances"][0]["video"]
    assert get_refused_paths(case.ours(), "gemini") == (f"{path}.video_bytes",)
    check_same_request(case.ours, case.theirs, "vertex", exact_names=True)


def test_source_beside_prompt() -> None:
    """A source cannot be combined with prompt, image or video, even if it is empty."""
    case = Case("source-empty-and-prompt", {"prompt": "x", "source": {}})
    assert VIDEO_DIFFERENCES[case.name]
    assert isinstance(oracle.capture_request(oracle.GEMINI, case.theirs), oracle.SentRequest)
    with pytest.raises(InvalidRequest, match=r"^source: expected either"):
        case.ours()


def test_style_is_refused_by_gemini() -> None:
    """Gemini refuses style reference images, and each is named."""
    images = [{"reference_type": "ASSET"}, {"reference_type": "style"}, {"reference_type": "STYLE"}]
    request = videos.generate("m", "x", config={"reference_images": images})
    assert get_refused_paths(request, "gemini") == tuple(
        f"config.reference_images[{index}].reference_type" for index in (1, 2)
    )


def test_gcs_is_refused_by_gemini() -> None:
    """Gemini refuses Cloud Storage URIs, and each is named."""
    config = {"last_frame": GCS, "reference_images": [{"image": PIXELS}, {"image": GCS}]}
    request = videos.generate("m", image=schema.Image(gcs_uri="gs://b/cat.png"), config=config)
    assert get_refused_paths(request, "gemini") == (
        "image.gcs_uri",
        "config.last_frame.gcs_uri",
        "config.reference_images[1].image.gcs_uri",
    )


def test_made_once() -> None:
    """A video generation is not retried once bytes were sent."""
    assert not videos.generate("m", "x").operation.repeatable


def test_big_videos_are_not_copied() -> None:
    """A large video is sent as base64 in a chunk of its own; the body is the same."""
    _, _, body = encode_ours(videos.generate("m", video={"video_bytes": b"\xfb" * 100_000}), "vertex")
    assert len(body["instances"][0]["video"]["bytesBase64Encoded"]) == 133_336


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", VIDEO_REPLIES)
def test_state_read(name: str, backend: str) -> None:
    """The state of an operation decodes as with google-genai."""
    case = Case(name)
    check_same_response(case.ours, case.theirs, backend, VIDEO_REPLIES[name])


@pytest.mark.parametrize(
    ("backend", "name"),
    [(backend, name) for backend in VIDEO_RESULTS for name in VIDEO_RESULTS[backend]],
)
def test_videos_read(name: str, backend: str) -> None:
    """Videos decode as with google-genai, from both backends."""
    case = Case(name)
    check_same_response(
        case.ours,
        case.theirs,
        backend,
        {"name": "n", "done": True, "response": VIDEO_RESULTS[backend][name]},
    )


def test_result_is_response() -> None:
    """``result`` and ``response`` are the same."""
    reply = {"name": "n", "done": True, "response": VIDEO_RESULTS["vertex"]["two"]}
    operation = decode_ours(videos.generate("m", "x"), "vertex", reply)
    assert operation.result == operation.response
    assert operation.response.generated_videos[1].video == schema.Video(uri="gs://b/2.mp4")
