"""Videos: what one is, and made anew."""

from collections.abc import Mapping
from typing import Any, Self

from genai_fn.errors import InvalidRequest
from genai_fn.schema.base import Message, OpenEnum, VertexOnly
from genai_fn.schema.disk import read_file, write_file
from genai_fn.schema.images import Image
from genai_fn.schema.mime_types import guess_mime_type, resolve_mime_type

__all__ = [
    "GenerateVideosConfig",
    "GenerateVideosOperation",
    "GenerateVideosResponse",
    "GenerateVideosSource",
    "GeneratedVideo",
    "Video",
    "VideoCompressionQuality",
    "VideoGenerationMask",
    "VideoGenerationMaskMode",
    "VideoGenerationReferenceImage",
    "VideoGenerationReferenceType",
]


class VideoGenerationReferenceType(OpenEnum):
    """What is taken from a reference image."""

    ASSET = "ASSET"
    STYLE = "STYLE"


class VideoGenerationMaskMode(OpenEnum):
    """What happens where a mask is."""

    INSERT = "INSERT"
    REMOVE = "REMOVE"
    REMOVE_STATIC = "REMOVE_STATIC"
    OUTPAINT = "OUTPAINT"


class VideoCompressionQuality(OpenEnum):
    """How much of a video's quality may be lost."""

    OPTIMIZED = "OPTIMIZED"
    LOSSLESS = "LOSSLESS"


class Video(Message):
    """A film: its bytes, or where it is."""

    uri: str | None = None
    video_bytes: bytes | None = None
    mime_type: str | None = None

    @classmethod
    def from_file(cls, *, location: str, mime_type: str | None = None) -> Self:
        """Read a film from a file, whose name tells the MIME type unless it is given."""
        told = guess_mime_type(location) if mime_type is None else mime_type
        return cls(video_bytes=read_file(location), mime_type=told)

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str) -> Self:
        """Make one of bytes."""
        return cls(video_bytes=data, mime_type=mime_type)

    @classmethod
    def from_uri(cls, *, file_uri: str, mime_type: str | None = None) -> Self:
        """Make one of a file's address, whose ending tells the MIME type unless it is given."""
        return cls(uri=file_uri, mime_type=resolve_mime_type(file_uri, mime_type))

    def save(self, path: str) -> None:
        """Write the bytes of the film to a file."""
        if self.video_bytes is None:
            raise InvalidRequest("video_bytes", self, "a Video that holds its bytes")
        write_file(path, self.video_bytes)


class GenerateVideosSource(Message):
    """What a film is made of: a prompt, a first picture, a film to go on with."""

    prompt: str | None = None
    image: Image | None = None
    video: Video | None = None


class VideoGenerationReferenceImage(Message):
    """A picture whose things or style are taken."""

    image: Image | None = None
    reference_type: VideoGenerationReferenceType | None = None


class VideoGenerationMask(Message):
    """A picture that says where a film is changed."""

    image: Image | None = None
    mask_mode: VideoGenerationMaskMode | None = None


class GenerateVideosConfig(Message):
    """What films are like."""

    number_of_videos: int | None = None
    output_gcs_uri: VertexOnly[str | None] = None
    """``gs://…`` under which they are stored."""
    fps: VertexOnly[int | None] = None
    duration_seconds: int | None = None
    seed: VertexOnly[int | None] = None
    aspect_ratio: str | None = None
    """``16:9`` or ``9:16``."""
    resolution: str | None = None
    """``720p`` or ``1080p``."""
    person_generation: str | None = None
    """``dont_allow``, ``allow_adult`` or ``allow_all``."""
    pubsub_topic: VertexOnly[str | None] = None
    """``projects/…/topics/…`` that hears how it goes."""
    negative_prompt: str | None = None
    """What should not be seen."""
    enhance_prompt: bool | None = None
    """Whether the prompt may be rewritten first."""
    generate_audio: VertexOnly[bool | None] = None
    last_frame: Image | None = None
    """How the film ends."""
    reference_images: tuple[VideoGenerationReferenceImage, ...] | None = None
    mask: VertexOnly[VideoGenerationMask | None] = None
    compression_quality: VertexOnly[VideoCompressionQuality | None] = None


class GeneratedVideo(Message):
    """A film that was made."""

    video: Video | None = None


class GenerateVideosResponse(Message):
    """The films that were made, and why some were not."""

    generated_videos: tuple[GeneratedVideo, ...] = ()
    rai_media_filtered_count: int | None = None
    rai_media_filtered_reasons: tuple[str, ...] = ()


class GenerateVideosOperation(Message):
    """The making of films, which goes on at the service."""

    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    """A ``google.rpc.Status``."""
    response: GenerateVideosResponse | None = None
    result: GenerateVideosResponse | None = None
    """The same as ``response``."""
