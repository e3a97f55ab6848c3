"""Videos of the emulator: operations, downloads, blocked prompts, errors."""

from typing import Any

import pytest

from genai_fn import Gemini, Vertex, operations, videos
from genai_fn.ops.files.downloads import download_bytes
from genai_fn.schema import GenerateVideosOperation
from tests.support.emulator_interpreter import (
    BACKENDS,
    GEMINI as GEMINI_BACKEND,
    VERTEX as VERTEX_BACKEND,
    EmulatorInterpreter,
)
from tests.support.emulator_requests import PROJECT, VERTEX, JsonClient

MODEL = "veo-3.1-generate-preview"

both_backends = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


def start_operation(run: EmulatorInterpreter, prompt: str = "a cat runs", **config: Any) -> GenerateVideosOperation:
    return run(videos.generate(MODEL, prompt, config=config)).unwrap()


def poll_until_done(run: EmulatorInterpreter, operation: GenerateVideosOperation) -> GenerateVideosOperation:
    """Poll twice."""
    first = run(operations.get(operation)).unwrap()
    assert (first.done, first.response) == (None, None)
    second = run(operations.get(operation)).unwrap()
    assert (second.name, second.done) == (operation.name, True)
    return second


def is_mp4(data: bytes) -> bool:
    """Whether the data consists of the boxes that start an MP4 file."""
    kinds: list[bytes] = []
    while data:
        size = int.from_bytes(data[:4], "big")
        kinds.append(data[4:8])
        assert size >= 8
        data = data[size:]
    return kinds == [b"ftyp", b"mdat"]


@both_backends
def test_done_at_second_poll(backend: Any) -> None:
    """An operation is done at the second poll, and then stays the same."""
    run = EmulatorInterpreter(backend)
    operation = start_operation(run)
    assert (operation.done, operation.response) == (None, None)
    finished = poll_until_done(run, operation)
    assert run(operations.get(operation)).unwrap() == finished
    assert finished.response is not None
    assert len(finished.response.generated_videos) == 1


def test_fetched() -> None:
    """The Developer API stores videos as files with a download URI."""
    run = EmulatorInterpreter(GEMINI_BACKEND)
    finished = poll_until_done(run, start_operation(run, number_of_videos=2, aspect_ratio="9:16"))
    assert finished.response is not None
    videos_found = [each.video for each in finished.response.generated_videos]
    assert [video.uri for video in videos_found if video] == [
        f"https://generativelanguage.googleapis.com/v1beta/files/file{number}:download?alt=media" for number in (2, 3)
    ]
    downloads = [run(download_bytes(video)).unwrap() for video in videos_found if video]
    assert all(map(is_mp4, downloads))
    assert len(set(downloads)) == 2


def test_inline() -> None:
    """Vertex AI returns the bytes, which are deterministic."""
    runs = [EmulatorInterpreter(VERTEX_BACKEND), EmulatorInterpreter(VERTEX_BACKEND)]
    first, second = [
        poll_until_done(run, start_operation(run, seed=1, duration_seconds=8, generate_audio=True)) for run in runs
    ]
    assert first == second
    assert first.response is not None
    (video,) = [each.video for each in first.response.generated_videos]
    assert video is not None
    assert video.mime_type == "video/mp4"
    assert is_mp4(video.video_bytes or b"")


def test_stored() -> None:
    """Vertex AI returns Cloud Storage URIs for stored videos."""
    run = EmulatorInterpreter(VERTEX_BACKEND)
    finished = poll_until_done(run, start_operation(run, number_of_videos=2, output_gcs_uri="gs://b/cats/"))
    assert finished.response is not None
    uris = [each.video and each.video.uri for each in finished.response.generated_videos]
    assert uris == ["gs://b/cats/sample_0.mp4", "gs://b/cats/sample_1.mp4"]


