"""Image editing, recontextualization and segmentation."""

from collections.abc import Mapping

from genai_fn.schema.base import Message, OpenEnum, OpenMessage
from genai_fn.schema.images import GeneratedImage, Image, ImagePromptLanguage, PersonGeneration, SafetyFilterLevel


class MaskReferenceMode(OpenEnum):
    """Whether the caller provides the mask of an edit, or the service detects it, and in which way."""

    MASK_MODE_DEFAULT = "MASK_MODE_DEFAULT"
    MASK_MODE_USER_PROVIDED = "MASK_MODE_USER_PROVIDED"
    MASK_MODE_BACKGROUND = "MASK_MODE_BACKGROUND"
    MASK_MODE_FOREGROUND = "MASK_MODE_FOREGROUND"
    MASK_MODE_SEMANTIC = "MASK_MODE_SEMANTIC"


class ControlReferenceType(OpenEnum):
    """What a control image contains: edges, a scribble, or a face mesh."""

    CONTROL_TYPE_DEFAULT = "CONTROL_TYPE_DEFAULT"
    CONTROL_TYPE_CANNY = "CONTROL_TYPE_CANNY"
    CONTROL_TYPE_SCRIBBLE = "CONTROL_TYPE_SCRIBBLE"
    CONTROL_TYPE_FACE_MESH = "CONTROL_TYPE_FACE_MESH"


class SubjectReferenceType(OpenEnum):
    """Kind of subject in an image."""

    SUBJECT_TYPE_DEFAULT = "SUBJECT_TYPE_DEFAULT"
    SUBJECT_TYPE_PERSON = "SUBJECT_TYPE_PERSON"
    SUBJECT_TYPE_ANIMAL = "SUBJECT_TYPE_ANIMAL"
    SUBJECT_TYPE_PRODUCT = "SUBJECT_TYPE_PRODUCT"


class EditMode(OpenEnum):
    """What an edit does, such as removing an object or replacing the background."""

    EDIT_MODE_DEFAULT = "EDIT_MODE_DEFAULT"
    EDIT_MODE_INPAINT_REMOVAL = "EDIT_MODE_INPAINT_REMOVAL"
    EDIT_MODE_INPAINT_INSERTION = "EDIT_MODE_INPAINT_INSERTION"
    EDIT_MODE_OUTPAINT = "EDIT_MODE_OUTPAINT"
    EDIT_MODE_CONTROLLED_EDITING = "EDIT_MODE_CONTROLLED_EDITING"
    EDIT_MODE_STYLE = "EDIT_MODE_STYLE"
    EDIT_MODE_BGSWAP = "EDIT_MODE_BGSWAP"
    EDIT_MODE_PRODUCT_IMAGE = "EDIT_MODE_PRODUCT_IMAGE"


class SegmentMode(OpenEnum):
    """What segmentation looks for in an image."""

    FOREGROUND = "FOREGROUND"
    BACKGROUND = "BACKGROUND"
    PROMPT = "PROMPT"
    SEMANTIC = "SEMANTIC"
    INTERACTIVE = "INTERACTIVE"


class MaskReferenceConfig(Message):
    """How the mask of an edit is made: its mode, the classes of objects to detect, and its dilation."""

    mask_mode: MaskReferenceMode | None = None
    segmentation_classes: tuple[int, ...] | None = None
    """IDs of at most 5 classes of objects, for ``MASK_MODE_SEMANTIC``."""
    mask_dilation: float | None = None
    """Dilation of the mask, from 0 to 1."""


class ControlReferenceConfig(Message):
    """Configuration of a control image."""

    control_type: ControlReferenceType | None = None
    enable_control_image_computation: bool | None = None
    """Whether the control image is computed from the given image."""


class StyleReferenceConfig(Message):
    """Description of the style of an image."""

    style_description: str | None = None


class SubjectReferenceConfig(Message):
    """Description of the subject of an image."""

    subject_type: SubjectReferenceType | None = None
    subject_description: str | None = None


class ReferenceImage(Message):
    """Base of the images that an edit refers to."""

    reference_image: Image | None = None
    reference_id: int | None = None
    """Number by which the prompt refers to the image, as in ``[1]``."""


class RawReferenceImage(ReferenceImage):
    """The image to edit."""


