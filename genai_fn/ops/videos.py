"""Videos: made of prompts, pictures and other videos, which takes minutes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.names import model_name, valid_model
from genai_fn.ops._parts import nothing_is_none
from genai_fn.ops._predict import Picture, Predict, picture
from genai_fn.request import POST, Answer, Call, Operation, Request, json
from genai_fn.schema import (
    GeneratedVideo,
    GenerateVideosConfig,
    GenerateVideosOperation,
    GenerateVideosResponse,
    GenerateVideosSource,
    Image,
    Video,
    VideoCompressionQuality,
    VideoGenerationMask,
    VideoGenerationMaskMode,
    VideoGenerationReferenceImage,
    VideoGenerationReferenceType,
)
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct, as_value

__all__ = ["FILMED", "GenerateVideos", "generate"]


class GenerateVideos(Operation[GenerateVideosOperation]):
    """Begin to make videos."""

    op: ClassVar = "videos.generate"
    repeatable: ClassVar = False

    model: str
    prompt: str | None = None
    image: Image | None = None
    video: Video | None = None
    source: GenerateVideosSource | None = None
    config: GenerateVideosConfig = GenerateVideosConfig()

    def gemini(self, at: Gemini) -> Call[GenerateVideosOperation]:
        _without_what_gemini_refuses(self, at)
        return POST(f"{model_name(at, self.model)}:predictLongRunning", nothing_is_none(_body(self, at)), FILMED)

    def vertex(self, at: Vertex) -> Call[GenerateVideosOperation]:
        return POST(f"{model_name(at, self.model)}:predictLongRunning", nothing_is_none(_body(self, at)), FILMED)


def generate(
    model: str,
    prompt: str | None = None,
    *,
    image: Image | Mapping[str, Any] | None = None,
    video: Video | Mapping[str, Any] | None = None,
    source: GenerateVideosSource | Mapping[str, Any] | None = None,
    config: GenerateVideosConfig | Mapping[str, Any] | None = None,
) -> Request[GenerateVideosOperation]:
    """
    Begin to make videos, which takes minutes: ask with ``operations.get`` how far it has come.

    Args:
        model: A Veo model, such as ``veo-3.1-generate-preview``, in any form that ``generate`` of contents takes.

        prompt: What is to happen.

        image: How the video begins.

        video: What it goes on from. Gemini takes its ``uri`` or its bytes, not both.

        source: Prompt, image and video in one, in place of these.

        config: How many, how long, of which shape; how they end, what they show.

    >>> generate("veo-3.1-generate-preview", "a cat runs", config={"duration_seconds": 8}).operation.config
    GenerateVideosConfig(duration_seconds=8)
    """
    if source is not None and not (prompt is None and image is None and video is None):
        raise InvalidRequest("source", source, "either a source, or a prompt, image and video")
    return Request(
        GenerateVideos(
            model=valid_model(model),
            prompt=as_value(str | None, prompt, "prompt"),
            image=as_value(Image | None, image, "image"),
            video=as_value(Video | None, video, "video"),
            source=as_value(GenerateVideosSource | None, source, "source"),
            config=as_struct(GenerateVideosConfig, config),
        )
    )


def _without_what_gemini_refuses(operation: GenerateVideos, at: Gemini) -> None:
    references = enumerate(operation.config.reference_images or ())
    paths = [
        f"config.reference_images[{index}].reference_type"
        for index, each in references
        if each.reference_type == VideoGenerationReferenceType.STYLE
    ]
    videos = {"video": operation.video, "source.video": operation.source.video if operation.source else None}
    paths += [f"{path}.video_bytes" for path, video in videos.items() if video and _is_given_twice(video)]
    if paths:
        raise Unsupported(at.title, tuple(paths))


def _is_given_twice(video: Video) -> bool:
    return video.uri is not None and video.video_bytes is not None


# Out


class _Film(Message):
    """A video: the first three are Gemini's words, the others Vertex AI's."""

    uri: str | None = None
    encoded_video: bytes | None = None
    encoding: str | None = None
    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


class _Reference(Message):
    image: Picture | None = None
    reference_type: VideoGenerationReferenceType | None = None


class _Mask(Picture):
    mask_mode: VideoGenerationMaskMode | None = None


class _Scene(Message):
    prompt: str | None = None
    image: Picture | None = None
    video: _Film | None = None
    last_frame: Picture | None = None
    reference_images: tuple[_Reference, ...] | None = None
    mask: _Mask | None = None


class _Parameters(Message):
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


def _body(operation: GenerateVideos, at: Backend) -> Predict:
    scene, how = _scene(operation, at), _how(operation.config)
    return Predict(instances=None if scene == _Scene() else (scene,), parameters=nothing_is_none(how))


def _scene(operation: GenerateVideos, at: Backend) -> _Scene:
    source = operation.source or operation
    config = operation.config
    return _Scene(
        prompt=source.prompt,
        image=picture(source.image),
        video=_video(source.video, at),
        last_frame=picture(config.last_frame),
        reference_images=_references(config.reference_images),
        mask=_mask(config.mask),
    )


def _video(video: Video | None, at: Backend) -> _Film | None:
    if video is None:
        return None
    if isinstance(at, Gemini):
        return _Film(uri=video.uri, encoded_video=video.video_bytes, encoding=video.mime_type)
    return _Film(gcs_uri=video.uri, bytes_base64_encoded=video.video_bytes, mime_type=video.mime_type)


def _references(images: tuple[VideoGenerationReferenceImage, ...] | None) -> tuple[_Reference, ...] | None:
    if images is None:
        return None
    return tuple(_Reference(image=picture(each.image), reference_type=each.reference_type) for each in images)


def _mask(mask: VideoGenerationMask | None) -> _Mask | None:
    if mask is None:
        return None
    image = mask.image or Image()
    return _Mask(
        gcs_uri=image.gcs_uri,
        bytes_base64_encoded=image.image_bytes,
        mime_type=image.mime_type,
        mask_mode=mask.mask_mode,
    )


def _how(config: GenerateVideosConfig) -> _Parameters:
    return _Parameters(
        sample_count=config.number_of_videos,
        storage_uri=config.output_gcs_uri,
        fps=config.fps,
        duration_seconds=config.duration_seconds,
        seed=config.seed,
        aspect_ratio=config.aspect_ratio,
        resolution=config.resolution,
        person_generation=config.person_generation,
        pubsub_topic=config.pubsub_topic,
        negative_prompt=config.negative_prompt,
        enhance_prompt=config.enhance_prompt,
        generate_audio=config.generate_audio,
        compression_quality=config.compression_quality,
    )


# In: ``response.generateVideoResponse.generatedSamples[].video`` of Gemini, ``response.videos[]`` of Vertex


class _Sample(Message):
    video: _Film | None = None


class _Films(Message):
    generated_samples: tuple[_Sample, ...] = ()
    videos: tuple[_Film, ...] = ()
    rai_media_filtered_count: int | None = None
    rai_media_filtered_reasons: tuple[str, ...] = ()


class _Response(_Films):
    generate_video_response: _Films | None = None


class _Filming(Message):
    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    response: _Response | None = None


def _filmed(wire: _Filming) -> GenerateVideosOperation:
    response = None if wire.response is None else _made(wire.response.generate_video_response or wire.response)
    return GenerateVideosOperation(
        name=wire.name,
        metadata=wire.metadata,
        done=wire.done,
        error=wire.error,
        response=response,
        result=response,
    )


def _made(films: _Films) -> GenerateVideosResponse:
    samples = tuple(each.video for each in films.generated_samples)
    return GenerateVideosResponse(
        generated_videos=tuple(GeneratedVideo(video=_seen(each)) for each in (*samples, *films.videos)),
        rai_media_filtered_count=films.rai_media_filtered_count,
        rai_media_filtered_reasons=films.rai_media_filtered_reasons,
    )


def _seen(film: _Film | None) -> Video | None:
    if film is None:
        return None
    return Video(
        uri=film.uri if film.uri is not None else film.gcs_uri,
        video_bytes=film.encoded_video if film.encoded_video is not None else film.bytes_base64_encoded,
        mime_type=film.encoding if film.encoding is not None else film.mime_type,
    )


FILMED: Final[Answer[GenerateVideosOperation]] = json(_Filming, _filmed)
"""How far the making of videos has come, as both backends say it."""