@both_backends
def test_forbidden(backend: Any) -> None:
    """A prompt with "forbidden" is blocked, and the reason is returned."""
    run = EmulatorInterpreter(backend)
    response = poll_until_done(run, start_operation(run, "a forbidden cat", number_of_videos=2)).response
    assert response is not None
    assert (response.generated_videos, response.rai_media_filtered_count) == ((), 2)
    assert len(response.rai_media_filtered_reasons) == 2


@pytest.mark.parametrize(
    "backend",
    (Vertex(api_key="test-key"), Gemini("test-key", base_url="http://localhost:1/proxy/")),
    ids=("express", "behind a path"),
)
def test_other_base_urls(backend: Any) -> None:
    """Express mode and a base URL with a path work, too."""
    run = EmulatorInterpreter(backend)
    finished = poll_until_done(run, start_operation(run))
    assert finished.response is not None
    (video,) = [each.video for each in finished.response.generated_videos]
    assert video is not None
    if video.uri is not None:
        assert video.uri.startswith("http://localhost:1/proxy/v1beta/files/")
        assert is_mp4(run(download_bytes(video)).unwrap())


@both_backends
def test_other_inputs(backend: Any) -> None:
    """A video may be generated from an image, a video and reference images."""
    cat: Any = {"image_bytes": b"cat", "mime_type": "image/png"}
    config: Any = {"last_frame": cat, "reference_images": [{"image": cat, "reference_type": "ASSET"}]}
    run = EmulatorInterpreter(backend)
    run(videos.generate(MODEL, image=cat, config=config)).unwrap()
    run(videos.generate(MODEL, video={"video_bytes": b"film", "mime_type": "video/mp4"})).unwrap()
    assert run.state.name_count == 2


@both_backends
@pytest.mark.parametrize(
    ("prompt", "config", "expected"),
    (
        ("", {}, "a prompt, an image or a video"),
        ("hm", {"number_of_videos": 9}, "The value 9 of sample_count is not one of 1, 2, 3, 4."),
        ("hm", {"duration_seconds": 60}, "The value 60 of duration_seconds"),
        ("hm", {"aspect_ratio": "1:1"}, "The value '1:1' of aspect_ratio is not one of 16:9, 9:16."),
        ("hm", {"resolution": "8K"}, "The value '8K' of resolution"),
    ),
    ids=range(5),
)
def test_refused(backend: Any, prompt: str, config: Any, expected: str) -> None:
    """An invalid value is rejected, and the message contains it."""
    error: Any = EmulatorInterpreter(backend)(videos.generate(MODEL, prompt, config=config)).failure()
    assert (error.code, expected in error.message) == (400, True)


@pytest.mark.parametrize(
    ("name", "value"), (("storageUri", "gs://b"), ("fps", 24), ("seed", 0), ("generateAudio", True)), ids=str
)
def test_vertex_alone(name: str, value: Any) -> None:
    """The Developer API rejects parameters that only Vertex AI supports, by name."""
    body = {"instances": [{"prompt": "hm"}], "parameters": {name: value}}
    fault = JsonClient().request_fault("POST", f"models/{MODEL}:predictLongRunning", body)
    assert fault == (400, "INVALID_ARGUMENT", f"`{name}` isn't supported by this model.")


def test_unknown() -> None:
    """An unknown operation is a 404; an operation of another model is rejected."""
    assert JsonClient().request_fault("GET", f"models/{MODEL}/operations/1")[:2] == (404, "NOT_FOUND")
    model = f"{PROJECT}/publishers/google/models/{MODEL}"
    api = JsonClient(VERTEX)
    fetch = {"operationName": f"{model}/operations/1"}
    assert api.request_fault("POST", f"{model}:fetchPredictOperation", fetch)[:2] == (404, "NOT_FOUND")
    other_body = {"operationName": "projects/p/operations/1"}
    assert api.request_fault("POST", f"{model}:fetchPredictOperation", other_body)[0] == 400


def test_instances() -> None:
    """Exactly one instance is required."""
    assert "0 instance(s) given" in JsonClient().request_fault("POST", f"models/{MODEL}:predictLongRunning", {})[2]
