"""Recontextualization: products or people in new scenes; the builder is ``images.recontext``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.images.prediction import (
    ImageParameters,
    PredictBody,
    WireImageField,
    encode_image,
    encode_image_parameters,
    read_generated_images,
)
from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.request import POST, Call, Operation, Refusal, Request
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.image_editing import RecontextImageConfig, RecontextImageResponse, RecontextImageSource
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.media import RecontextImageConfigLike

__all__ = ["RecontextImage", "recontext"]


class RecontextImage(Operation[RecontextImageResponse]):
    """Place products or people in a new scene."""

    op: ClassVar = "images.recontext"

    model: str
    source: RecontextImageSource
    config: RecontextImageConfig = RecontextImageConfig()

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("images can be recontextualized only on Vertex AI")

    def vertex(self, at: Vertex) -> Call[RecontextImageResponse]:
        return POST(
            f"{resolve_model_name(at, self.model)}:predict",
            omit_if_empty(_encode_recontext(self)),
            read_generated_images(RecontextImageResponse),
        )


def recontext(
    model: str,
    source: RecontextImageSource | Mapping[str, Any],
    config: "RecontextImageConfigLike | None" = None,
) -> Request[RecontextImageResponse]:
    """
    Place products in a new scene, or clothes on a person. Vertex AI only.

    Args:
        model: Such as ``imagen-product-recontext-preview-06-30`` or ``virtual-try-on-preview-08-04``.

        source: A prompt and up to three images of a product; or an image of a person and one of a product.

        config: Number of images, output file type, safety filters, and more.

    Raises:
        InvalidRequest: If the model name is empty or invalid, ``source`` has the wrong type, or a field of it or of
            ``config`` is unknown.

    Fails with:
        Unsupported: On the Gemini Developer API.

        ClientError: If the model does not exist (404), or the server rejects the request (400).

    >>> recontext("virtual-try-on-preview-08-04", {"prompt": "on the beach"}).operation.source
    RecontextImageSource(prompt='on the beach')
    """
    return Request(
        RecontextImage(
            model=check_model_name(model),
            source=as_value(RecontextImageSource, source, "source"),
            config=as_struct(RecontextImageConfig, config),
        )
    )


class _RecontextInstance(Message):
    prompt: str | None = None
    person_image: WireImageField | None = None
    product_images: tuple[WireImageField, ...] | None = None


class _RecontextParameters(ImageParameters):
    base_steps: int | None = None


def _encode_recontext(operation: RecontextImage) -> PredictBody:
    source, config = operation.source, operation.config
    products = source.product_images
    instance = _RecontextInstance(
        prompt=source.prompt,
        person_image=None if source.person_image is None else WireImageField(image=encode_image(source.person_image)),
        product_images=None
        if products is None
        else tuple(WireImageField(image=encode_image(each.product_image)) for each in products),
    )
    return PredictBody(
        instances=None if instance == _RecontextInstance() else (instance,),
        parameters=encode_image_parameters(_RecontextParameters, config),
        labels=config.labels,
    )
