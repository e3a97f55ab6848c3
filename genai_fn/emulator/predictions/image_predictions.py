"""Image predictions: the parameters, inputs and outputs that all image methods share."""

from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar

from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.png import PixelSize, draw_gradient, fit_ratio, read_png_size
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.resource_ids import to_camel_case
from genai_fn.schema.base import Message
from genai_fn.schema.generation import ImageConfigImageOutputOptions
from genai_fn.schema.image_editing import EntityLabel
from genai_fn.schema.images import ImagePromptLanguage, PersonGeneration, SafetyFilterLevel

T = TypeVar("T")


class EmulatedPrediction(Message):
    """An image with its attributes. A blocked one has only a reason, if the request includes it."""

    mime_type: str | None = None
    bytes_base64_encoded: bytes | None = None
    gcs_uri: str | None = None
    rai_filtered_reason: str | None = None
    prompt: str | None = None
    safety_attributes: Mapping[str, Any] | None = None
    content_type: str | None = None
    labels: tuple[EntityLabel, ...] = ()


class EmulatedImageParameters(Message):
    """Parameters of image generation."""

    storage_uri: str | None = None
    negative_prompt: str | None = None
    sample_count: int | None = None
    aspect_ratio: str | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    safety_setting: SafetyFilterLevel | None = None
    person_generation: PersonGeneration | None = None
    include_safety_attributes: bool = False
    include_rai_reason: bool = False
    language: ImagePromptLanguage | None = None
    output_options: ImageConfigImageOutputOptions | None = None
    """Ignored: all images are PNG files, and their MIME type is ``image/png``."""
    add_watermark: bool | None = None
    sample_image_size: str | None = None
    enhance_prompt: bool = False


class EmulatedPredictBody(Message):
    """Base of the bodies of predictions; each has fields for its ``instances`` and ``parameters``."""

    labels: Mapping[str, str] | None = None
    """Labels for billing reports, which are ignored."""


class EmulatedImage(Message):
    """An input image: either its bytes or its Cloud Storage URI."""

    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


class EmulatedImageField(Message):
    """An object with an image as its only field."""

    image: EmulatedImage | None = None


def get_single_instance(instances: tuple[T, ...]) -> T:
    """Return the only instance; raise if there is none, or more than one."""
    if len(instances) != 1:
        raise make_invalid_argument(f"{len(instances)} instance(s) given, but exactly 1 is allowed per prediction.")
    return instances[0]


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Check that a value is one of the choices; raise if it is not."""
    if value not in choices:
        raise make_invalid_argument(f"Invalid {name} {value!r}: expected one of {', '.join(choices)}.")


def refuse_vertex_fields(parameters: Message, names: tuple[str, ...]) -> None:
    """Reject parameters that only Vertex AI supports."""
    for name in names:
        value = getattr(parameters, name)
        if value is not None and value is not False:
            raise make_invalid_argument(f"`{to_camel_case(name)}` isn't supported by this model.")


def is_blocked_prompt(prompt: str) -> bool:
    """Whether the prompt contains "forbidden". Such prompts produce no images, videos or music."""
    return "forbidden" in prompt.lower()


def describe_block(kind: str) -> str:
    """Return the reason why there is no image or video for such a prompt."""
    return f'The {kind} was blocked because its prompt contains "forbidden". Support codes: 12345678'


def build_predictions(
    prompt: str, size: PixelSize, parameters: EmulatedImageParameters, *, default_count: int, seed_text: str = ""
) -> tuple[EmulatedPrediction, ...]:
    """Build the requested number of images from a prompt and other seed text; all are blocked if the prompt is."""
    count = parameters.sample_count or default_count
    if not 0 < count <= _MAX_IMAGES:
        raise make_invalid_argument(f"Number of images must be from 1 to {_MAX_IMAGES}, but is {count}.")
    if is_blocked_prompt(prompt):
        reason = describe_block("image") if parameters.include_rai_reason else None
        return (EmulatedPrediction(rai_filtered_reason=reason),) * count
    return tuple(
        build_prediction(prompt, size, parameters, seed_text=f"{seed_text} {index}", index=index)
        for index in range(count)
    )


_MAX_IMAGES = 4


def build_prediction(
    prompt: str, size: PixelSize, parameters: EmulatedImageParameters, *, seed_text: str, index: int = 0
) -> EmulatedPrediction:
    """Draw an image, or return the Cloud Storage URI it would have."""
    gcs_uri = None if parameters.storage_uri is None else f"{parameters.storage_uri.rstrip('/')}/sample_{index}.png"
    text = f"{prompt} {parameters.seed} {seed_text}"
    return EmulatedPrediction(
        mime_type=PNG_MIME_TYPE,
        bytes_base64_encoded=draw_gradient(size, text) if gcs_uri is None else None,
        gcs_uri=gcs_uri,
        prompt=f"{prompt}, in great detail" if prompt and parameters.enhance_prompt else None,
        safety_attributes=rate_safety(text) if parameters.include_safety_attributes else None,
    )


PNG_MIME_TYPE: Final = "image/png"


def rate_safety(text: str) -> Mapping[str, Any]:
    """Return low harm scores, derived from the text."""
    scores = [derive_score(f"{harm} {text}") / 10 for harm in _HARM_CATEGORIES]
    return {"categories": _HARM_CATEGORIES, "scores": scores}


_HARM_CATEGORIES = ("Death, Harm & Tragedy", "Sexual", "Violence")


def derive_score(text: str) -> float:
    """Derive a number from 0.5 to 1 from a text."""
    return 0.5 + compute_digest(text)[0] / 512


def parse_image_size(parameters: EmulatedImageParameters) -> PixelSize:
    """Return the size in pixels for the requested aspect ratio and image size: at most 64 or 128 pixels a side."""
    ratio, image_size = parameters.aspect_ratio or "1:1", parameters.sample_image_size or "1K"
    check_choice("aspect ratio", ratio, _ASPECT_RATIOS)
    check_choice("image size", image_size, _LONG_SIDES)
    width, height = map(int, ratio.split(":"))
    return fit_ratio(width, height, long_side=_LONG_SIDES[image_size])


_ASPECT_RATIOS = ("1:1", "3:4", "4:3", "9:16", "16:9")
_LONG_SIDES = {"1K": 64, "2K": 128}
DEFAULT_SIZE: Final = PixelSize(64, 64)
"""The size of images that cannot be inspected: files other than PNG, and those in Cloud Storage."""


def require_image(image: EmulatedImage | None) -> EmulatedImage:
    """Return an input image; raise if it is missing, or has both bytes and a URI."""
    if image is None or (image.bytes_base64_encoded is None) == (image.gcs_uri is None):
        raise make_invalid_argument("Image should have either image bytes or a Cloud Storage URI.")
    return image


def read_image_size(image: EmulatedImage) -> PixelSize | None:
    """Return the size of a PNG image; None for other images."""
    size = read_png_size(image.bytes_base64_encoded or b"")
    return None if size is None else check_image_size(size)


def check_image_size(size: PixelSize) -> PixelSize:
    """Return a size; raise if it is zero or exceeds the limit."""
    if not 0 < size.width * size.height <= _MAX_PIXELS:
        raise make_invalid_argument(
            f"An image of {size.width} x {size.height} pixels is too large: the limit is 17 megapixels."
        )
    return size


_MAX_PIXELS = 17_000_000


def hash_image(image: EmulatedImage) -> str:
    """Derive seed text from an image."""
    return compute_digest(f"{image.gcs_uri}".encode("utf-8", "replace") + (image.bytes_base64_encoded or b""), 8).hex()
