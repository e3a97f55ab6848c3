"""Base models of the emulator, as the Developer API describes them."""

from typing import Any, Final

from genai_fn.schema.base import Message


class CatalogModel(Message):
    """A model as the Developer API returns it."""

    name: str
    version: str
    display_name: str
    description: str = ""
    input_token_limit: int = 0
    output_token_limit: int = 0
    supported_generation_methods: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_temperature: float | None = None
    thinking: bool | None = None


_CHAT_METHODS = ("generateContent", "countTokens", "createCachedContent", "batchGenerateContent")
_LIVE_METHODS = ("countTokens", "bidiGenerateContent")
_EMBEDDING_METHODS = ("embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent")
_MEDIA_LIMITS = (480, 8_192)


def _build_model(
    model_id: str, title: str, version: str, methods: tuple[str, ...], limits: tuple[int, int], **chat_options: Any
) -> CatalogModel:
    return CatalogModel(
        name=f"models/{model_id}",
        version=version,
        display_name=title,
        description=f"Offline model in place of {title}",
        input_token_limit=limits[0],
        output_token_limit=limits[1],
        supported_generation_methods=methods,
        **chat_options,
    )


def _build_chat_model(
    model_id: str, title: str, *, thinking: bool, methods: tuple[str, ...] = _CHAT_METHODS
) -> CatalogModel:
    version = model_id.removeprefix("gemini-").partition("-")[0]
    limits = (1_048_576, 65_536 if thinking else 8_192)
    options = {"temperature": 1.0, "top_p": 0.95, "top_k": 64, "max_temperature": 2.0, "thinking": thinking or None}
    return _build_model(model_id, title, version, methods, limits, **options)


_MODELS = (
    _build_chat_model("gemini-3-pro-preview", "Gemini 3 Pro Preview", thinking=True),
    _build_chat_model("gemini-2.5-pro", "Gemini 2.5 Pro", thinking=True),
    _build_chat_model("gemini-2.5-flash", "Gemini 2.5 Flash", thinking=True),
    _build_chat_model("gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite", thinking=True),
    _build_chat_model("gemini-2.0-flash", "Gemini 2.0 Flash", thinking=False),
    _build_chat_model("gemini-2.0-flash-lite", "Gemini 2.0 Flash-Lite", thinking=False),
    _build_chat_model("gemini-2.5-flash-image", "Gemini 2.5 Flash Image", thinking=False, methods=_CHAT_METHODS[:2]),
    _build_chat_model("gemini-live-2.5-flash-preview", "Gemini 2.5 Flash Live", thinking=True, methods=_LIVE_METHODS),
    _build_model("gemini-embedding-001", "Gemini Embedding 001", "001", _EMBEDDING_METHODS, (2_048, 1)),
    _build_model("text-embedding-004", "Text Embedding 004", "004", _EMBEDDING_METHODS, (2_048, 1)),
    _build_model("imagen-4.0-generate-001", "Imagen 4", "001", ("predict",), _MEDIA_LIMITS),
    _build_model("imagen-4.0-fast-generate-001", "Imagen 4 Fast", "001", ("predict",), _MEDIA_LIMITS),
    _build_model("veo-3.1-generate-preview", "Veo 3.1", "3.1", ("predictLongRunning",), _MEDIA_LIMITS),
    _build_model("veo-2.0-generate-001", "Veo 2", "2.0", ("predictLongRunning",), _MEDIA_LIMITS),
)

BASE_MODELS: Final = {each.name.removeprefix("models/"): each for each in _MODELS}
