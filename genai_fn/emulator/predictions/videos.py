"""Videos: operations that are done at the second look; the films are files of a few bytes that show nothing."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.files import save_generated_file
from genai_fn.emulator.predictions.image_predictions import (
    EmulatedImage,
    get_single_instance,
    is_blocked_prompt,
    refuse_vertex_fields,
)
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.operations import POLLS_UNTIL_DONE, EmulatedOperation
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpResponse
from genai_fn.schema import VideoCompressionQuality, VideoGenerationMaskMode, VideoGenerationReferenceType
from genai_fn.schema.base import Message
from genai_fn.values import Value

__all__ = ["ROUTES"]


# In


class _Video(Message):
    """A film: the first three are Gemini's words, the others Vertex AI's."""

    uri: str | None = None
    encoded_video: bytes | None = None
    encoding: str | None = None
    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


class _ReferenceImage(Message):
    image: EmulatedImage | None = None
    reference_type: VideoGenerationReferenceType | None = None


class _VideoMask(EmulatedImage):
    mask_mode: VideoGenerationMaskMode | None = None


class _VideoInstance(Message):
    prompt: str = ""
    image: EmulatedImage | None = None
    video: _Video | None = None
    last_frame: EmulatedImage | None = None
    reference_images: tuple[_ReferenceImage, ...] = ()
    mask: _VideoMask | None = None


class _VideoParameters(Message):
    sample_count: int | None = None
    storage_uri: str | None = None
    fps: int | None = None
    duration_seconds: int | None = None
    seed: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    person_generation: str | None = None
    pubsub_topic: str | None = None
    negative_prompt: str | None = None
    enhance_prompt: bool | None = None
    generate_audio: bool | None = None
    compression_quality: VideoCompressionQuality | None = None


class _GenerateVideosBody(Message):
    instances: tuple[_VideoInstance, ...] = ()
    parameters: _VideoParameters = _VideoParameters()
    labels: Mapping[str, str] | None = None


# Begun


class _VideoOperation(Value):
    """The making of videos: what they are to show, and how often somebody looked."""

    name: str
    seed_text: str
    count: int
    storage_uri: str | None
    poll_count: int = 0
    final_response: Mapping[str, Any] | None = None
    """What is answered from the second look on."""


def _start_operation(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    body = parse_body(asked, _GenerateVideosBody)
    scene, how = get_single_instance(body.instances), body.parameters
    if not asked.is_vertex:
        refuse_vertex_fields(how, _VERTEX_ONLY_FIELDS)
    _check_request(scene, how)
    state, name = state.assign_name(f"{asked.path_params['model']}/operations")
    filming = _VideoOperation(
        name=name,
        seed_text=f"{scene.prompt} {how.seed} {how.aspect_ratio}",
        count=how.sample_count or 1,
        storage_uri=how.storage_uri,
    )
    return state.with_resource(name, filming), build_json_response(EmulatedOperation(name=name))


_VERTEX_ONLY_FIELDS = ("storage_uri", "fps", "seed", "pubsub_topic", "generate_audio", "compression_quality")


def _check_request(scene: _VideoInstance, how: _VideoParameters) -> None:
    if not (scene.prompt.strip() or scene.image or scene.video):
        raise make_invalid_argument("The request must hold a prompt, an image or a video.")
    for name, allowed in _ALLOWED_VALUES.items():
        given = getattr(how, name)
        if given is not None and given not in allowed:
            raise make_invalid_argument(f"The value {given!r} of {name} is none of {', '.join(map(str, allowed))}.")


_ALLOWED_VALUES: Mapping[str, tuple[Any, ...]] = {
    "sample_count": (1, 2, 3, 4),
    "duration_seconds": (4, 5, 6, 7, 8),
    "aspect_ratio": ("16:9", "9:16"),
    "resolution": ("720p", "1080p"),
}


# Looked at


class _FetchOperationBody(Message):
    operation_name: str = ""


def _get_operation(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Answer ``GET`` of an operation's name."""
    return _poll_operation(state, asked, asked.path_params["name"])


