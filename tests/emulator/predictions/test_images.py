"""Images of the emulator: sizes, contents, safety attributes, errors."""

import io
from typing import Any

import PIL.Image
import pytest

from genai_fn import Request, images
from genai_fn.emulator.fake_model.png import PixelSize, draw_gradient, draw_mask, read_png_size
from genai_fn.schema import GeneratedImage, Image
from tests.support.emulator_interpreter import BACKENDS, VERTEX as VERTEX_BACKEND, EmulatorInterpreter
from tests.support.emulator_requests import PROJECT, VERTEX, JsonClient

MODEL = "imagen-4.0-generate-001"
CAT = Image(image_bytes=draw_gradient(PixelSize(40, 30), "cat"), mime_type="image/png")
STORED_CAT: dict[str, Any] = {"gcs_uri": "gs://b/cat.png"}
RAW: dict[str, Any] = {"reference_type": "REFERENCE_TYPE_RAW", "reference_id": 1}

both_backends = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)


def open_image(image: Image | None) -> PIL.Image.Image:
    """Open an image with Pillow, and decode all of it."""
    assert image is not None
    assert image.mime_type == "image/png"
    picture: PIL.Image.Image = PIL.Image.open(io.BytesIO(image.image_bytes or b""))
    picture.load()
    return picture


def request_images(request: Request[Any], backend: Any = VERTEX_BACKEND) -> tuple[GeneratedImage, ...]:
    generated_images: tuple[GeneratedImage, ...] = EmulatorInterpreter(backend)(request).unwrap().generated_images
    return generated_images


def request_error(request: Request[Any], backend: Any = VERTEX_BACKEND) -> str:
    """Return the message of a request that is rejected."""
    error: Any = EmulatorInterpreter(backend)(request).failure()
    assert error.code == 400
    message: str = error.message
    return message


class TestPixels:
    """PNG files."""

    @pytest.mark.parametrize("size", (PixelSize(1, 1), PixelSize(1, 7), PixelSize(64, 36), PixelSize(300, 2)), ids=str)
    def test_opens(self, size: PixelSize) -> None:
        """Gradients and masks of any size are valid PNG files: gradients are RGB, masks grayscale."""
        files = [draw_gradient(size, "a cat"), draw_mask(size, "a cat")]
        pictures = [PIL.Image.open(io.BytesIO(each)) for each in files]
        for each in pictures:
            each.load()
        assert [(each.size, each.mode) for each in pictures] == [
            ((size.width, size.height), "RGB"),
            ((size.width, size.height), "L"),
        ]
        assert [read_png_size(each) for each in files] == [size, size]

    def test_mask(self) -> None:
        """A mask contains only black and white, and its middle is white."""
        picture = PIL.Image.open(io.BytesIO(draw_mask(PixelSize(64, 64), "a cat")))
        assert {level for _, level in picture.getcolors() or ()} == {0, 255}
        assert picture.getpixel((32, 32)) == 255

    @pytest.mark.parametrize("data", (b"", b"\x89PNG", b"\xff\xd8\xff" + bytes(40), bytes(30)), ids=range(4))
    def test_no_png(self, data: bytes) -> None:
        """Other files have no known size."""
        assert read_png_size(data) is None