class MaskReferenceImage(ReferenceImage):
    """A mask of the area that an edit may change."""

    config: MaskReferenceConfig | None = None


class ControlReferenceImage(ReferenceImage):
    """An image whose edges, scribble or face mesh guides the edit."""

    config: ControlReferenceConfig | None = None


class StyleReferenceImage(ReferenceImage):
    """An image whose style the result has."""

    config: StyleReferenceConfig | None = None


class SubjectReferenceImage(ReferenceImage):
    """An image of a person, animal or product that the result shows."""

    config: SubjectReferenceConfig | None = None


class ContentReferenceImage(ReferenceImage):
    """An image whose content is used."""


class EditImageConfig(Message):
    """Options of `images.edit`."""

    output_gcs_uri: str | None = None
    """Cloud Storage prefix for the output, ``gs://…``."""
    negative_prompt: str | None = None
    """What the output should not show."""
    number_of_images: int | None = None
    aspect_ratio: str | None = None
    """``1:1``, ``3:4``, ``4:3``, ``9:16`` or ``16:9``."""
    guidance_scale: float | None = None
    """How closely the prompt is followed. Higher values follow it more closely, at the cost of image quality."""
    seed: int | None = None
    """Seed; works only without a watermark."""
    safety_filter_level: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    include_safety_attributes: bool | None = None
    include_rai_reason: bool | None = None
    language: ImagePromptLanguage | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    """From 0 to 100; JPEG only."""
    add_watermark: bool | None = None
    labels: Mapping[str, str] | None = None
    edit_mode: EditMode | None = None
    base_steps: int | None = None
    """Number of sampling steps. More steps give better images and take longer."""


class EditImageResponse(OpenMessage):
    """The edited images."""

    generated_images: tuple[GeneratedImage, ...] = ()


class ProductImage(Message):
    """An image of a product."""

    product_image: Image | None = None


class RecontextImageSource(Message):
    """The person or product to put into a new scene."""

    prompt: str | None = None
    person_image: Image | None = None
    """Image of the person who wears the product."""
    product_images: tuple[ProductImage, ...] | None = None


class RecontextImageConfig(Message):
    """Options of `images.recontext`."""

    number_of_images: int | None = None
    base_steps: int | None = None
    """Number of sampling steps. More steps give better images and take longer."""
    output_gcs_uri: str | None = None
    """Cloud Storage prefix for the output, ``gs://…``."""
    seed: int | None = None
    """Seed; works only without a watermark."""
    safety_filter_level: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    add_watermark: bool | None = None
    output_mime_type: str | None = None
    output_compression_quality: int | None = None
    """From 0 to 100; JPEG only."""
    enhance_prompt: bool | None = None
    """Whether the service may rewrite the prompt first."""
    labels: Mapping[str, str] | None = None


class RecontextImageResponse(OpenMessage):
    """The images of the person or product in the new scene."""

    generated_images: tuple[GeneratedImage, ...] = ()


class ScribbleImage(Message):
    """A black-and-white scribble that marks an object."""

    image: Image | None = None


class SegmentImageSource(Message):
    """The image to segment, and what to look for."""

    prompt: str | None = None
    image: Image | None = None
    scribble_image: ScribbleImage | None = None
    """Scribble, for the mode ``INTERACTIVE``."""


class SegmentImageConfig(Message):
    """Options of `images.segment`."""

    mode: SegmentMode | None = None
    max_predictions: int | None = None
    confidence_threshold: float | None = None
    """Minimum confidence of a mask, from 0 to 1."""
    mask_dilation: float | None = None
    """Dilation of the masks, from 0 to 1."""
    binary_color_threshold: float | None = None
    """Threshold between black and white in a mask, from 0 to 255; -1 keeps the mask grey."""
    labels: Mapping[str, str] | None = None


class EntityLabel(OpenMessage):
    """A label of what a mask covers, with its score."""

    label: str | None = None
    score: float | None = None


class GeneratedImageMask(OpenMessage):
    """A mask, and labels of what it covers."""

    mask: Image | None = None
    labels: tuple[EntityLabel, ...] = ()


class SegmentImageResponse(OpenMessage):
    """The masks that segmentation returned."""

    generated_masks: tuple[GeneratedImageMask, ...] = ()
