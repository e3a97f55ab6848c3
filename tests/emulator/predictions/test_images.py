"""Images from the emulator: what they are like, what they hold, what is refused."""

import io
from typing import Any

import PIL.Image
import pytest

from genai_fn import Request, images
from genai_fn.emulator.fake_model.png import PixelSize, draw_gradient, draw_mask, read_png_size
from genai_fn.schema import GeneratedImage, Image
from tests.support.emulator_interpreter import BOTH, Wired
from tests.support.emulator_interpreter import VERTEX as AT_VERTEX
from tests.support.emulator_requests import PROJECT, VERTEX, Api

MODEL = "imagen-4.0-generate-001"
CAT = Image(image_bytes=draw_gradient(PixelSize(40, 30), "cat"), mime_type="image/png")
FAR: dict[str, Any] = {"gcs_uri": "gs://b/cat.png"}
RAW: dict[str, Any] = {"reference_type": "REFERENCE_TYPE_RAW", "reference_id": 1}

both = pytest.mark.parametrize("at", BOTH.values(), ids=BOTH)


def opened(image: Image | None) -> PIL.Image.Image:
    """Open an image with Pillow, every byte of it."""
    assert image is not None
    assert image.mime_type == "image/png"
    picture: PIL.Image.Image = PIL.Image.open(io.BytesIO(image.image_bytes or b""))
    picture.load()
    return picture


def painted(request: Request[Any], at: Any = AT_VERTEX) -> tuple[GeneratedImage, ...]:
    made: tuple[GeneratedImage, ...] = Wired(at)(request).unwrap().generated_images
    return made


def said(request: Request[Any], at: Any = AT_VERTEX) -> str:
    """Give what is said of a request that is refused."""
    error: Any = Wired(at)(request).failure()
    assert error.code == 400
    message: str = error.message
    return message


class TestPixels:
    """PNG files, byte by byte."""

    @pytest.mark.parametrize("size", (PixelSize(1, 1), PixelSize(1, 7), PixelSize(64, 36), PixelSize(300, 2)), ids=str)
    def test_opens(self, size: PixelSize) -> None:
        """Pictures of every shape are files that Pillow opens, in colour; masks are grey."""
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
        """A mask is black and white, and white in the middle."""
        picture = PIL.Image.open(io.BytesIO(draw_mask(PixelSize(64, 64), "a cat")))
        assert {level for _, level in picture.getcolors() or ()} == {0, 255}
        assert picture.getpixel((32, 32)) == 255

    @pytest.mark.parametrize("other", (b"", b"\x89PNG", b"\xff\xd8\xff" + bytes(40), bytes(30)), ids=range(4))
    def test_no_png(self, other: bytes) -> None:
        """Other files do not say how large they are."""
        assert read_png_size(other) is None


