"""Images recomposed: products and people in new scenes. People find the builder in ``images``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.names import model_name, valid_model
from genai_fn.ops._parts import nothing_is_none
from genai_fn.ops._predict import Framed, Parameters, Predict, Predictions, drawn, parameters, picture
from genai_fn.request import POST, Call, Operation, Refusal, Request, json
from genai_fn.schema import RecontextImageConfig, RecontextImageResponse, RecontextImageSource
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct, as_value

__all__ = ["RecontextImage", "recontext"]


class RecontextImage(Operation[RecontextImageResponse]):
    """Put products or people into a new scene."""

    op: ClassVar = "images.recontext"

    model: str
    source: RecontextImageSource
    config: RecontextImageConfig = RecontextImageConfig()

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("images are recomposed on Vertex AI alone")

    def vertex(self, at: Vertex) -> Call[RecontextImageResponse]:
        body = nothing_is_none(_recontext(self))
        return POST(f"{model_name(at, self.model)}:predict", body, json(Predictions, _recontexted))


def recontext(
    model: str,
    source: RecontextImageSource | Mapping[str, Any],
    config: RecontextImageConfig | Mapping[str, Any] | None = None,
) -> Request[RecontextImageResponse]:
    """
    Put products into a new scene, or clothes on a person.

    Args:
        model: Such as ``imagen-product-recontext-preview-06-30`` or ``virtual-try-on-preview-08-04``.

        source: Up to three images of a product with a prompt, or a person and one product.

        config: How many images, in which file format, with which filters.

    >>> recontext("virtual-try-on-preview-08-04", {"prompt": "on the beach"}).operation.source
    RecontextImageSource(prompt='on the beach')
    """
    return Request(
        RecontextImage(
            model=valid_model(model),
            source=as_value(RecontextImageSource, source, "source"),
            config=as_struct(RecontextImageConfig, config),
        )
    )


class _Recontext(Message):
    prompt: str | None = None
    person_image: Framed | None = None
    product_images: tuple[Framed, ...] | None = None


class _RecontextParameters(Parameters):
    base_steps: int | None = None


def _recontext(operation: RecontextImage) -> Predict:
    source, config = operation.source, operation.config
    products = source.product_images
    instance = _Recontext(
        prompt=source.prompt,
        person_image=None if source.person_image is None else Framed(image=picture(source.person_image)),
        product_images=None
        if products is None
        else tuple(Framed(image=picture(each.product_image)) for each in products),
    )
    return Predict(
        instances=None if instance == _Recontext() else (instance,),
        parameters=parameters(_RecontextParameters, config, base_steps=config.base_steps),
        labels=config.labels,
    )


def _recontexted(wire: Predictions) -> RecontextImageResponse:
    return RecontextImageResponse(generated_images=tuple(map(drawn, wire.predictions)))