class TestGenerate:
    """Generation from a prompt."""

    @both_backends
    def test_opens(self, backend: Any) -> None:
        """By default four different images are generated, deterministically."""
        generated_images = request_images(images.generate(MODEL, "a cat"), backend)
        assert {open_image(each.image).size for each in generated_images} == {(64, 64)}
        assert len({each.image for each in generated_images}) == len(generated_images) == 4
        assert generated_images == request_images(images.generate(MODEL, "a cat"), backend)
        assert generated_images != request_images(images.generate(MODEL, "a dog"), backend)

    @both_backends
    @pytest.mark.parametrize(
        ("config", "size"),
        (
            ({"aspect_ratio": "16:9"}, (64, 36)),
            ({"aspect_ratio": "9:16"}, (36, 64)),
            ({"aspect_ratio": "4:3"}, (64, 48)),
            ({"aspect_ratio": "3:4", "image_size": "2K"}, (96, 128)),
            ({"output_mime_type": "image/jpeg", "output_compression_quality": 80}, (64, 64)),
        ),
        ids=str,
    )
    def test_shape(self, backend: Any, config: Any, size: tuple[int, int]) -> None:
        """Images have the requested aspect ratio at a small size, and are PNG files in any case."""
        (generated_images,) = request_images(
            images.generate(MODEL, "a cat", {"number_of_images": 1, **config}), backend
        )
        assert open_image(generated_images.image).size == size

    @both_backends
    @pytest.mark.parametrize("is_requested", (True, False))
    def test_forbidden(self, backend: Any, is_requested: bool) -> None:
        """A prompt with "forbidden" is blocked; the reason is returned if it is requested."""
        config = {"number_of_images": 2, "include_rai_reason": is_requested}
        generated_images = request_images(images.generate(MODEL, "a Forbidden cat", config), backend)
        assert [each.image for each in generated_images] == [None, None]
        assert {each.rai_filtered_reason is not None for each in generated_images} == {is_requested}

    @both_backends
    def test_safety_attributes(self, backend: Any) -> None:
        """The prompt and the images have safety attributes if they are requested: one score for each category."""
        response = EmulatorInterpreter(backend)(
            images.generate(MODEL, "a cat", {"include_safety_attributes": True})
        ).unwrap()
        prompt = response.positive_prompt_safety_attributes
        assert prompt is not None
        attributes = [prompt, *(each.safety_attributes for each in response.generated_images)]
        assert len(attributes) == 5
        assert all(each and len(each.scores) == len(each.categories) > 0 for each in attributes)

    def test_stored(self) -> None:
        """Stored images have Cloud Storage URIs."""
        config = {"number_of_images": 2, "output_gcs_uri": "gs://b/cats/", "enhance_prompt": True}
        generated_images = request_images(images.generate(MODEL, "a cat", config))
        assert generated_images == tuple(
            GeneratedImage(
                image=Image(gcs_uri=f"gs://b/cats/sample_{index}.png", mime_type="image/png"),
                enhanced_prompt="a cat, in great detail",
            )
            for index in range(2)
        )

    @pytest.mark.parametrize(
        ("prompt", "config", "expected"),
        (
            ("", {}, "prompt cannot be empty"),
            ("a cat", {"number_of_images": 5}, "from 1 to 4, but is 5"),
            ("a cat", {"aspect_ratio": "2:1"}, "Invalid aspect ratio '2:1'"),
            ("a cat", {"image_size": "4K"}, "Invalid image size '4K'"),
        ),
        ids=str,
    )
    @both_backends
    def test_refused(self, backend: Any, prompt: str, config: Any, expected: str) -> None:
        """An invalid value is rejected, and the message contains it."""
        assert expected in request_error(images.generate(MODEL, prompt, config), backend)

    @pytest.mark.parametrize("name", ("storageUri", "negativePrompt", "seed", "addWatermark", "enhancePrompt"))
    def test_vertex_alone(self, name: str) -> None:
        """The Developer API rejects parameters that only Vertex AI supports, by name."""
        value: Any = {"seed": 1, "addWatermark": True, "enhancePrompt": True}.get(name, "gs://b")
        body = {"instances": [{"prompt": "a cat"}], "parameters": {name: value}}
        assert JsonClient().request_fault("POST", f"models/{MODEL}:predict", body) == (
            400,
            "INVALID_ARGUMENT",
            f"`{name}` isn't supported by this model.",
        )


