"""``images``: requests and responses compared with google-genai 1.51.0, on both backends."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import pytest
from google.genai import types
from msgspec.structs import fields

from genai_fn import schema
from genai_fn.errors import InvalidRequest
from genai_fn.ops import images
from genai_fn.request import Request
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
    get_refused_paths,
)

BUILDERS: Mapping[str, tuple[Callable[..., Request[Any]], str]] = {
    "generate": (images.generate, "generate_images"),
    "edit": (images.edit, "edit_image"),
    "upscale": (images.upscale, "upscale_image"),
    "recontext": (images.recontext, "recontext_image"),
    "segment": (images.segment, "segment_image"),
}
"""Ours, and google-genai's."""

GCS = {"gcs_uri": "gs://b/cat.png", "mime_type": "image/png"}
PIXELS = {"image_bytes": b"\xfb\xff", "mime_type": "image/png"}
RAW = {"reference_type": "REFERENCE_TYPE_RAW", "reference_id": 1, "reference_image": GCS}

PLAIN: Mapping[str, Mapping[str, Any]] = {
    "generate": {"model": "imagen-4", "prompt": "a cat"},
    "edit": {"model": "imagen-4", "prompt": "a hat on [1]", "reference_images": [RAW]},
    "upscale": {"model": "imagen-4", "image": GCS, "upscale_factor": "x2"},
    "recontext": {"model": "try-on", "source": {"prompt": "at the sea"}},
    "segment": {"model": "segmentation", "source": {"image": GCS}},
}

_GENERATE_CONFIG: Mapping[str, Any] = {
    "output_gcs_uri": "gs://b/out",
    "safety_filter_level": "BLOCK_ONLY_HIGH",
    "person_generation": "ALLOW_ADULT",
    "output_mime_type": "image/jpeg",
    "output_compression_quality": 0,
    "labels": {"a_b": "c"},
}
_SEVERAL: Mapping[str, Any] = {**_GENERATE_CONFIG, "number_of_images": 2, "seed": 0, "add_watermark": False}
_PROMPT_CONFIG: Mapping[str, Any] = {
    **_SEVERAL,
    "negative_prompt": "",
    "aspect_ratio": "1:1",
    "guidance_scale": 7.5,
    "include_safety_attributes": True,
    "include_rai_reason": True,
    "language": "en",
}
CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "generate": {**_PROMPT_CONFIG, "image_size": "2K", "enhance_prompt": False},
    "edit": {**_PROMPT_CONFIG, "edit_mode": "EDIT_MODE_OUTPAINT", "base_steps": 35},
    "upscale": {
        **_GENERATE_CONFIG,
        "include_rai_reason": False,
        "enhance_input_image": True,
        "image_preservation_factor": 0.5,
    },
    "recontext": {**_SEVERAL, "base_steps": 32, "enhance_prompt": True},
    "segment": {
        "mode": "PROMPT",
        "max_predictions": 3,
        "confidence_threshold": 0.25,
        "mask_dilation": 0.0,
        "binary_color_threshold": -1,
        "labels": {},
    },
}
"""Every field of every config."""


@dataclass(frozen=True, eq=False)
class Case:
    """One call; a function as an argument is called with the library, and returns a value of its types."""

    name: str
    verb: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def build_arguments(self, lib: Any) -> dict[str, Any]:
        fields = {**PLAIN[self.verb], **self.fields}
        return {key: each(lib) if isinstance(each, FunctionType) else deepcopy(each) for key, each in fields.items()}

    def ours(self) -> Request[Any]:
        return BUILDERS[self.verb][0](**self.build_arguments(schema))

    def theirs(self, client: Any) -> Any:
        return getattr(client.models, BUILDERS[self.verb][1])(**self.build_arguments(types))


def _build_config_cases(verb: str, name: str, **config: Any) -> Case:
    return Case(f"{verb}-{name}", verb, {"config": config})


def _build_edit(name: str, make: Callable[[Any], Any]) -> Case:
    return Case(f"edit-{name}", "edit", {"reference_images": make})


