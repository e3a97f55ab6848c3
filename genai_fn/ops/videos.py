"""Video generation: starts a long-running operation, which takes minutes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import field

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.images.prediction import PredictBody, WireImage, encode_image
from genai_fn.ops.request_parts import copy_fields, merge_extra, omit_if_empty
from genai_fn.request import POST, Call, Operation, Request, ResponseReader, read_json
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.images import Image
from genai_fn.schema.operations import WebhookConfig
from genai_fn.schema.videos import (
    GeneratedVideo,
    GenerateVideosConfig,
    GenerateVideosOperation,
    GenerateVideosResponse,
    GenerateVideosSource,
    ImageResizeMode,
    Video,
    VideoCompressionQuality,
    VideoGenerationMask,
    VideoGenerationMaskMode,
    VideoGenerationReferenceType,
)
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.media import GenerateVideosConfigLike

__all__ = ["VIDEOS_OPERATION", "GenerateVideos", "generate"]


class GenerateVideos(Operation[GenerateVideosOperation]):
    """Start the generation of videos."""

    op: ClassVar = "videos.generate"
    repeatable: ClassVar = False

    model: str
    prompt: str | None = None
    image: Image | None = None
    video: Video | None = None
    source: GenerateVideosSource | None = None
    config: GenerateVideosConfig = GenerateVideosConfig()

    def gemini(self, at: Gemini) -> Call[GenerateVideosOperation]:
        _refuse_gemini_unsupported(self, at)
        return POST(
            f"{resolve_model_name(at, self.model)}:predictLongRunning",
            omit_if_empty(_encode_body(self, at)),
            VIDEOS_OPERATION,
        )

    def vertex(self, at: Vertex) -> Call[GenerateVideosOperation]:
        return POST(
            f"{resolve_model_name(at, self.model)}:predictLongRunning",
            omit_if_empty(_encode_body(self, at)),
            VIDEOS_OPERATION,
        )


def generate(
    model: str,
    prompt: str | None = None,
    *,
    image: Image | Mapping[str, Any] | None = None,
    video: Video | Mapping[str, Any] | None = None,
    source: GenerateVideosSource | Mapping[str, Any] | None = None,
    config: "GenerateVideosConfigLike | None" = None,
) -> Request[GenerateVideosOperation]:
    """
    Start the generation of videos, which takes minutes; ``| until_done()`` waits for the result.

    Args:
        model: A Veo model, such as ``veo-3.1-generate-preview``, in any form that ``genai_fn.generate`` accepts.

        prompt: Description of the video.

        image: First frame of the video.

        video: Video to extend. Gemini accepts its ``uri`` or its bytes, not both.

        source: Prompt, image and video in one value, instead of the three arguments.

        config: Number, duration and aspect ratio of the videos, last frame, reference images, and more.

    Raises:
        InvalidRequest: If the model name is empty or invalid, an argument has the wrong type, a field of ``config`` is
            unknown, or ``source`` is combined with ``prompt``, ``image`` or ``video``.

    Fails with:
        Unsupported: If a field is set that the backend does not have; the error lists the paths.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

        OperationFailed: After ``| until_done()``, if the generation has failed.

    >>> generate("veo-3.1-generate-preview", "a cat runs", config={"duration_seconds": 8}).operation.config
    GenerateVideosConfig(duration_seconds=8)
    """
    if source is not None and not (prompt is None and image is None and video is None):
        raise InvalidRequest("source", source, "either source, or prompt, image and video")
    return Request(
        GenerateVideos(
            model=check_model_name(model),
            prompt=as_value(str | None, prompt, "prompt"),
            image=as_value(Image | None, image, "image"),
            video=as_value(Video | None, video, "video"),
            source=as_value(GenerateVideosSource | None, source, "source"),
            config=as_struct(GenerateVideosConfig, config),
        )
    )


def _refuse_gemini_unsupported(operation: GenerateVideos, at: Gemini) -> None:
    """Raise `Unsupported` for style references, and for a video with both a URI and bytes."""
    references = enumerate(operation.config.reference_images or ())
    paths = [
        f"config.reference_images[{index}].reference_type"
        for index, each in references
        if each.reference_type == VideoGenerationReferenceType.STYLE
    ]
    videos = {"video": operation.video, "source.video": operation.source.video if operation.source else None}
    paths += [f"{path}.video_bytes" for path, video in videos.items() if video and _has_uri_and_bytes(video)]
    if paths:
        raise Unsupported(at.title, tuple(paths))


def _has_uri_and_bytes(video: Video) -> bool:
    return video.uri is not None and video.video_bytes is not None


# Request


class _WireVideo(OpenMessage):
    """A video: the first three fields are Gemini's, the others Vertex AI's."""

    uri: str | None = None
    encoded_video: bytes | None = None
    encoding: str | None = None
    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


class _VideoReferenceImage(Message):
    image: WireImage | None = None
    reference_type: VideoGenerationReferenceType | None = None


class _VideoMask(WireImage):
    mask_mode: VideoGenerationMaskMode | None = None


class _VideoInstance(Message):
    prompt: str | None = None
    image: WireImage | None = None
    video: _WireVideo | None = None
    last_frame: WireImage | None = None
    reference_images: tuple[_VideoReferenceImage, ...] | None = None
    mask: _VideoMask | None = None


class _VideoParameters(Message):
    number_of_videos: int | None = field(default=None, name="sampleCount")
    output_gcs_uri: str | None = field(default=None, name="storageUri")
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


class _VideosBody(PredictBody):
    webhook_config: WebhookConfig | None = None


def _encode_body(operation: GenerateVideos, at: Backend) -> _VideosBody:
    instance = _encode_instance(operation, at)
    return copy_fields(
        _VideosBody,
        operation.config,
        instances=None if instance == _VideoInstance() else (instance,),
        parameters=omit_if_empty(copy_fields(_VideoParameters, operation.config)),
    )


def _encode_instance(operation: GenerateVideos, at: Backend) -> _VideoInstance:
    source = operation.source or operation
    return copy_fields(
        _VideoInstance,
        operation.config,
        prompt=source.prompt,
        image=encode_image(source.image),
        video=_encode_video(source.video, at),
        mask=_encode_mask(operation.config.mask),
    )


def _encode_video(video: Video | None, at: Backend) -> _WireVideo | None:
    if video is None:
        return None
    if isinstance(at, Gemini):
        return _WireVideo(uri=video.uri, encoded_video=video.video_bytes, encoding=video.mime_type, extra=video.extra)
    return _WireVideo(
        gcs_uri=video.uri, bytes_base64_encoded=video.video_bytes, mime_type=video.mime_type, extra=video.extra
    )


def _encode_mask(mask: VideoGenerationMask | None) -> _VideoMask | None:
    return None if mask is None else copy_fields(_VideoMask, mask.image or Image(), mask_mode=mask.mask_mode)


# Response: ``response.generateVideoResponse.generatedSamples[].video`` of Gemini, ``response.videos[]`` of Vertex


class _VideoSample(OpenMessage):
    video: _WireVideo | None = None


class _WireVideos(OpenMessage):
    type_url: str | None = field(default=None, name="@type")
    """The message type, which the JSON of a ``google.protobuf.Any`` contains."""
    generated_samples: tuple[_VideoSample, ...] = ()
    videos: tuple[_WireVideo, ...] = ()
    rai_media_filtered_count: int | None = None
    rai_media_filtered_reasons: tuple[str, ...] = ()


class _VideosResponse(_WireVideos):
    generate_video_response: _WireVideos | None = None


class _VideosOperationBody(OpenMessage):
    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    response: _VideosResponse | None = None


def _decode_operation(wire: _VideosOperationBody) -> GenerateVideosOperation:
    response = None if wire.response is None else _decode_response(wire.response)
    return copy_fields(GenerateVideosOperation, wire, response=response, result=response)


def _decode_response(wire: _VideosResponse) -> GenerateVideosResponse:
    inner = wire.generate_video_response
    found = inner or wire
    samples = (*found.generated_samples, *(_VideoSample(video=each) for each in found.videos))
    videos = tuple(GeneratedVideo(video=_decode_video(each.video), extra=each.extra) for each in samples)
    return copy_fields(GenerateVideosResponse, found, generated_videos=videos, extra=merge_extra(wire, inner))


def _decode_video(wire: _WireVideo | None) -> Video | None:
    if wire is None:
        return None
    return Video(
        uri=wire.uri if wire.uri is not None else wire.gcs_uri,
        video_bytes=wire.encoded_video if wire.encoded_video is not None else wire.bytes_base64_encoded,
        mime_type=wire.encoding if wire.encoding is not None else wire.mime_type,
        extra=wire.extra,
    )


VIDEOS_OPERATION: Final[ResponseReader[GenerateVideosOperation]] = read_json(_VideosOperationBody, _decode_operation)
"""Reader of the state of a video generation, for both backends."""
