"""Videos: the type and generation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from genai_fn.errors import InvalidRequest
from genai_fn.schema.base import GeminiOnly, Message, OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.disk import read_file, write_file
from genai_fn.schema.images import Image
from genai_fn.schema.mime_types import guess_mime_type, resolve_mime_type
from genai_fn.schema.notebooks import build_video_bundle, display_in_notebook
from genai_fn.schema.operations import LongRunningOperation, WebhookConfig

if TYPE_CHECKING:
    from pathlib import PurePath


class VideoGenerationReferenceType(OpenEnum):
    """How a reference image is used."""

    ASSET = "ASSET"
    STYLE = "STYLE"


class VideoGenerationMaskMode(OpenEnum):
    """What happens in the area of a mask."""

    INSERT = "INSERT"
    REMOVE = "REMOVE"
    REMOVE_STATIC = "REMOVE_STATIC"
    OUTPAINT = "OUTPAINT"


class VideoCompressionQuality(OpenEnum):
    """Compression of a video."""

    OPTIMIZED = "OPTIMIZED"
    LOSSLESS = "LOSSLESS"


class ImageResizeMode(OpenEnum):
    """How an image is fitted to the aspect ratio of a video."""

    CROP = "CROP"
    PAD = "PAD"


class Video(OpenMessage):
    """A video: its bytes, or its URI."""

    uri: str | None = None
    video_bytes: bytes | None = None
    mime_type: str | None = None

    @classmethod
    def from_file(cls, *, location: "str | PurePath", mime_type: str | None = None) -> Self:
        """Read a video from a file. Without `mime_type`, it is guessed from the extension."""
        name = str(location)
        guessed = guess_mime_type(name) if mime_type is None else mime_type
        return cls(video_bytes=read_file(name), mime_type=guessed)

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str) -> Self:
        """Build a video of bytes."""
        return cls(video_bytes=data, mime_type=mime_type)

    @classmethod
    def from_uri(cls, *, file_uri: str, mime_type: str | None = None) -> Self:
        """Build a video of a URI. Without `mime_type`, the extension must determine it."""
        return cls(uri=file_uri, mime_type=resolve_mime_type(file_uri, mime_type))

    def save(self, path: str) -> None:
        """Write the bytes of the video to a file. Raises InvalidRequest if there are none."""
        write_file(path, self._get_bytes())

    def show(self) -> None:
        """Display the video in a notebook; elsewhere, do nothing. Raises InvalidRequest if it has no bytes."""
        self._get_bytes()
        display_in_notebook(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str] | None:
        return None if self.video_bytes is None else build_video_bundle(self.video_bytes, self.mime_type)

    def _get_bytes(self) -> bytes:
        if self.video_bytes is None:
            raise InvalidRequest("video_bytes", self, "a Video with its bytes: download a remote one first")
        return self.video_bytes


class GenerateVideosSource(Message):
    """Input of a generated video: a prompt, a first frame, or a video to extend."""

    prompt: str | None = None
    image: Image | None = None
    video: Video | None = None


class VideoGenerationReferenceImage(Message):
    """An image whose content or style is used."""

    image: Image | None = None
    reference_type: VideoGenerationReferenceType | None = None


class VideoGenerationMask(Message):
    """A mask of the area to change in a video."""

    image: Image | None = None
    mask_mode: VideoGenerationMaskMode | None = None


class GenerateVideosConfig(Message):
    """Options of `videos.generate`."""

    number_of_videos: int | None = None
    output_gcs_uri: VertexOnly[str | None] = None
    """Cloud Storage prefix for the output, ``gs://…``."""
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
    """Pub/Sub topic for progress notifications, ``projects/…/topics/…``."""
    negative_prompt: str | None = None
    """What the output should not show."""
    enhance_prompt: bool | None = None
    """Whether the service may rewrite the prompt first."""
    generate_audio: VertexOnly[bool | None] = None
    last_frame: Image | None = None
    """The last frame of the video."""
    reference_images: tuple[VideoGenerationReferenceImage, ...] | None = None
    mask: VertexOnly[VideoGenerationMask | None] = None
    compression_quality: VertexOnly[VideoCompressionQuality | None] = None
    labels: VertexOnly[Mapping[str, str] | None] = None
    """Your own labels, for billing reports."""
    webhook_config: GeminiOnly[WebhookConfig | None] = None
    resize_mode: VertexOnly[ImageResizeMode | None] = None
    """How the first and the last frame are resized."""


class GeneratedVideo(OpenMessage):
    """A video that was generated."""

    video: Video | None = None


class GenerateVideosResponse(OpenMessage):
    """The generated videos, and the reasons why some were filtered."""

    generated_videos: tuple[GeneratedVideo, ...] = ()
    rai_media_filtered_count: int | None = None
    rai_media_filtered_reasons: tuple[str, ...] = ()


class GenerateVideosOperation(LongRunningOperation):
    """The generation of videos: a long-running operation."""

    response: GenerateVideosResponse | None = None
    result: GenerateVideosResponse | None = None
    """The same as ``response``."""
