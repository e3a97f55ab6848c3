"""Images made of images: edited, recomposed, segmented."""

from collections.abc import Mapping

from genai_fn.schema.base import Message, OpenEnum
from genai_fn.schema.images import GeneratedImage, Image, ImagePromptLanguage, PersonGeneration, SafetyFilterLevel

__all__ = [
    "ContentReferenceImage",
    "ControlReferenceConfig",
    "ControlReferenceImage",
    "ControlReferenceType",
    "EditImageConfig",
    "EditImageResponse",
    "EditMode",
    "EntityLabel",
    "GeneratedImageMask",
    "MaskReferenceConfig",
    "MaskReferenceImage",
    "MaskReferenceMode",
    "ProductImage",
    "RawReferenceImage",
    "RecontextImageConfig",
    "RecontextImageResponse",
    "RecontextImageSource",
    "ScribbleImage",
    "SegmentImageConfig",
    "SegmentImageResponse",
    "SegmentImageSource",
    "SegmentMode",
    "StyleReferenceConfig",
    "StyleReferenceImage",
    "SubjectReferenceConfig",
    "SubjectReferenceImage",
    "SubjectReferenceType",
]


class MaskReferenceMode(OpenEnum):
    """Where the mask of an edit comes from."""

    MASK_MODE_DEFAULT = "MASK_MODE_DEFAULT"
    MASK_MODE_USER_PROVIDED = "MASK_MODE_USER_PROVIDED"
    MASK_MODE_BACKGROUND = "MASK_MODE_BACKGROUND"
    MASK_MODE_FOREGROUND = "MASK_MODE_FOREGROUND"
    MASK_MODE_SEMANTIC = "MASK_MODE_SEMANTIC"


class ControlReferenceType(OpenEnum):
    """What a control image shows."""

    CONTROL_TYPE_DEFAULT = "CONTROL_TYPE_DEFAULT"
    CONTROL_TYPE_CANNY = "CONTROL_TYPE_CANNY"
    CONTROL_TYPE_SCRIBBLE = "CONTROL_TYPE_SCRIBBLE"
    CONTROL_TYPE_FACE_MESH = "CONTROL_TYPE_FACE_MESH"


class SubjectReferenceType(OpenEnum):
    """What kind of subject an image shows."""

    SUBJECT_TYPE_DEFAULT = "SUBJECT_TYPE_DEFAULT"
    SUBJECT_TYPE_PERSON = "SUBJECT_TYPE_PERSON"
    SUBJECT_TYPE_ANIMAL = "SUBJECT_TYPE_ANIMAL"
    SUBJECT_TYPE_PRODUCT = "SUBJECT_TYPE_PRODUCT"


class EditMode(OpenEnum):
    """What an edit does."""

    EDIT_MODE_DEFAULT = "EDIT_MODE_DEFAULT"
    EDIT_MODE_INPAINT_REMOVAL = "EDIT_MODE_INPAINT_REMOVAL"
    EDIT_MODE_INPAINT_INSERTION = "EDIT_MODE_INPAINT_INSERTION"
    EDIT_MODE_OUTPAINT = "EDIT_MODE_OUTPAINT"
    EDIT_MODE_CONTROLLED_EDITING = "EDIT_MODE_CONTROLLED_EDITING"
    EDIT_MODE_STYLE = "EDIT_MODE_STYLE"
    EDIT_MODE_BGSWAP = "EDIT_MODE_BGSWAP"
    EDIT_MODE_PRODUCT_IMAGE = "EDIT_MODE_PRODUCT_IMAGE"


class SegmentMode(OpenEnum):
    """What is looked for in a picture."""

    FOREGROUND = "FOREGROUND"
    BACKGROUND = "BACKGROUND"
    PROMPT = "PROMPT"
    SEMANTIC = "SEMANTIC"
    INTERACTIVE = "INTERACTIVE"


class MaskReferenceConfig(Message):
    """Where an edit may happen."""

    mask_mode: MaskReferenceMode | None = None
    segmentation_classes: tuple[int, ...] | None = None
    """At most 5, for ``MASK_MODE_SEMANTIC``."""
    mask_dilation: float | None = None
    """From 0 to 1: by how much the mask grows."""


class ControlReferenceConfig(Message):
    """What a control image is."""

    control_type: ControlReferenceType | None = None
    enable_control_image_computation: bool | None = None
    """Whether the control image is first made of the picture given."""


class StyleReferenceConfig(Message):
    """What style an image shows."""

    style_description: str | None = None


class SubjectReferenceConfig(Message):
    """What subject an image shows."""

    subject_type: SubjectReferenceType | None = None
    subject_description: str | None = None