class TestEdit:
    """Editing."""

    def test_size(self) -> None:
        """Edited images have the size of the reference image, unless an aspect ratio is requested."""
        raw = {**RAW, "reference_image": CAT}
        generated_images = request_images(images.edit("imagen-3.0-capability-001", "a hat on [1]", [raw]))
        assert [open_image(each.image).size for each in generated_images] == [(40, 30)] * 4
        (wide,) = request_images(
            images.edit("imagen-3.0-capability-001", "hm", [raw], {"number_of_images": 1, "aspect_ratio": "16:9"})
        )
        assert open_image(wide.image).size == (64, 36)

    def test_references(self) -> None:
        """All reference types and their configs are accepted; other references produce other images."""
        reference = {"reference_image": STORED_CAT}
        references = [
            {**RAW, **reference},
            {"reference_type": "REFERENCE_TYPE_MASK", "config": {"mask_mode": "MASK_MODE_BACKGROUND"}},
            {"reference_type": "REFERENCE_TYPE_CONTROL", **reference, "config": {"control_type": "CONTROL_TYPE_CANNY"}},
            {"reference_type": "REFERENCE_TYPE_STYLE", **reference, "config": {"style_description": "blue"}},
            {"reference_type": "REFERENCE_TYPE_SUBJECT", **reference, "config": {"subject_description": "cat"}},
            {"reference_type": "REFERENCE_TYPE_CONTENT", **reference},
        ]
        config = {"edit_mode": "EDIT_MODE_STYLE", "base_steps": 3, "number_of_images": 1}
        (generated_images,) = request_images(images.edit("m", "hm", references, config))
        assert open_image(generated_images.image).size == (64, 64)
        assert request_images(images.edit("m", "hm", references[1:], config)) != (generated_images,)

    def test_refused(self) -> None:
        """An edit without reference images is rejected."""
        assert "at least one reference image" in request_error(images.edit("m", "hm", []))

    def test_kind(self) -> None:
        """An unknown reference type is rejected."""
        body = {"instances": [{"prompt": "hm", "referenceImages": [{"referenceType": "X"}]}]}
        path = f"{PROJECT}/publishers/google/models/m:predict"
        assert "Invalid reference type 'X'" in JsonClient(VERTEX).request_fault("POST", path, body)[2]


class TestUpscale:
    """Upscaling."""

    @pytest.mark.parametrize(("factor", "size"), (("x2", (80, 60)), ("x3", (120, 90)), ("x4", (160, 120))))
    def test_size(self, factor: str, size: tuple[int, int]) -> None:
        """The result is larger by the factor."""
        (generated_images,) = request_images(images.upscale("imagen-4.0-upscale-preview", CAT, factor))
        assert open_image(generated_images.image).size == size

    def test_cloud_storage(self) -> None:
        """The size of an image in Cloud Storage is assumed."""
        (generated_images,) = request_images(images.upscale("m", STORED_CAT, "x2", {"enhance_input_image": True}))
        assert open_image(generated_images.image).size == (128, 128)

    @pytest.mark.parametrize(
        ("image", "factor", "expected"),
        (
            (CAT, "x5", "Invalid upscale factor 'x5'"),
            ({}, "x2", "either image bytes or a Cloud Storage URI"),
            ({"image_bytes": draw_gradient(PixelSize(1, 1), "")[:16] + b"\xff" * 8}, "x2", "too large"),
        ),
        ids=range(3),
    )
    def test_refused(self, image: Any, factor: str, expected: str) -> None:
        """An unknown factor, a missing image and an image that is too large are rejected."""
        assert expected in request_error(images.upscale("m", image, factor))


class TestRecontext:
    """Recontextualization."""

    def test_products(self) -> None:
        """Up to three products are placed in a scene."""
        source: Any = {"prompt": "on the beach", "product_images": [{"product_image": CAT}] * 3}
        assert len(request_images(images.recontext("imagen-product-recontext-preview-06-30", source))) == 1

    def test_person(self) -> None:
        """One product is placed on a person; several images may be requested."""
        source: Any = {"person_image": STORED_CAT, "product_images": [{"product_image": CAT}]}
        generated_images = request_images(
            images.recontext("virtual-try-on-preview-08-04", source, {"number_of_images": 2})
        )
        assert [open_image(each.image).size for each in generated_images] == [(64, 64)] * 2

    @pytest.mark.parametrize(("count", "person"), ((0, None), (4, None), (2, STORED_CAT), (0, STORED_CAT)), ids=str)
    def test_refused(self, count: int, person: Any) -> None:
        """Too few and too many products are rejected."""
        source: Any = {"prompt": "hm", "person_image": person, "product_images": [{"product_image": CAT}] * count}
        assert f"{count} product images given" in request_error(
            images.recontext("virtual-try-on-preview-08-04", source)
        )


