"""Images edited; people find the builder in ``images``."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, cast

from msgspec import field

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.names import model_name, valid_model
from genai_fn.ops._predict import Parameters, Picture, Predict, Predictions, drawn, parameters, picture
from genai_fn.request import POST, Call, Operation, Refusal, Request, json
from genai_fn.schema import (
    ContentReferenceImage,
    ControlReferenceConfig,
    ControlReferenceImage,
    ControlReferenceType,
    EditImageConfig,
    EditImageResponse,
    EditMode,
    MaskReferenceConfig,
    MaskReferenceImage,
    MaskReferenceMode,
    RawReferenceImage,
    StyleReferenceConfig,
    StyleReferenceImage,
    SubjectReferenceConfig,
    SubjectReferenceImage,
    SubjectReferenceType,
)
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct, as_value

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
        return Refusal("images are edited on Vertex AI alone")

    def vertex(self, at: Vertex) -> Call[EditImageResponse]:
        return POST(f"{model_name(at, self.model)}:predict", _edit(self), json(Predictions, _edited))


def edit(
    model: str,
    prompt: str,
    reference_images: Sequence[ReferenceImage | Mapping[str, Any]],
    config: EditImageConfig | Mapping[str, Any] | None = None,
) -> Request[EditImageResponse]:
    """
    Edit images.

    Args:
        model: An Imagen model, such as ``imagen-3.0-capability-001``, in any form that ``generate`` of contents takes.

        prompt: What is to be done; it calls the images by their ``reference_id``, as in ``[1]``.

        reference_images: What to edit, where, and after what: a `RawReferenceImage`, a `MaskReferenceImage` and so on;
            a dict of one says which in ``reference_type``, such as ``"REFERENCE_TYPE_MASK"``.

        config: Which kind of edit, how many images, in which file format.

    >>> cat = {"reference_type": "REFERENCE_TYPE_RAW", "reference_id": 1, "reference_image": {"gcs_uri": "gs://b/c.png"}}
    >>> edit("imagen-3.0-capability-001", "a hat on [1]", [cat]).operation.reference_images
    (RawReferenceImage(reference_image=Image(gcs_uri='gs://b/c.png'), reference_id=1),)
    """
    return Request(
        EditImage(
            model=valid_model(model),
            prompt=as_value(str, prompt, "prompt"),
            reference_images=_references(reference_images),
            config=as_struct(EditImageConfig, config),
        )
    )


def _references(images: Any) -> tuple[ReferenceImage, ...]:
    if not isinstance(images, Sequence) or isinstance(images, str | bytes):
        raise InvalidRequest("reference_images", images, "a list of reference images")
    return tuple(_reference(each, f"reference_images[{index}]") for index, each in enumerate(cast("Any", images)))


def _reference(image: Any, path: str) -> ReferenceImage:
    if isinstance(image, _KINDS):
        return as_struct(type(image), image, path)
    if not isinstance(image, Mapping):
        raise InvalidRequest(path, image, "a RawReferenceImage, a MaskReferenceImage, …")
    fields = dict(cast("Mapping[str, Any]", image))
    named = fields.pop("reference_type", None) or fields.pop("referenceType", None)
    kind = _TYPES.get(named) if isinstance(named, str) else None
    if kind is None:
        raise InvalidRequest(f"{path}.reference_type", named, f"in a dict, one of {', '.join(_TYPES)}")
    return as_struct(kind, fields, path)


_TYPES: dict[str, type[ReferenceImage]] = {
    "REFERENCE_TYPE_RAW": RawReferenceImage,
    "REFERENCE_TYPE_MASK": MaskReferenceImage,
    "REFERENCE_TYPE_CONTROL": ControlReferenceImage,
    "REFERENCE_TYPE_STYLE": StyleReferenceImage,
    "REFERENCE_TYPE_SUBJECT": SubjectReferenceImage,
    "REFERENCE_TYPE_CONTENT": ContentReferenceImage,
}
_KINDS = tuple(_TYPES.values())
_NAMES = {kind: name for name, kind in _TYPES.items()}


class _MaskConfig(Message):
    mask_mode: MaskReferenceMode | None = None
    mask_classes: tuple[int, ...] | None = None
    dilation: float | None = None


class _ControlConfig(Message):
    control_type: ControlReferenceType | None = None
    compute_control: bool | None = None


class _StyleConfig(Message):
    style_description: str | None = field(default=None, name="style_description")


class _SubjectConfig(Message):
    subject_type: SubjectReferenceType | None = field(default=None, name="subject_type")
    subject_description: str | None = field(default=None, name="subject_description")


class _Reference(Message):
    reference_type: str
    reference_image: Picture | None = None
    reference_id: int | None = None
    mask_image_config: _MaskConfig | None = None
    control_image_config: _ControlConfig | None = None
    style_image_config: _StyleConfig | None = None
    subject_image_config: _SubjectConfig | None = None


class _Edit(Message):
    prompt: str
    reference_images: tuple[_Reference, ...]


class _EditConfig(Message):
    base_steps: int


class _EditParameters(Parameters):
    edit_mode: EditMode | None = None
    edit_config: _EditConfig | None = None


def _edit(operation: EditImage) -> Predict:
    config = operation.config
    steps = None if config.base_steps is None else _EditConfig(base_steps=config.base_steps)
    images = tuple(map(_referred, operation.reference_images))
    return Predict(
        instances=(_Edit(prompt=operation.prompt, reference_images=images),),
        parameters=parameters(_EditParameters, config, edit_mode=config.edit_mode, edit_config=steps),
        labels=config.labels,
    )


def _referred(image: ReferenceImage) -> _Reference:
    config = None if isinstance(image, RawReferenceImage | ContentReferenceImage) else image.config
    return _Reference(
        reference_type=_NAMES[type(image)],
        reference_image=picture(image.reference_image),
        reference_id=image.reference_id,
        mask_image_config=_mask(config) if isinstance(config, MaskReferenceConfig) else None,
        control_image_config=_control(config) if isinstance(config, ControlReferenceConfig) else None,
        style_image_config=_style(config) if isinstance(config, StyleReferenceConfig) else None,
        subject_image_config=_subject(config) if isinstance(config, SubjectReferenceConfig) else None,
    )


def _mask(config: MaskReferenceConfig) -> _MaskConfig:
    return _MaskConfig(
        mask_mode=config.mask_mode, mask_classes=config.segmentation_classes, dilation=config.mask_dilation
    )


def _control(config: ControlReferenceConfig) -> _ControlConfig:
    return _ControlConfig(control_type=config.control_type, compute_control=config.enable_control_image_computation)


def _style(config: StyleReferenceConfig) -> _StyleConfig:
    return _StyleConfig(style_description=config.style_description)


def _subject(config: SubjectReferenceConfig) -> _SubjectConfig:
    return _SubjectConfig(subject_type=config.subject_type, subject_description=config.subject_description)


def _edited(wire: Predictions) -> EditImageResponse:
    return EditImageResponse(generated_images=tuple(map(drawn, wire.predictions)))