class TestGenerate:
    """Images of a prompt."""

    @both
    def test_opens(self, at: Any) -> None:
        """Without more being said there are four of them, each other than the rest, the same each time."""
        made = painted(images.generate(MODEL, "a cat"), at)
        assert {opened(each.image).size for each in made} == {(64, 64)}
        assert len({each.image for each in made}) == len(made) == 4
        assert made == painted(images.generate(MODEL, "a cat"), at)
        assert made != painted(images.generate(MODEL, "a dog"), at)

    @both
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
    def test_shape(self, at: Any, config: Any, size: tuple[int, int]) -> None:
        """They are of the shape that is asked for, if small; and PNG files whatever is asked for."""
        (made,) = painted(images.generate(MODEL, "a cat", {"number_of_images": 1, **config}), at)
        assert opened(made.image).size == size

    @both
    @pytest.mark.parametrize("asks", (True, False))
    def test_forbidden(self, at: Any, asks: bool) -> None:
        """A prompt that says so is held back, and the reason told to who asks for it."""
        config = {"number_of_images": 2, "include_rai_reason": asks}
        made = painted(images.generate(MODEL, "a Forbidden cat", config), at)
        assert [each.image for each in made] == [None, None]
        assert {each.rai_filtered_reason is not None for each in made} == {asks}

    @both
    def test_judged(self, at: Any) -> None:
        """Prompt and images are judged where that is asked for, one score for each category."""
        response = Wired(at)(images.generate(MODEL, "a cat", {"include_safety_attributes": True})).unwrap()
        prompt = response.positive_prompt_safety_attributes
        assert prompt is not None
        judged = [prompt, *(each.safety_attributes for each in response.generated_images)]
        assert len(judged) == 5
        assert all(each and len(each.scores) == len(each.categories) > 0 for each in judged)

    def test_stored(self) -> None:
        """Those that are stored are told by their places."""
        config = {"number_of_images": 2, "output_gcs_uri": "gs://b/cats/", "enhance_prompt": True}
        made = painted(images.generate(MODEL, "a cat", config))
        assert made == tuple(
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
    @both
    def test_refused(self, at: Any, prompt: str, config: Any, expected: str) -> None:
        """What makes no sense is refused, and the value shown."""
        assert expected in said(images.generate(MODEL, prompt, config), at)

    @pytest.mark.parametrize("name", ("storageUri", "negativePrompt", "seed", "addWatermark", "enhancePrompt"))
    def test_vertex_alone(self, name: str) -> None:
        """What Vertex AI has alone, Gemini refuses by name."""
        value: Any = {"seed": 1, "addWatermark": True, "enhancePrompt": True}.get(name, "gs://b")
        body = {"instances": [{"prompt": "a cat"}], "parameters": {name: value}}
        assert Api().fault("POST", f"models/{MODEL}:predict", body) == (
            400,
            "INVALID_ARGUMENT",
            f"`{name}` isn't supported by this model.",
        )


class TestEdit:
    """Images made of images."""

    def test_size(self) -> None:
        """They are as large as the one that they are made of, unless a shape is asked for."""
        raw = {**RAW, "reference_image": CAT}
        made = painted(images.edit("imagen-3.0-capability-001", "a hat on [1]", [raw]))
        assert [opened(each.image).size for each in made] == [(40, 30)] * 4
        (wide,) = painted(
            images.edit("imagen-3.0-capability-001", "hm", [raw], {"number_of_images": 1, "aspect_ratio": "16:9"})
        )
        assert opened(wide.image).size == (64, 36)

    def test_references(self) -> None:
        """All kinds of references and what is said of them are read; another picture makes others."""
        far = {"reference_image": FAR}
        references = [
            {**RAW, **far},
            {"reference_type": "REFERENCE_TYPE_MASK", "config": {"mask_mode": "MASK_MODE_BACKGROUND"}},
            {"reference_type": "REFERENCE_TYPE_CONTROL", **far, "config": {"control_type": "CONTROL_TYPE_CANNY"}},
            {"reference_type": "REFERENCE_TYPE_STYLE", **far, "config": {"style_description": "blue"}},
            {"reference_type": "REFERENCE_TYPE_SUBJECT", **far, "config": {"subject_description": "cat"}},
            {"reference_type": "REFERENCE_TYPE_CONTENT", **far},
        ]
        config = {"edit_mode": "EDIT_MODE_STYLE", "base_steps": 3, "number_of_images": 1}
        (made,) = painted(images.edit("m", "hm", references, config))
        assert opened(made.image).size == (64, 64)
        assert painted(images.edit("m", "hm", references[1:], config)) != (made,)

    def test_refused(self) -> None:
        """An edit of nothing is none."""
        assert "at least one reference image" in said(images.edit("m", "hm", []))

    def test_kind(self) -> None:
        """References are of a known kind."""
        body = {"instances": [{"prompt": "hm", "referenceImages": [{"referenceType": "X"}]}]}
        path = f"{PROJECT}/publishers/google/models/m:predict"
        assert "Invalid reference type 'X'" in Api(VERTEX).fault("POST", path, body)[2]


class TestUpscale:
    """Images enlarged."""

    @pytest.mark.parametrize(("factor", "size"), (("x2", (80, 60)), ("x3", (120, 90)), ("x4", (160, 120))))
    def test_size(self, factor: str, size: tuple[int, int]) -> None:
        """They are so many times as wide and high."""
        (made,) = painted(images.upscale("imagen-4.0-upscale-preview", CAT, factor))
        assert opened(made.image).size == size

    def test_far(self) -> None:
        """One in Cloud Storage has a size of the emulator's own."""
        (made,) = painted(images.upscale("m", FAR, "x2", {"enhance_input_image": True}))
        assert opened(made.image).size == (128, 128)

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
        """Another factor, no image and one of which no memory could hold the like are refused."""
        assert expected in said(images.upscale("m", image, factor))


class TestRecontext:
    """Images recomposed."""

    def test_products(self) -> None:
        """Up to three products are put into a scene."""
        source: Any = {"prompt": "on the beach", "product_images": [{"product_image": CAT}] * 3}
        assert len(painted(images.recontext("imagen-product-recontext-preview-06-30", source))) == 1

    def test_person(self) -> None:
        """Somebody tries a product on, more than once if that is asked for."""
        source: Any = {"person_image": FAR, "product_images": [{"product_image": CAT}]}
        made = painted(images.recontext("virtual-try-on-preview-08-04", source, {"number_of_images": 2}))
        assert [opened(each.image).size for each in made] == [(64, 64)] * 2

    @pytest.mark.parametrize(("count", "person"), ((0, None), (4, None), (2, FAR), (0, FAR)), ids=str)
    def test_refused(self, count: int, person: Any) -> None:
        """None, or too many, are refused."""
        source: Any = {"prompt": "hm", "person_image": person, "product_images": [{"product_image": CAT}] * count}
        assert f"{count} product images given" in said(images.recontext("virtual-try-on-preview-08-04", source))


class TestSegment:
    """Masks of what is where."""

    def masks(self, source: Any, config: Any = None) -> Any:
        return Wired(AT_VERTEX)(images.segment("image-segmentation-001", source, config)).unwrap().generated_masks

    def test_prompted(self) -> None:
        """What a prompt lists is found: a mask for each, as large as the image, with its name."""
        masks = self.masks({"image": CAT, "prompt": "cat, hat"}, {"mode": "PROMPT"})
        assert [opened(each.mask).size for each in masks] == [(40, 30)] * 2
        assert [each.labels[0].label for each in masks] == ["cat", "hat"]
        assert all(0.5 <= each.labels[0].score < 1 for each in masks)

    @pytest.mark.parametrize(
        ("source", "mode"),
        (({}, "FOREGROUND"), ({}, "BACKGROUND"), ({"scribble_image": {"image": FAR}}, "INTERACTIVE")),
        ids=str,
    )
    def test_mode(self, source: Any, mode: str) -> None:
        """Other modes find one thing."""
        (found,) = self.masks({"image": FAR, **source}, {"mode": mode})
        assert [each.label for each in found.labels] == [mode.lower()]

    def test_limits(self) -> None:
        """No more masks come than are asked for, and none that is less certain."""
        source: Any = {"image": CAT, "prompt": "cat, hat, mat"}
        assert len(self.masks(source, {"mode": "SEMANTIC", "max_predictions": 2})) == 2
        assert self.masks(source, {"mode": "SEMANTIC", "confidence_threshold": 1}) == ()

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
        """A mode without what it needs is refused."""
        assert expected in said(images.segment("image-segmentation-001", source, {"mode": mode}))


class TestPredict:
    """One method for all of them."""

    def test_gemini(self) -> None:
        """Gemini makes images of prompts, and does nothing else here."""
        body = {"instances": [{"content": "hi"}]}
        assert Api().fault("POST", "models/embedding:predict", body)[:2] == (404, "NOT_FOUND")

    def test_embeddings(self) -> None:
        """Texts are embedded by the same method."""
        path = f"{PROJECT}/publishers/google/models/text-embedding-005:predict"
        told = Api(VERTEX).told("POST", path, {"instances": [{"content": "hi"}]})
        assert len(told["predictions"][0]["embeddings"]["values"]) == 768

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
        """Bodies are read strictly; modes that are not known yet are ones of segmentation."""
        response = Api(VERTEX)("POST", f"{PROJECT}/publishers/google/models/m:predict", body)
        assert (response.status == 200) == (expected is None)
        assert expected is None or expected in response.body.decode().replace('\\"', '"')
