"""Image editing; the builder is ``images.edit``."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from msgspec import field

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.images.prediction import (
    ImageParameters,
    PredictBody,
    WireImage,
    encode_image_parameters,
    read_generated_images,
)
from genai_fn.ops.request_parts import copy_fields
from genai_fn.request import POST, Call, Operation, Refusal, Request
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.image_editing import (
    ContentReferenceImage,
    ControlReferenceImage,
    ControlReferenceType,
    EditImageConfig,
    EditImageResponse,
    EditMode,
    MaskReferenceImage,
    MaskReferenceMode,
    RawReferenceImage,
    StyleReferenceImage,
    SubjectReferenceImage,
    SubjectReferenceType,
)
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.media import EditImageConfigLike

__all__ = ["EditImage", "ReferenceImage", "edit"]

ReferenceImage: TypeAlias = (
    RawReferenceImage
    | MaskReferenceImage
    | ControlReferenceImage
    | StyleReferenceImage
    | SubjectReferenceImage
    | ContentReferenceImage
)


class EditImage(Operation[EditImageResponse]):
    """Edit images."""

    op: ClassVar = "images.edit"

    model: str
    prompt: str
    reference_images: tuple[ReferenceImage, ...]
    config: EditImageConfig = EditImageConfig()

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("images can be edited only on Vertex AI")

    def vertex(self, at: Vertex) -> Call[EditImageResponse]:
        return POST(
            f"{resolve_model_name(at, self.model)}:predict",
            _encode_edit(self),
            read_generated_images(EditImageResponse),
        )


def edit(
    model: str,
    prompt: str,
    reference_images: Sequence[ReferenceImage | Mapping[str, Any]],
    config: "EditImageConfigLike | None" = None,
) -> Request[EditImageResponse]:
    """
    Edit images. Vertex AI only.

    Args:
        model: An Imagen model, such as ``imagen-3.0-capability-001``, in any form that ``genai_fn.generate`` accepts.

        prompt: The edit to make. It refers to the images by their ``reference_id``, as in ``[1]``.

        reference_images: The image to edit, its mask, and images of a style or a subject: a `RawReferenceImage`, a
            `MaskReferenceImage` and so on, or dicts with a ``reference_type`` such as ``"REFERENCE_TYPE_MASK"``.

        config: Kind of edit, number of images, output file type, and more.

    Raises:
        InvalidRequest: If the model name is empty or invalid, an argument has the wrong type, a dict has no valid
            ``reference_type``, or a field of ``config`` is unknown.

    Fails with:
        Unsupported: On the Gemini Developer API.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

    >>> cat = {"reference_type": "REFERENCE_TYPE_RAW", "reference_id": 1, "reference_image": {"gcs_uri": "gs://b/c.png"}}
    >>> edit("imagen-3.0-capability-001", "a hat on [1]", [cat]).operation.reference_images
    (RawReferenceImage(reference_image=Image(gcs_uri='gs://b/c.png'), reference_id=1),)
    """
    return Request(
        EditImage(
            model=check_model_name(model),
            prompt=as_value(str, prompt, "prompt"),
            reference_images=_parse_reference_images(reference_images),
            config=as_struct(EditImageConfig, config),
        )
    )


def _parse_reference_images(images: Any) -> tuple[ReferenceImage, ...]:
    if not isinstance(images, Sequence) or isinstance(images, str | bytes):
        raise InvalidRequest("reference_images", images, "a list of reference images")
    return tuple(
        _parse_reference_image(each, f"reference_images[{index}]") for index, each in enumerate(cast("Any", images))
    )


def _parse_reference_image(image: Any, path: str) -> ReferenceImage:
    if isinstance(image, _REFERENCE_CLASSES):
        return as_struct(type(image), image, path)
    if not isinstance(image, Mapping):
        raise InvalidRequest(path, image, "a RawReferenceImage, a MaskReferenceImage, …")
    fields = dict(cast("Mapping[str, Any]", image))
    type_name = fields.pop("reference_type", None) or fields.pop("referenceType", None)
    kind = _CLASS_BY_REFERENCE_TYPE.get(type_name) if isinstance(type_name, str) else None
    if kind is None:
        raise InvalidRequest(
            f"{path}.reference_type", type_name, f"in a dict, one of {', '.join(_CLASS_BY_REFERENCE_TYPE)}"
        )
    return as_struct(kind, fields, path)


_CLASS_BY_REFERENCE_TYPE: dict[str, type[ReferenceImage]] = {
    "REFERENCE_TYPE_RAW": RawReferenceImage,
    "REFERENCE_TYPE_MASK": MaskReferenceImage,
    "REFERENCE_TYPE_CONTROL": ControlReferenceImage,
    "REFERENCE_TYPE_STYLE": StyleReferenceImage,
    "REFERENCE_TYPE_SUBJECT": SubjectReferenceImage,
    "REFERENCE_TYPE_CONTENT": ContentReferenceImage,
}
_REFERENCE_CLASSES = tuple(_CLASS_BY_REFERENCE_TYPE.values())
_REFERENCE_TYPE_BY_CLASS = {kind: name for name, kind in _CLASS_BY_REFERENCE_TYPE.items()}


class _MaskConfig(Message):
    mask_mode: MaskReferenceMode | None = None
    segmentation_classes: tuple[int, ...] | None = field(default=None, name="maskClasses")
    mask_dilation: float | None = field(default=None, name="dilation")


class _ControlConfig(Message):
    control_type: ControlReferenceType | None = None
    enable_control_image_computation: bool | None = field(default=None, name="computeControl")


class _StyleConfig(Message):
    style_description: str | None = field(default=None, name="style_description")


class _SubjectConfig(Message):
    subject_type: SubjectReferenceType | None = field(default=None, name="subject_type")
    subject_description: str | None = field(default=None, name="subject_description")


class _ReferenceBody(Message):
    reference_type: str
    reference_image: WireImage | None = None
    reference_id: int | None = None


class _MaskBody(_ReferenceBody):
    config: _MaskConfig | None = field(default=None, name="maskImageConfig")


class _ControlBody(_ReferenceBody):
    config: _ControlConfig | None = field(default=None, name="controlImageConfig")


class _StyleBody(_ReferenceBody):
    config: _StyleConfig | None = field(default=None, name="styleImageConfig")


class _SubjectBody(_ReferenceBody):
    config: _SubjectConfig | None = field(default=None, name="subjectImageConfig")


class _EditInstance(Message):
    prompt: str
    reference_images: tuple[_ReferenceBody, ...]


class _EditConfig(Message):
    base_steps: int


class _EditParameters(ImageParameters):
    edit_mode: EditMode | None = None
    edit_config: _EditConfig | None = None


def _encode_edit(operation: EditImage) -> PredictBody:
    config = operation.config
    steps = None if config.base_steps is None else _EditConfig(base_steps=config.base_steps)
    images = tuple(map(_encode_reference_image, operation.reference_images))
    return PredictBody(
        instances=(_EditInstance(prompt=operation.prompt, reference_images=images),),
        parameters=encode_image_parameters(_EditParameters, config, edit_config=steps),
        labels=config.labels,
    )


def _encode_reference_image(image: ReferenceImage) -> _ReferenceBody:
    kind = _BODY_BY_CLASS.get(type(image), _ReferenceBody)
    return copy_fields(kind, image, reference_type=_REFERENCE_TYPE_BY_CLASS[type(image)])


_BODY_BY_CLASS: Mapping[type[ReferenceImage], type[_ReferenceBody]] = {
    MaskReferenceImage: _MaskBody,
    ControlReferenceImage: _ControlBody,
    StyleReferenceImage: _StyleBody,
    SubjectReferenceImage: _SubjectBody,
}
"""Bodies of the images with a config; its JSON name is another in each."""