class TestSegment:
    """Segmentation."""

    def request_masks(self, source: Any, config: Any = None) -> Any:
        return (
            EmulatorInterpreter(VERTEX_BACKEND)(images.segment("image-segmentation-001", source, config))
            .unwrap()
            .generated_masks
        )

    def test_prompted(self) -> None:
        """Each object of the prompt gets a mask with its label, in the size of the image."""
        masks = self.request_masks({"image": CAT, "prompt": "cat, hat"}, {"mode": "PROMPT"})
        assert [open_image(each.mask).size for each in masks] == [(40, 30)] * 2
        assert [each.labels[0].label for each in masks] == ["cat", "hat"]
        assert all(0.5 <= each.labels[0].score < 1 for each in masks)

    @pytest.mark.parametrize(
        ("source", "mode"),
        (({}, "FOREGROUND"), ({}, "BACKGROUND"), ({"scribble_image": {"image": STORED_CAT}}, "INTERACTIVE")),
        ids=str,
    )
    def test_mode(self, source: Any, mode: str) -> None:
        """Modes without a prompt find one object."""
        (found,) = self.request_masks({"image": STORED_CAT, **source}, {"mode": mode})
        assert [each.label for each in found.labels] == [mode.lower()]

    def test_limits(self) -> None:
        """The number of masks and their confidence are limited as requested."""
        source: Any = {"image": CAT, "prompt": "cat, hat, mat"}
        assert len(self.request_masks(source, {"mode": "SEMANTIC", "max_predictions": 2})) == 2
        assert self.request_masks(source, {"mode": "SEMANTIC", "confidence_threshold": 1}) == ()
        config: Any = {"mode": "SEMANTIC", "max_predictions": -1}
        assert "must not be less than 0" in request_error(images.segment("image-segmentation-001", source, config))

    @pytest.mark.parametrize(
        ("source", "mode", "expected"),
        (
            ({"image": CAT}, "PROMPT", "The mode PROMPT needs a prompt."),
            ({"image": CAT}, "INTERACTIVE", "either image bytes"),
            ({"prompt": "cat"}, "PROMPT", "either image bytes"),
        ),
        ids=range(3),
    )
    def test_refused(self, source: Any, mode: str, expected: str) -> None:
        """A mode without its required input is rejected."""
        assert expected in request_error(images.segment("image-segmentation-001", source, {"mode": mode}))


class TestPredict:
    """The ``predict`` method of all images and embeddings."""

    def test_gemini(self) -> None:
        """On the Developer API, ``predict`` only generates images."""
        body = {"instances": [{"content": "hi"}]}
        assert JsonClient().request_fault("POST", "models/embedding:predict", body)[:2] == (404, "NOT_FOUND")

    def test_embeddings(self) -> None:
        """On Vertex AI, ``predict`` also computes embeddings."""
        path = f"{PROJECT}/publishers/google/models/text-embedding-005:predict"
        response = JsonClient(VERTEX).request_json("POST", path, {"instances": [{"content": "hi"}]})
        assert len(response["predictions"][0]["embeddings"]["values"]) == 768

    @pytest.mark.parametrize(
        ("body", "expected"),
        (
            ({}, "0 instance(s) given"),
            ({"instances": [{"prompt": "a"}, {"prompt": "b"}]}, "2 instance(s) given"),
            ({"instances": [{"prompt": "a", "mood": 1}]}, "Unknown name \"mood\" at 'instances[0]'"),
            ({"instances": [{"prompt": "a"}], "parameters": {"sampleCount": "many"}}, "Expected `int"),
            (b"{", "Invalid JSON payload"),
            ({"instances": [{"image": {"gcsUri": "gs://b/c"}}], "parameters": {"mode": "UNDO"}}, None),
        ),
        ids=range(6),
    )
    def test_strict(self, body: Any, expected: str | None) -> None:
        """Bodies are parsed strictly; an unknown mode of an image is treated as segmentation."""
        response = JsonClient(VERTEX)("POST", f"{PROJECT}/publishers/google/models/m:predict", body)
        assert (response.status == 200) == (expected is None)
        assert expected is None or expected in response.body.decode().replace('\\"', '"')
