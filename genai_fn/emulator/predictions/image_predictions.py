"""Pictures as predictions have them: what they are asked to be like, and what they are."""

from typing import Final, TypeVar

from genai_fn.emulator.fake_model.digests import compute_digest
from genai_fn.emulator.fake_model.png import PixelSize, draw_gradient, read_png_size
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.resource_ids import to_camel_case
from genai_fn.schema import EntityLabel, ImagePromptLanguage, PersonGeneration, SafetyFilterLevel
from genai_fn.schema.base import Message

__all__ = [
    "DEFAULT_SIZE",
    "PNG_MIME_TYPE",
    "EmulatedImage",
    "EmulatedImageField",
    "EmulatedImageParameters",
    "EmulatedPrediction",
    "build_prediction",
    "build_predictions",
    "check_image_size",
    "derive_score",
    "get_single_instance",
    "hash_image",
    "is_blocked_prompt",
    "parse_image_size",
    "rate_safety",
    "read_image_size",
    "refuse_vertex_fields",
    "require_image",
]

T = TypeVar("T")


# Out


class _SafetyAttributes(Message):
    categories: tuple[str, ...]
    scores: tuple[float, ...]


class EmulatedPrediction(Message):
    """An image, and what is said of it; one that is held back has only a reason, and that only if asked for."""

    mime_type: str | None = None
    bytes_base64_encoded: bytes | None = None
    gcs_uri: str | None = None
    rai_filtered_reason: str | None = None
    prompt: str | None = None
    safety_attributes: _SafetyAttributes | None = None
    content_type: str | None = None
    labels: tuple[EntityLabel, ...] = ()


# In


class _OutputOptions(Message):
    mime_type: str | None = None
    """Whatever is asked for, PNG files are made, and are said to be such."""
    compression_quality: int | None = None


class EmulatedImageParameters(Message):
    """What pictures are asked to be like."""

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
    output_options: _OutputOptions | None = None
    add_watermark: bool | None = None
    sample_image_size: str | None = None
    enhance_prompt: bool = False


class EmulatedImage(Message):
    """A picture that is given: its bytes, or its place in Cloud Storage."""

    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


class EmulatedImageField(Message):
    """A picture in a message of its own."""

    image: EmulatedImage | None = None


# Painted


def get_single_instance(instances: tuple[T, ...]) -> T:
    """Give the one instance there is."""
    if len(instances) != 1:
        raise make_invalid_argument(f"{len(instances)} instance(s) given, but exactly 1 is allowed per prediction.")
    return instances[0]


def refuse_vertex_fields(how: Message, names: tuple[str, ...]) -> None:
    """Refuse what Gemini does not know how to do."""
    for name in names:
        given = getattr(how, name)
        if given is not None and given is not False:
            raise make_invalid_argument(f"`{to_camel_case(name)}` isn't supported by this model.")


def is_blocked_prompt(prompt: str) -> bool:
    """Tell whether nothing is made of a prompt, as it says so itself."""
    return "forbidden" in prompt.lower()


def build_predictions(
    prompt: str, size: PixelSize, how: EmulatedImageParameters, *, default_count: int, seed_text: str = ""
) -> tuple[EmulatedPrediction, ...]:
    """Paint as many pictures as are asked for, of a prompt and of what else there is to go by."""
    count = how.sample_count or default_count
    if not 0 < count <= _MAX_IMAGES:
        raise make_invalid_argument(f"Number of images must be from 1 to {_MAX_IMAGES}, but is {count}.")
    if is_blocked_prompt(prompt):
        return (EmulatedPrediction(rai_filtered_reason=_BLOCK_REASON if how.include_rai_reason else None),) * count
    return tuple(
        build_prediction(prompt, size, how, seed_text=f"{seed_text} {index}", index=index) for index in range(count)
    )


_MAX_IMAGES = 4
_BLOCK_REASON = 'The image is held back, as its prompt says "forbidden". Support codes: 12345678'


def build_prediction(
    prompt: str, size: PixelSize, how: EmulatedImageParameters, *, seed_text: str, index: int = 0
) -> EmulatedPrediction:
    """Paint one picture, or say where in Cloud Storage it would be."""
    told = None if how.storage_uri is None else f"{how.storage_uri.rstrip('/')}/sample_{index}.png"
    words = f"{prompt} {how.seed} {seed_text}"
    return EmulatedPrediction(
        mime_type=PNG_MIME_TYPE,
        bytes_base64_encoded=draw_gradient(size, words) if told is None else None,
        gcs_uri=told,
        prompt=f"{prompt}, in great detail" if prompt and how.enhance_prompt else None,
        safety_attributes=rate_safety(words) if how.include_safety_attributes else None,
    )


PNG_MIME_TYPE: Final = "image/png"


def rate_safety(words: str) -> _SafetyAttributes:
    """Judge words, or a picture by its words, to be quite harmless."""
    return _SafetyAttributes(
        categories=_HARM_CATEGORIES, scores=tuple(derive_score(f"{harm} {words}") / 10 for harm in _HARM_CATEGORIES)
    )


_HARM_CATEGORIES = ("Death, Harm & Tragedy", "Sexual", "Violence")


def derive_score(words: str) -> float:
    """Make a number of words, from a half to one."""
    return 0.5 + compute_digest(words)[0] / 512


def parse_image_size(how: EmulatedImageParameters) -> PixelSize:
    """Give the shape that is asked for, in miniature."""
    across, _, down = (how.aspect_ratio or "1:1").partition(":")
    if (across, down) not in _ASPECT_RATIOS:
        raise make_invalid_argument(
            f"Invalid aspect ratio {how.aspect_ratio!r}: it is none of {', '.join(map(':'.join, _ASPECT_RATIOS))}."
        )
    if (how.sample_image_size or "1K") not in _LONG_SIDES:
        raise make_invalid_argument(
            f"Invalid image size {how.sample_image_size!r}: it is none of {', '.join(_LONG_SIDES)}."
        )
    longer = _LONG_SIDES[how.sample_image_size or "1K"]
    unit = longer / max(int(across), int(down))
    return PixelSize(round(int(across) * unit), round(int(down) * unit))


_ASPECT_RATIOS = (("1", "1"), ("3", "4"), ("4", "3"), ("9", "16"), ("16", "9"))
_LONG_SIDES = {"1K": 64, "2K": 128}
DEFAULT_SIZE: Final = PixelSize(64, 64)
"""The shape of what cannot be told: of files other than PNG, and of those in Cloud Storage."""


def require_image(picture: EmulatedImage | None) -> EmulatedImage:
    """Give a picture that must be there."""
    if picture is None or (picture.bytes_base64_encoded is None) == (picture.gcs_uri is None):
        raise make_invalid_argument("Image should have either image bytes or a Cloud Storage URI.")
    return picture


def read_image_size(picture: EmulatedImage) -> PixelSize | None:
    """Read off a picture how large it is; None where it does not say."""
    size = read_png_size(picture.bytes_base64_encoded or b"")
    return None if size is None else check_image_size(size)


def check_image_size(size: PixelSize) -> PixelSize:
    """Refuse sizes that nobody makes."""
    if not 0 < size.width * size.height <= _MAX_PIXELS:
        raise make_invalid_argument(
            f"An image of {size.width} x {size.height} pixels is too large: 17 megapixels are the most."
        )
    return size


_MAX_PIXELS = 17_000_000


def hash_image(picture: EmulatedImage) -> str:
    """Put a picture into words."""
    return compute_digest(
        f"{picture.gcs_uri}".encode("utf-8", "replace") + (picture.bytes_base64_encoded or b""), 8
    ).hex()