CASES = (
    *(Case(f"{verb}-plain", verb) for verb in BUILDERS),
    *(_build_config_cases(verb, "empty") for verb in BUILDERS),
    *(_build_config_cases(verb, "all", **config) for verb, config in CONFIGS.items()),
    *(
        _build_config_cases(verb, name, **{name: each})
        for verb, config in CONFIGS.items()
        for name, each in config.items()
    ),
    *(
        Case(f"{verb}-model-{model}", verb, {"model": model})
        for verb in BUILDERS
        for model in ("models/m", "publishers/google/models/m", "projects/q/locations/l/models/1", "vendor/m")
    ),
    *(
        _build_config_cases("generate", f"{name}-{each}", **{name: each})
        for name, values in {
            "safety_filter_level": ("block_low_and_above", "BLOCK_NONE", "block_none", "NEW"),
            "person_generation": ("dont_allow", "allow_all", "ALLOW_ALL", "NEW"),
            "language": ("auto", "xx"),
        }.items()
        for each in values
    ),
    Case("generate-typed", "generate", {"config": lambda lib: lib.GenerateImagesConfig(number_of_images=1)}),
    Case("generate-camel", "generate", {"config": {"numberOfImages": 1, "outputMimeType": "image/png"}}),
    Case("generate-no-prompt", "generate", {"prompt": ""}),
    Case("generate-prompt-number", "generate", {"prompt": 3}),
    _build_config_cases("generate", "unknown", colour="red"),
    _build_config_cases("generate", "text-for-number", number_of_images="many"),
    _build_config_cases("edit", "lower", edit_mode="edit_mode_style", person_generation="allow_all"),
    _build_edit("dict", lambda _: [RAW]),
    _build_edit("nothing", lambda _: []),
    _build_edit("raw", lambda lib: [lib.RawReferenceImage(reference_image=lib.Image(**PIXELS), reference_id=0)]),
    _build_edit("raw-empty", lambda lib: [lib.RawReferenceImage()]),
    _build_edit("content", lambda lib: [lib.ContentReferenceImage(reference_image=lib.Image(**GCS), reference_id=6)]),
    _build_edit(
        "mask",
        lambda lib: [
            lib.RawReferenceImage(reference_image=lib.Image(**GCS), reference_id=1),
            lib.MaskReferenceImage(
                reference_id=2,
                config=lib.MaskReferenceConfig(
                    mask_mode="MASK_MODE_SEMANTIC", segmentation_classes=[0, 7], mask_dilation=0.0
                ),
            ),
        ],
    ),
    _build_edit("mask-lower", lambda lib: [lib.MaskReferenceImage(config={"mask_mode": "mask_mode_foreground"})]),
    _build_edit(
        "control",
        lambda lib: [
            lib.ControlReferenceImage(
                reference_image=lib.Image(**GCS),
                reference_id=3,
                config=lib.ControlReferenceConfig(
                    control_type="CONTROL_TYPE_CANNY", enable_control_image_computation=False
                ),
            )
        ],
    ),
    _build_edit(
        "style",
        lambda lib: [
            lib.StyleReferenceImage(reference_id=4, config=lib.StyleReferenceConfig(style_description="in oil"))
        ],
    ),
    _build_edit("style-bare", lambda lib: [lib.StyleReferenceImage(reference_image=lib.Image(**GCS), reference_id=4)]),
    _build_edit(
        "subject",
        lambda lib: [
            lib.SubjectReferenceImage(
                reference_id=5,
                config=lib.SubjectReferenceConfig(subject_type="SUBJECT_TYPE_ANIMAL", subject_description="a dog"),
            )
        ],
    ),
    _build_edit("not-a-list", lambda _: 3),
    _build_edit("of-text", lambda _: ["cat"]),
    Case("upscale-bytes", "upscale", {"image": PIXELS}),
    Case("upscale-typed", "upscale", {"image": lambda lib: lib.Image(**PIXELS), "upscale_factor": "x17"}),
    Case("upscale-empty-image", "upscale", {"image": {}}),
    Case("upscale-typed-config", "upscale", {"config": lambda lib: lib.UpscaleImageConfig(enhance_input_image=False)}),
    Case("upscale-image-text", "upscale", {"image": "gs://b/cat.png"}),
    Case("recontext-nothing", "recontext", {"source": {}}),
    Case(
        "recontext-person",
        "recontext",
        {"source": {"person_image": PIXELS, "product_images": [{"product_image": GCS}]}},
    ),
    Case("recontext-empty", "recontext", {"source": {"product_images": [], "person_image": {}}}),
    Case("recontext-empty-product", "recontext", {"source": {"product_images": [{}]}}),
    Case("recontext-text", "recontext", {"source": "at the sea"}),
    Case(
        "recontext-typed",
        "recontext",
        {
            "source": lambda lib: lib.RecontextImageSource(
                prompt="", product_images=[lib.ProductImage(product_image=lib.Image(**GCS))] * 3
            )
        },
    ),
    Case("segment-nothing", "segment", {"source": {}}),
    Case("segment-all", "segment", {"source": {"prompt": "cats", "image": PIXELS, "scribble_image": {"image": GCS}}}),
    Case("segment-empty-scribble", "segment", {"source": {"scribble_image": {}}}),
    _build_config_cases("segment", "lower", mode="interactive"),
    Case(
        "segment-typed",
        "segment",
        {"source": lambda lib: lib.SegmentImageSource(image=lib.Image(**GCS), scribble_image=lib.ScribbleImage())},
    ),
)

