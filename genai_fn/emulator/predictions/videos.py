"""Videos: operations that are done after two polls. The videos are valid MP4 boxes of a few bytes without content."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.files import save_generated_file
from genai_fn.emulator.predictions.image_predictions import (
    EmulatedImage,
    EmulatedPredictBody,
    describe_block,
    get_single_instance,
    is_blocked_prompt,
    refuse_vertex_fields,
)
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.operations import POLLS_UNTIL_DONE, EmulatedOperation
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.operations import WebhookConfig
from genai_fn.schema.videos import (
    ImageResizeMode,
    VideoCompressionQuality,
    VideoGenerationMaskMode,
    VideoGenerationReferenceType,
)
from genai_fn.values import Value


class _Video(Message):
    """A video. The Developer API uses the first three fields, Vertex AI the others."""

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
    resize_mode: ImageResizeMode | None = None


class _GenerateVideosBody(EmulatedPredictBody):
    instances: tuple[_VideoInstance, ...] = ()
    parameters: _VideoParameters = _VideoParameters()
    webhook_config: WebhookConfig | None = None
    """Accepted and ignored."""


class _VideoOperation(Value):
    """A video operation: the seed and number of its videos, and how often it was polled."""

    name: str
    seed_text: str
    count: int
    storage_uri: str | None
    poll_count: int = 0
    final_response: Mapping[str, Any] | None = None
    """Response of the operation, from the second poll on."""


def _start_operation(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    body = parse_body(request, _GenerateVideosBody)
    instance, parameters = get_single_instance(body.instances), body.parameters
    if not request.is_vertex:
        refuse_vertex_fields(parameters, _VERTEX_ONLY_FIELDS)
    _check_request(instance, parameters)
    state, name = state.assign_name(f"{request.path_params['model']}/operations")
    operation = _VideoOperation(
        name=name,
        seed_text=f"{instance.prompt} {parameters.seed} {parameters.aspect_ratio}",
        count=parameters.sample_count or 1,
        storage_uri=parameters.storage_uri,
    )
    return state.with_resource(name, operation), build_json_response(EmulatedOperation(name=name))


_VERTEX_ONLY_FIELDS = (
    *("storage_uri", "fps", "seed", "pubsub_topic", "generate_audio", "compression_quality", "resize_mode"),
)


def _check_request(instance: _VideoInstance, parameters: _VideoParameters) -> None:
    if not (instance.prompt.strip() or instance.image or instance.video):
        raise make_invalid_argument("The request must contain a prompt, an image or a video.")
    for name, allowed in _ALLOWED_VALUES.items():
        value = getattr(parameters, name)
        if value is not None and value not in allowed:
            raise make_invalid_argument(f"The value {value!r} of {name} is not one of {', '.join(map(str, allowed))}.")


_ALLOWED_VALUES: Mapping[str, tuple[Any, ...]] = {
    "sample_count": (1, 2, 3, 4),
    "duration_seconds": (4, 5, 6, 7, 8),
    "aspect_ratio": ("16:9", "9:16"),
    "resolution": ("720p", "1080p"),
}


class _FetchOperationBody(Message):
    operation_name: str = ""


def _get_operation(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``GET`` on an operation's name."""
    return _poll_operation(state, request, request.resource_name)


def _fetch_operation(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle ``fetchPredictOperation``."""
    name = parse_body(request, _FetchOperationBody).operation_name
    if not name.startswith(f"{request.path_params['model']}/operations/"):
        raise make_invalid_argument(f"The operation {name!r} does not belong to {request.path_params['model']}.")
    return _poll_operation(state, request, name)


def _poll_operation(state: EmulatorState, request: EmulatedRequest, name: str) -> RouteResult:
    found = state.get_resource(name, _VideoOperation)
    polled = replace(found, poll_count=found.poll_count + 1)
    if polled.poll_count >= POLLS_UNTIL_DONE and polled.final_response is None:
        if request.is_vertex:
            final_response = _build_vertex_response(polled)
        else:
            state, final_response = _build_gemini_response(state, request, polled)
        polled = replace(polled, final_response=final_response)
    response = EmulatedOperation(
        name=name, done=polled.final_response is not None or None, response=polled.final_response
    )
    return state.with_resource(name, polled), build_json_response(response)


def _build_gemini_response(
    state: EmulatorState, request: EmulatedRequest, operation: _VideoOperation
) -> tuple[EmulatorState, Mapping[str, Any]]:
    """Store the videos as files, and build the response with their URIs."""
    samples: list[Any] = []
    for data in _build_videos(operation):
        state, file = save_generated_file(state, request, data, _MP4_MIME_TYPE)
        samples.append({"video": {"uri": file.download_uri}})
    fields = {"generatedSamples": samples} if samples else _build_blocked_fields(operation)
    kind = "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse"
    return state, {"@type": kind, "generateVideoResponse": fields}


def _build_vertex_response(operation: _VideoOperation) -> Mapping[str, Any]:
    """Build the response with the bytes of the videos, or their Cloud Storage URIs."""
    folder = None if operation.storage_uri is None else operation.storage_uri.rstrip("/")
    videos = [
        {
            "mimeType": _MP4_MIME_TYPE,
            **({"bytesBase64Encoded": data} if folder is None else {"gcsUri": f"{folder}/sample_{index}.mp4"}),
        }
        for index, data in enumerate(_build_videos(operation))
    ]
    fields = {"videos": videos} if videos else _build_blocked_fields(operation)
    return {"@type": "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse", **fields}


def _build_blocked_fields(operation: _VideoOperation) -> Mapping[str, Any]:
    reasons = [describe_block("video")] * operation.count
    return {"raiMediaFilteredCount": operation.count, "raiMediaFilteredReasons": reasons}


def _build_videos(operation: _VideoOperation) -> tuple[bytes, ...]:
    if is_blocked_prompt(operation.seed_text):
        return ()
    return tuple(
        _FILE_TYPE_BOX + _encode_box(b"mdat", compute_digest(f"{operation.seed_text} {index}", 64))
        for index in range(operation.count)
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
