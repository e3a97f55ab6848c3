"""Videos from the emulator: begun, looked at, fetched."""

from typing import Any

import pytest

from genai_fn import Gemini, Vertex, operations, videos
from genai_fn.ops.files.downloads import download_bytes
from genai_fn.schema import GenerateVideosOperation
from tests.support.emulator_interpreter import BOTH, Wired
from tests.support.emulator_interpreter import GEMINI as AT_GEMINI
from tests.support.emulator_interpreter import VERTEX as AT_VERTEX
from tests.support.emulator_requests import PROJECT, VERTEX, Api

MODEL = "veo-3.1-generate-preview"

both = pytest.mark.parametrize("at", BOTH.values(), ids=BOTH)


def begun(run: Wired, prompt: str = "a cat runs", **config: Any) -> GenerateVideosOperation:
    return run(videos.generate(MODEL, prompt, config=config)).unwrap()


def ended(run: Wired, operation: GenerateVideosOperation) -> GenerateVideosOperation:
    """Look twice."""
    first = run(operations.get(operation)).unwrap()
    assert (first.done, first.response) == (None, None)
    second = run(operations.get(operation)).unwrap()
    assert (second.name, second.done) == (operation.name, True)
    return second


def is_mp4(data: bytes) -> bool:
    """Tell whether boxes follow one another as they should."""
    kinds: list[bytes] = []
    while data:
        size = int.from_bytes(data[:4], "big")
        kinds.append(data[4:8])
        assert size >= 8
        data = data[size:]
    return kinds == [b"ftyp", b"mdat"]


@both
def test_done_at_second_look(at: Any) -> None:
    """An operation is not done when it begins and at the first look, and is at the second and ever after."""
    run = Wired(at)
    operation = begun(run)
    assert (operation.done, operation.response) == (None, None)
    done = ended(run, operation)
    assert run(operations.get(operation)).unwrap() == done
    assert done.response is not None
    assert len(done.response.generated_videos) == 1


def test_fetched() -> None:
    """Gemini keeps films as files, which can be fetched by the address that is told."""
    run = Wired(AT_GEMINI)
    done = ended(run, begun(run, number_of_videos=2, aspect_ratio="9:16"))
    assert done.response is not None
    films = [each.video for each in done.response.generated_videos]
    assert [film.uri for film in films if film] == [
        f"https://generativelanguage.googleapis.com/v1beta/files/file{number}:download?alt=media" for number in (2, 3)
    ]
    fetched = [run(download_bytes(film)).unwrap() for film in films if film]
    assert all(map(is_mp4, fetched))
    assert len(set(fetched)) == 2


def test_inline() -> None:
    """Vertex AI sends the bytes, the same each time."""
    runs = [Wired(AT_VERTEX), Wired(AT_VERTEX)]
    first, again = [ended(run, begun(run, seed=1, duration_seconds=8, generate_audio=True)) for run in runs]
    assert first == again
    assert first.response is not None
    (film,) = [each.video for each in first.response.generated_videos]
    assert film is not None
    assert film.mime_type == "video/mp4"
    assert is_mp4(film.video_bytes or b"")


def test_stored() -> None:
    """Vertex AI tells the places of those that are stored."""
    run = Wired(AT_VERTEX)
    done = ended(run, begun(run, number_of_videos=2, output_gcs_uri="gs://b/cats/"))
    assert done.response is not None
    uris = [each.video and each.video.uri for each in done.response.generated_videos]
    assert uris == ["gs://b/cats/sample_0.mp4", "gs://b/cats/sample_1.mp4"]


@both
def test_forbidden(at: Any) -> None:
    """A prompt that says so is held back, and why is told."""
    run = Wired(at)
    response = ended(run, begun(run, "a forbidden cat", number_of_videos=2)).response
    assert response is not None
    assert (response.generated_videos, response.rai_media_filtered_count) == ((), 2)
    assert len(response.rai_media_filtered_reasons) == 2


@pytest.mark.parametrize(
    "at",
    (Vertex(api_key="test-key"), Gemini("test-key", base_url="http://localhost:1/proxy/")),
    ids=("express", "behind a path"),
)
def test_elsewhere(at: Any) -> None:
    """Express mode, and a base URL with a path, work alike."""
    run = Wired(at)
    done = ended(run, begun(run))
    assert done.response is not None
    (film,) = [each.video for each in done.response.generated_videos]
    assert film is not None
    if film.uri is not None:
        assert film.uri.startswith("http://localhost:1/proxy/v1beta/files/")
        assert is_mp4(run(download_bytes(film)).unwrap())


@both
def test_of_other_things(at: Any) -> None:
    """A film may be made of a picture, a film, and what is to be seen in them."""
    cat: Any = {"image_bytes": b"cat", "mime_type": "image/png"}
    config: Any = {"last_frame": cat, "reference_images": [{"image": cat, "reference_type": "ASSET"}]}
    run = Wired(at)
    run(videos.generate(MODEL, image=cat, config=config)).unwrap()
    run(videos.generate(MODEL, video={"video_bytes": b"film", "mime_type": "video/mp4"})).unwrap()
    assert run.state.name_count == 2


@both
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
def test_refused(at: Any, prompt: str, config: Any, expected: str) -> None:
    """What makes no sense is refused, and the value shown."""
    error: Any = Wired(at)(videos.generate(MODEL, prompt, config=config)).failure()
    assert (error.code, expected in error.message) == (400, True)


@pytest.mark.parametrize(
    ("name", "value"), (("storageUri", "gs://b"), ("fps", 24), ("seed", 0), ("generateAudio", True)), ids=str
)
def test_vertex_alone(name: str, value: Any) -> None:
    """What Vertex AI has alone, Gemini refuses by name."""
    body = {"instances": [{"prompt": "hm"}], "parameters": {name: value}}
    fault = Api().fault("POST", f"models/{MODEL}:predictLongRunning", body)
    assert fault == (400, "INVALID_ARGUMENT", f"`{name}` isn't supported by this model.")


def test_unknown() -> None:
    """What was never begun is not there, and no other model knows of it."""
    assert Api().fault("GET", f"models/{MODEL}/operations/1")[:2] == (404, "NOT_FOUND")
    model = f"{PROJECT}/publishers/google/models/{MODEL}"
    api = Api(VERTEX)
    fetch = {"operationName": f"{model}/operations/1"}
    assert api.fault("POST", f"{model}:fetchPredictOperation", fetch)[:2] == (404, "NOT_FOUND")
    other = {"operationName": "projects/p/operations/1"}
    assert api.fault("POST", f"{model}:fetchPredictOperation", other)[0] == 400


def test_instances() -> None:
    """There is exactly one instance."""
    assert "0 instance(s) given" in Api().fault("POST", f"models/{MODEL}:predictLongRunning", {})[2]