DIFFERENCES: Mapping[str, str] = {
    "generate-none": "a prompt is required; 1.51.0 sends a request without one",
    "upscale-camel": "a config in camelCase is sent; 1.51.0 drops it",
}
"""Deliberate differences; a test of the resource asserts each."""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_wire(case: Case, backend: str) -> None:
    """The same arguments send the same request as google-genai, with the same spelling, or are refused as by it."""
    check_same_request(case.ours, case.theirs, backend, exact_names=True)


@pytest.mark.parametrize("verb", CONFIGS)
def test_every_field(verb: str) -> None:
    """The table has every field of every config."""
    operation: Any = BUILDERS[verb][0](**PLAIN[verb]).operation
    assert {each.name for each in fields(operation.config)} == set(CONFIGS[verb])


@pytest.mark.parametrize("verb", BUILDERS)
@pytest.mark.parametrize("model", ["", "a?b", "a&b", "a/../b"])
def test_model_mistakes(verb: str, model: str) -> None:
    """An invalid model name is a mistake at once, on any backend."""
    case = Case("model", verb, {"model": model})
    check_same_request(case.ours, case.theirs, "vertex")
    with pytest.raises(InvalidRequest, match=r"^model: expected a model name"):
        case.ours()


def test_refused_by_gemini() -> None:
    """Gemini refuses the filter BLOCK_NONE and people of all ages, and both are named."""
    config = {"safety_filter_level": "BLOCK_NONE", "person_generation": "ALLOW_ALL"}
    paths = get_refused_paths(images.generate("m", "x", config), "gemini")
    assert paths == ("config.safety_filter_level", "config.person_generation")


def test_prompt_is_required() -> None:
    """A prompt is a text, which may be empty."""
    assert DIFFERENCES["generate-none"]
    request = oracle.capture_request(
        oracle.VERTEX, lambda client: client.models.generate_images(model="m", prompt=None)
    )  # type: ignore[arg-type]  # the mistake
    assert isinstance(request, oracle.SentRequest)
    with pytest.raises(InvalidRequest, match=r"^prompt: expected text"):
        images.generate("m", None)  # type: ignore[arg-type]  # the mistake


def test_upscale_in_camel_case() -> None:
    """A config in camelCase is equivalent to one in snake_case."""
    assert DIFFERENCES["upscale-camel"]
    camel = images.upscale("m", GCS, "x2", {"outputMimeType": "image/png", "labels": {"a": "b"}})
    snake = images.upscale("m", GCS, "x2", {"output_mime_type": "image/png", "labels": {"a": "b"}})
    assert encode_ours(camel, "vertex") == encode_ours(snake, "vertex")
    theirs = oracle.capture_request(
        oracle.VERTEX, Case("camel", "upscale", {"config": {"outputMimeType": "image/png"}}).theirs
    )
    assert isinstance(theirs, oracle.SentRequest)
    assert "outputOptions" not in theirs.body["parameters"]


@pytest.mark.parametrize("kind", ["MASK", "CONTROL", "STYLE", "SUBJECT"])
def test_reference_dicts(kind: str) -> None:
    """A dict with a ``reference_type`` becomes a reference image of that type."""
    reference = getattr(schema, f"{kind.title()}ReferenceImage")(
        reference_id=2, config=getattr(schema, f"{kind.title()}ReferenceConfig")()
    )
    image_dict = {"reference_type": f"REFERENCE_TYPE_{kind}", "reference_id": 2, "config": {}}
    assert images.edit("m", "x", [image_dict]) == images.edit("m", "x", [reference])


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ({"reference_id": 1}, "reference_images[0].reference_type"),
        ({"reference_type": "REFERENCE_TYPE_NEW"}, "reference_images[0].reference_type"),
        ({"reference_type": ["x"]}, "reference_images[0].reference_type"),
        ({"reference_type": "REFERENCE_TYPE_RAW", "config": {}}, "reference_images[0].config"),
        (schema.MaskReferenceImage(reference_id="1"), "reference_images[0].reference_id"),  # type: ignore[arg-type]  # the mistake
        (schema.Image(), "reference_images[0]"),
    ],
)
def test_reference_mistakes(image: Any, path: str) -> None:
    """A reference image without a type, or with invalid fields, is a mistake at once, with its path."""
    with pytest.raises(InvalidRequest) as raised:
        images.edit("m", "x", [image])
    assert path == raised.value.path


