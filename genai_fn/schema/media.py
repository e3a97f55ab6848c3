"""How the model processes media: resolution, ranges, layers, and speech."""

from typing import Any

from genai_fn.schema.base import OpenEnum, OpenMessage


class PartMediaResolutionLevel(OpenEnum):
    """Resolution at which the model processes a part."""

    MEDIA_RESOLUTION_UNSPECIFIED = "MEDIA_RESOLUTION_UNSPECIFIED"
    MEDIA_RESOLUTION_LOW = "MEDIA_RESOLUTION_LOW"
    MEDIA_RESOLUTION_MEDIUM = "MEDIA_RESOLUTION_MEDIUM"
    MEDIA_RESOLUTION_HIGH = "MEDIA_RESOLUTION_HIGH"
    MEDIA_RESOLUTION_ULTRA_HIGH = "MEDIA_RESOLUTION_ULTRA_HIGH"


class MediaProcessing(OpenEnum):
    """Which frames of a video the model sees."""

    MEDIA_PROCESSING_UNSPECIFIED = "MEDIA_PROCESSING_UNSPECIFIED"
    STATIC = "STATIC"
    """Frames at a fixed rate."""
    AGENTIC = "AGENTIC"
    """The model chooses the frames."""


class VideoMetadataContentLayer(OpenEnum):
    """What the model receives of a video."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    FRAMES = "FRAMES"
    AUDIO = "AUDIO"
    TRANSCRIPT = "TRANSCRIPT"


class DocumentMetadataContentLayer(OpenEnum):
    """What the model receives of a document."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    PAGE_IMAGE = "PAGE_IMAGE"
    PAGE_TEXT = "PAGE_TEXT"


class SpreadsheetMetadataContentLayer(OpenEnum):
    """What the model receives of a spreadsheet."""

    CONTENT_LAYER_UNSPECIFIED = "CONTENT_LAYER_UNSPECIFIED"
    DATA = "DATA"
    """Values, formats and merged cells."""
    FORMULAS = "FORMULAS"
    """Formulas and their results."""
    VISUAL = "VISUAL"
    """An image of the sheet."""


class PartMediaResolution(OpenMessage):
    """Resolution at which the model processes a part: a level, or a number of tokens."""

    level: PartMediaResolutionLevel | None = None
    num_tokens: int | None = None

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        return {"level": value} if isinstance(value, str) else NotImplemented


class VideoMetadata(OpenMessage):
    """Range, frame rate and layers of a video."""

    end_offset: str | None = None
    """Offset of the end, such as ``"12.5s"``."""
    fps: float | None = None
    """Frames per second that are processed, above 0 and up to 24."""
    start_offset: str | None = None
    """Offset of the start, such as ``"2s"``."""
    content_layers: tuple[VideoMetadataContentLayer, ...] | None = None


class AudioMetadata(OpenMessage):
    """Range of a recording."""

    start_offset: str | None = None
    """Offset of the start, such as ``"2s"``."""
    end_offset: str | None = None
    """Offset of the end, such as ``"12.5s"``."""


class DocumentMetadata(OpenMessage):
    """Pages and layers of a document."""

    start_page: int | None = None
    """First page, counted from 1."""
    end_page: int | None = None
    """Last page, counted from 1, inclusive."""
    content_layers: tuple[DocumentMetadataContentLayer, ...] | None = None
    """Defaults to ``PAGE_IMAGE``."""


class SpreadsheetMetadata(OpenMessage):
    """Cells and layers of a spreadsheet."""

    visible_cells: str | None = None
    """Range of cells, such as ``A1:D10``. Defaults to all cells in use."""
    sheet_index: int | None = None
    """Index of the sheet, counted from 1."""
    content_layers: tuple[SpreadsheetMetadataContentLayer, ...] | None = None
    """Defaults to ``DATA`` and ``FORMULAS``."""


class SpeechMetadata(OpenMessage):
    """How a part is spoken."""

    speaker: str | None = None
    """Name of a speaker of `MultiSpeakerVoiceConfig`."""
    style: str | None = None
    """Instruction on the style, such as ``excited, fast``."""