class RawReferenceImage(Message):
    """The picture to edit."""

    reference_image: Image | None = None
    reference_id: int | None = None
    """What the prompt calls it by, as in ``[1]``."""


class MaskReferenceImage(Message):
    """A picture that says where the edit may happen."""

    reference_image: Image | None = None
    reference_id: int | None = None
    """What the prompt calls it by, as in ``[1]``."""
    config: MaskReferenceConfig | None = None


class ControlReferenceImage(Message):
    """A picture whose outlines are followed."""

    reference_image: Image | None = None
    reference_id: int | None = None
    """What the prompt calls it by, as in ``[1]``."""
    config: ControlReferenceConfig | None = None


class StyleReferenceImage(Message):
    """A picture whose style is taken."""

    reference_image: Image | None = None
    reference_id: int | None = None
    """What the prompt calls it by, as in ``[1]``."""
    config: StyleReferenceConfig | None = None


class SubjectReferenceImage(Message):
    """A picture whose subject is taken."""

    reference_image: Image | None = None
    reference_id: int | None = None
    """What the prompt calls it by, as in ``[1]``."""
    config: SubjectReferenceConfig | None = None


class ContentReferenceImage(Message):
    """A picture whose content is taken."""

    reference_image: Image | None = None
    reference_id: int | None = None
    """What the prompt calls it by, as in ``[1]``."""


class EditImageConfig(Message):
    """What edited pictures are like."""

    output_gcs_uri: str | None = None
    """``gs://…`` under which they are stored."""
    negative_prompt: str | None = None
    """What should not be seen."""
    number_of_images: int | None = None
    aspect_ratio: str | None = None
    """``1:1``, ``3:4``, ``4:3``, ``9:16`` or ``16:9``."""
    guidance_scale: float | None = None
    """How closely the prompt is followed: more means closer, and less beautiful."""
    seed: int | None = None
    """Only without a watermark."""
    safety_filter_level: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    include_safety_attributes: bool | None = None
    include_rai_reason: bool | None = None
    language: ImagePromptLanguage | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    """From 0 to 100, JPEG only."""
    add_watermark: bool | None = None
    labels: Mapping[str, str] | None = None
    edit_mode: EditMode | None = None
    base_steps: int | None = None
    """How often the model goes over the picture: more is better, and slower."""


class EditImageResponse(Message):
    """The edited pictures."""

    generated_images: tuple[GeneratedImage, ...] = ()


class ProductImage(Message):
    """A picture of a product."""

    product_image: Image | None = None


class RecontextImageSource(Message):
    """Who or what is put into a new scene."""

    prompt: str | None = None
    person_image: Image | None = None
    """Who tries the product on."""
    product_images: tuple[ProductImage, ...] | None = None


class RecontextImageConfig(Message):
    """What recomposed pictures are like."""

    number_of_images: int | None = None
    base_steps: int | None = None
    """How often the model goes over the picture: more is better, and slower."""
    output_gcs_uri: str | None = None
    """``gs://…`` under which they are stored."""
    seed: int | None = None
    """Only without a watermark."""
    safety_filter_level: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    add_watermark: bool | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    """From 0 to 100, JPEG only."""
    enhance_prompt: bool | None = None
    """Whether the prompt may be rewritten first."""
    labels: Mapping[str, str] | None = None


class RecontextImageResponse(Message):
    """The recomposed pictures."""

    generated_images: tuple[GeneratedImage, ...] = ()


class ScribbleImage(Message):
    """A hand-drawn hint at what is meant, black and white."""

    image: Image | None = None


class SegmentImageSource(Message):
    """What is segmented, and what is looked for."""

    prompt: str | None = None
    image: Image | None = None
    scribble_image: ScribbleImage | None = None
    """For the mode ``INTERACTIVE``."""


class SegmentImageConfig(Message):
    """How a picture is segmented."""

    mode: SegmentMode | None = None
    max_predictions: int | None = None
    confidence_threshold: float | None = None
    """From 0 to 1: only masks at least this certain."""
    mask_dilation: float | None = None
    """From 0 to 1: by how much masks grow."""
    binary_color_threshold: float | None = None
    """From 0 to 255: from which value on a mask is white; -1 leaves it grey."""
    labels: Mapping[str, str] | None = None


class EntityLabel(Message):
    """A name for what a mask covers."""

    label: str | None = None
    score: float | None = None


class GeneratedImageMask(Message):
    """A mask, and names for what it covers."""

    mask: Image | None = None
    labels: tuple[EntityLabel, ...] = ()


class SegmentImageResponse(Message):
    """The masks that were found."""

    generated_masks: tuple[GeneratedImageMask, ...] = ()