def test_big_images_are_not_copied() -> None:
    """A large image is sent as base64 in a chunk of its own; the body is the same."""
    data = b"\xfb" * 100_000
    _, _, body = encode_ours(images.upscale("m", {"image_bytes": data}, "x2"), "vertex")
    assert len(body["instances"][0]["image"]["bytesBase64Encoded"]) == 133_336


SAFE = {"categories": ["Violence", "Firearms"], "scores": [0.1, 0]}
REPLIES: Mapping[str, Any] = {
    "empty": {},
    "none": {"predictions": []},
    "bytes": {"predictions": [{"bytesBase64Encoded": "+/8=", "mimeType": "image/png"}]},
    "url-safe": {"predictions": [{"bytesBase64Encoded": "-_8="}]},
    "held-back": {"predictions": [{"raiFilteredReason": "no"}, {"bytesBase64Encoded": "eA=="}]},
    "safety": {"predictions": [{"bytesBase64Encoded": "eA==", "safetyAttributes": SAFE, "contentType": "Image"}]},
    "nulls": {"predictions": [{"mimeType": None, "safetyAttributes": None, "bytesBase64Encoded": "eA=="}]},
    "unknown": {"deployedModelId": "1", "predictions": [{"mimeType": "image/png", "new": [1]}]},
    "prompt": {
        "predictions": [
            {"bytesBase64Encoded": "eA=="},
            {"contentType": "Positive Prompt", "safetyAttributes": SAFE},
            {"raiFilteredReason": "no"},
        ]
    },
    "prompt-beside": {"positivePromptSafetyAttributes": {"safetyAttributes": SAFE, "contentType": "Positive Prompt"}},
}
VERTEX_REPLIES: Mapping[str, Any] = {
    **REPLIES,
    "gcs": {"predictions": [{"gcsUri": "gs://b/1.png", "mimeType": "image/png"}]},
    "enhanced": {"predictions": [{"prompt": "a cat in a hat", "bytesBase64Encoded": "eA=="}]},
}
"""Gemini returns neither of the last two, and 1.51.0 would not decode them there."""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", REPLIES)
def test_images_read(name: str, backend: str) -> None:
    """Images, and the reasons why there are none, decode as with google-genai."""
    case = Case(name, "generate")
    check_same_response(case.ours, case.theirs, backend, REPLIES[name])


@pytest.mark.parametrize("verb", ["generate", "edit", "upscale", "recontext"])
@pytest.mark.parametrize("name", VERTEX_REPLIES)
def test_images_read_from_vertex(name: str, verb: str) -> None:
    """All operations that return images have the same response."""
    case = Case(name, verb)
    check_same_response(case.ours, case.theirs, "vertex", VERTEX_REPLIES[name])


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"predictions": []},
        {"predictions": [{"bytesBase64Encoded": "eA==", "mimeType": "image/png"}]},
        {"predictions": [{"gcsUri": "gs://b/m.png", "labels": [{"label": "cat", "score": 0.5}, {"label": "dog"}]}]},
        {"predictions": [{"labels": []}]},
    ],
)
def test_masks_read(reply: Any) -> None:
    """Masks decode as with google-genai."""
    case = Case("masks", "segment")
    check_same_response(case.ours, case.theirs, "vertex", reply)


def test_held_back_is_none() -> None:
    """A filtered image is None, with the reason beside it."""
    response = decode_ours(images.generate("m", "x"), "gemini", REPLIES["held-back"])
    assert response.images == (None, schema.Image(image_bytes=b"x"))
    assert response.generated_images[0] == schema.GeneratedImage(rai_filtered_reason="no")


def test_nothing_is_lost_on_gemini() -> None:
    """Fields that only Vertex AI documents are decoded from Gemini, too."""
    for reply in VERTEX_REPLIES.values():
        request = images.generate("m", "x")
        assert decode_ours(request, "gemini", reply) == decode_ours(request, "vertex", reply)


def test_empty_body() -> None:
    """An empty object is a response without images."""
    assert decode_ours(images.generate("m", "x"), "gemini", b"{}") == schema.GenerateImagesResponse()
