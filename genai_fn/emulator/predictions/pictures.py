"""Pictures as predictions have them: what they are asked to be like, and what they are."""

from typing import Final, TypeVar

from genai_fn.emulator.faults import invalid
from genai_fn.emulator.naming import camel
from genai_fn.emulator.stand_in.digests import digest
from genai_fn.emulator.stand_in.pixels import Size, gradient, size_of
from genai_fn.schema import EntityLabel, ImagePromptLanguage, PersonGeneration, SafetyFilterLevel
from genai_fn.schema._base import Message

__all__ = [
    "PNG",
    "SQUARE",
    "Framed",
    "Parameters",
    "Picture",
    "Prediction",
    "bounded",
    "described",
    "extent",
    "is_forbidden",
    "judged",
    "made",
    "only",
    "painted",
    "share",
    "shown",
    "sized",
    "without_what_vertex_has",
]

T = TypeVar("T")


# Out


class _Safety(Message):
    categories: tuple[str, ...]
    scores: tuple[float, ...]


class Prediction(Message):
    """An image, and what is said of it; one that is held back has only a reason, and that only if asked for."""

    mime_type: str | None = None
    bytes_base64_encoded: bytes | None = None
    gcs_uri: str | None = None
    rai_filtered_reason: str | None = None
    prompt: str | None = None
    safety_attributes: _Safety | None = None
    content_type: str | None = None
    labels: tuple[EntityLabel, ...] = ()


# In


class _OutputOptions(Message):
    mime_type: str | None = None
    """Whatever is asked for, PNG files are made, and are said to be such."""
    compression_quality: int | None = None


class Parameters(Message):
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


class Picture(Message):
    """A picture that is given: its bytes, or its place in Cloud Storage."""

    gcs_uri: str | None = None
    bytes_base64_encoded: bytes | None = None
    mime_type: str | None = None


class Framed(Message):
    """A picture in a message of its own."""

    image: Picture | None = None


# Painted


def only(instances: tuple[T, ...]) -> T:
    """Give the one instance there is."""
    if len(instances) != 1:
        raise invalid(f"{len(instances)} instance(s) given, but exactly 1 is allowed per prediction.")
    return instances[0]


def without_what_vertex_has(how: Message, names: tuple[str, ...]) -> None:
    """Refuse what Gemini does not know how to do."""
    for name in names:
        given = getattr(how, name)
        if given is not None and given is not False:
            raise invalid(f"`{camel(name)}` isn't supported by this model.")


def is_forbidden(prompt: str) -> bool:
    """Tell whether nothing is made of a prompt, as it says so itself."""
    return "forbidden" in prompt.lower()


def made(prompt: str, size: Size, how: Parameters, *, usually: int, of: str = "") -> tuple[Prediction, ...]:
    """Paint as many pictures as are asked for, of a prompt and of what else there is to go by."""
    count = how.sample_count or usually
    if not 0 < count <= _MOST:
        raise invalid(f"Number of images must be from 1 to {_MOST}, but is {count}.")
    if is_forbidden(prompt):
        return (Prediction(rai_filtered_reason=_REASON if how.include_rai_reason else None),) * count
    return tuple(painted(prompt, size, how, of=f"{of} {index}", index=index) for index in range(count))


_MOST = 4
_REASON = 'The image is held back, as its prompt says "forbidden". Support codes: 12345678'


def painted(prompt: str, size: Size, how: Parameters, *, of: str, index: int = 0) -> Prediction:
    """Paint one picture, or say where in Cloud Storage it would be."""
    told = None if how.storage_uri is None else f"{how.storage_uri.rstrip('/')}/sample_{index}.png"
    words = f"{prompt} {how.seed} {of}"
    return Prediction(
        mime_type=PNG,
        bytes_base64_encoded=gradient(size, words) if told is None else None,
        gcs_uri=told,
        prompt=f"{prompt}, in great detail" if prompt and how.enhance_prompt else None,
        safety_attributes=judged(words) if how.include_safety_attributes else None,
    )


PNG: Final = "image/png"


def judged(words: str) -> _Safety:
    """Judge words, or a picture by its words, to be quite harmless."""
    return _Safety(categories=_HARMS, scores=tuple(share(f"{harm} {words}") / 10 for harm in _HARMS))


_HARMS = ("Death, Harm & Tragedy", "Sexual", "Violence")


def share(words: str) -> float:
    """Make a number of words, from a half to one."""
    return 0.5 + digest(words)[0] / 512


def sized(how: Parameters) -> Size:
    """Give the shape that is asked for, in miniature."""
    across, _, down = (how.aspect_ratio or "1:1").partition(":")
    if (across, down) not in _RATIOS:
        raise invalid(f"Invalid aspect ratio {how.aspect_ratio!r}: it is none of {', '.join(map(':'.join, _RATIOS))}.")
    if (how.sample_image_size or "1K") not in _LONG_SIDES:
        raise invalid(f"Invalid image size {how.sample_image_size!r}: it is none of {', '.join(_LONG_SIDES)}.")
    longer = _LONG_SIDES[how.sample_image_size or "1K"]
    unit = longer / max(int(across), int(down))
    return Size(round(int(across) * unit), round(int(down) * unit))


_RATIOS = (("1", "1"), ("3", "4"), ("4", "3"), ("9", "16"), ("16", "9"))
_LONG_SIDES = {"1K": 64, "2K": 128}
SQUARE: Final = Size(64, 64)
"""The shape of what cannot be told: of files other than PNG, and of those in Cloud Storage."""


def shown(picture: Picture | None) -> Picture:
    """Give a picture that must be there."""
    if picture is None or (picture.bytes_base64_encoded is None) == (picture.gcs_uri is None):
        raise invalid("Image should have either image bytes or a Cloud Storage URI.")
    return picture


def extent(picture: Picture) -> Size | None:
    """Read off a picture how large it is; None where it does not say."""
    size = size_of(picture.bytes_base64_encoded or b"")
    return None if size is None else bounded(size)


def bounded(size: Size) -> Size:
    """Refuse sizes that nobody makes."""
    if not 0 < size.width * size.height <= _MOST_PIXELS:
        raise invalid(f"An image of {size.width} x {size.height} pixels is too large: 17 megapixels are the most.")
    return size


_MOST_PIXELS = 17_000_000


def described(picture: Picture) -> str:
    """Put a picture into words."""
    return digest(f"{picture.gcs_uri}".encode("utf-8", "replace") + (picture.bytes_base64_encoded or b""), 8).hex()