def _fetch_operation(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Answer ``fetchPredictOperation``."""
    name = parse_body(asked, _FetchOperationBody).operation_name
    if not name.startswith(f"{asked.path_params['model']}/operations/"):
        raise make_invalid_argument(f"The operation {name!r} is none of {asked.path_params['model']}.")
    return _poll_operation(state, asked, name)


def _poll_operation(state: EmulatorState, asked: EmulatedRequest, name: str) -> tuple[EmulatorState, HttpResponse]:
    found = state.get_resource(name, _VideoOperation)
    seen = replace(found, poll_count=found.poll_count + 1)
    if seen.poll_count >= POLLS_UNTIL_DONE and seen.final_response is None:
        state, ended = (
            _build_vertex_response(state, seen) if asked.is_vertex else _build_gemini_response(state, asked, seen)
        )
        seen = replace(seen, final_response=ended)
    done = None if seen.final_response is None else True
    return state.with_resource(name, seen), build_json_response(
        EmulatedOperation(name=name, done=done, response=seen.final_response)
    )


def _build_gemini_response(
    state: EmulatorState, asked: EmulatedRequest, filming: _VideoOperation
) -> tuple[EmulatorState, Mapping[str, Any]]:
    """End with files to be fetched."""
    samples: list[Any] = []
    for data in _build_videos(filming):
        state, file = save_generated_file(state, asked, data, _MP4_MIME_TYPE)
        samples.append({"video": {"uri": file.download_uri}})
    made = {"generatedSamples": samples} if samples else _build_blocked_fields(filming)
    kind = "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse"
    return state, {"@type": kind, "generateVideoResponse": made}


def _build_vertex_response(state: EmulatorState, filming: _VideoOperation) -> tuple[EmulatorState, Mapping[str, Any]]:
    """End with bytes, or with places in Cloud Storage."""
    place = None if filming.storage_uri is None else filming.storage_uri.rstrip("/")
    videos = [
        {
            "mimeType": _MP4_MIME_TYPE,
            **({"bytesBase64Encoded": data} if place is None else {"gcsUri": f"{place}/sample_{index}.mp4"}),
        }
        for index, data in enumerate(_build_videos(filming))
    ]
    made = {"videos": videos} if videos else _build_blocked_fields(filming)
    return state, {"@type": "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse", **made}


def _build_blocked_fields(filming: _VideoOperation) -> Mapping[str, Any]:
    return {"raiMediaFilteredCount": filming.count, "raiMediaFilteredReasons": [_BLOCK_REASON] * filming.count}


_BLOCK_REASON = 'The video is held back, as its prompt says "forbidden". Support codes: 12345678'


# The films: https://www.iso.org/standard/83102.html calls for a box that says what kind of file it is, and one of media


def _build_videos(filming: _VideoOperation) -> tuple[bytes, ...]:
    if is_blocked_prompt(filming.seed_text):
        return ()
    return tuple(
        _FILE_TYPE_BOX + _encode_box(b"mdat", compute_digest(f"{filming.seed_text} {index}", 64))
        for index in range(filming.count)
    )


def _encode_box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


_MP4_MIME_TYPE = "video/mp4"
_FILE_TYPE_BOX = _encode_box(b"ftyp", b"isom" + (512).to_bytes(4, "big") + b"isomiso2avc1mp41")

ROUTES = (
    ("POST", "{model=models/*}:predictLongRunning", _start_operation),
    ("POST", "{model=publishers/*/models/*}:predictLongRunning", _start_operation),
    ("POST", "{model=projects/*/locations/*/publishers/*/models/*}:predictLongRunning", _start_operation),
    ("GET", "{name=models/*/operations/*}", _get_operation),
    ("POST", "{model=models/*}:fetchPredictOperation", _fetch_operation),
    ("POST", "{model=publishers/*/models/*}:fetchPredictOperation", _fetch_operation),
    ("POST", "{model=projects/*/locations/*/publishers/*/models/*}:fetchPredictOperation", _fetch_operation),
)
