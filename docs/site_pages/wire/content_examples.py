"""Examples of what sends contents to a model: text, vectors, chats, tokens, images, videos; and of models."""

from docs.site_pages.wire.examples import WireExample
from genai_fn import ClientError, EmbeddingFailed

__all__ = ["EXAMPLES"]

_CHAT = 'chat = chats.start("gemini-2.5-flash", {"system_instruction": "Be brief."})'
_CAT = 'cat = {"gcs_uri": "gs://my-bucket/cat.png"}'

EXAMPLES = (
    WireExample(
        "generate",
        'generate("gemini-2.5-flash", "Why is the sky blue?", {"temperature": 0.2})',
        'generate("gemini-1.5-pro", "Why is the sky blue?")',
        ClientError,
    ),
    WireExample(
        "streamed",
        'generate("gemini-2.5-flash", "Why is the sky blue?") | streamed | collected',
        'generate("gemini-1.5-pro", "Why is the sky blue?") | streamed | collected',
        ClientError,
    ),
    WireExample(
        "embed",
        'embed("gemini-embedding-001", ["a text", "another"], {"output_dimensionality": 4})',
        'embed("gemini-embedding-001", ["a text", ""])',
        ClientError,
    ),
    WireExample(
        "embed_many",
        'embed_many("gemini-embedding-001", ["one", "two", "three"], batch_size=2, concurrency=1) | collected',
        'embed_many("gemini-embedding-001", ["one", ""], concurrency=1, stop_on_failure=True) | collected',
        EmbeddingFailed,
    ),
    WireExample(
        "chats.send",
        'chats.send(chat, "Why is the sky blue?")',
        'chats.send(chat, "And at night?", {"temperature": 9})',
        ClientError,
        setup=_CHAT,
    ),
    WireExample(
        "chats.stream",
        'chats.stream(chat, "Why is the sky blue?") | collected',
        'chats.stream(chat, "And at night?", {"temperature": 9}) | collected',
        ClientError,
        setup=_CHAT,
    ),
    WireExample(
        "tokens.count",
        'tokens.count("gemini-2.5-flash", "Why is the sky blue?")',
        'tokens.count("gemini-1.5-pro", "Why is the sky blue?")',
        ClientError,
    ),
    WireExample(
        "tokens.count",
        "tokens.count(request)",
        'tokens.count(request | with_model("gemini-1.5-pro"))',
        ClientError,
        setup='request = generate("gemini-2.5-flash", "Why is the sky blue?", {"system_instruction": "Be brief."})',
        case="a request",
    ),
    WireExample(
        "tokens.compute",
        'tokens.compute("gemini-2.5-flash", "Why is the sky blue?")',
        'tokens.compute("gemini-2.5-flash", {"file_uri": "gs://my-bucket/cat.png", "mime_type": "image/png"})',
        ClientError,
    ),
    WireExample(
        "images.generate",
        'images.generate("imagen-4.0-generate-001", "a cat", {"number_of_images": 1})',
        'images.generate("imagen-4.0-generate-001", "a cat", {"number_of_images": 9})',
        ClientError,
    ),
    WireExample(
        "images.upscale",
        'images.upscale("imagen-4.0-upscale-preview", cat, "x2")',
        'images.upscale("imagen-4.0-upscale-preview", cat, "x9")',
        ClientError,
        setup=_CAT,
    ),
    WireExample(
        "images.edit",
        'images.edit("imagen-3.0-capability-001", "a hat on [1]", [reference])',
        'images.edit("imagen-3.0-capability-001", "a hat on [1]", [reference], {"number_of_images": 9})',
        ClientError,
        setup=f"""\
{_CAT}
reference = {{"reference_type": "REFERENCE_TYPE_RAW", "reference_id": 1, "reference_image": cat}}""",
    ),
    WireExample(
        "images.recontext",
        'images.recontext("imagen-product-recontext-preview-06-30", source)',
        'images.recontext("imagen-product-recontext-preview-06-30", source, {"number_of_images": 9})',
        ClientError,
        setup=f"""\
{_CAT}
source = {{"prompt": "on the beach", "product_images": [{{"product_image": cat}}]}}""",
    ),
    WireExample(
        "images.segment",
        'images.segment("image-segmentation-001", {"image": cat}, {"mode": "FOREGROUND"})',
        'images.segment("image-segmentation-001", {"image": cat}, {"mode": "PROMPT"})',
        ClientError,
        setup=_CAT,
    ),
    WireExample(
        "videos.generate",
        'videos.generate("veo-3.1-generate-preview", "a cat runs", config={"duration_seconds": 8})',
        'videos.generate("veo-3.1-generate-preview", "a cat runs", config={"number_of_videos": 99})',
        ClientError,
    ),
    WireExample(
        "models.get",
        'models.get("gemini-2.5-flash")',
        'models.get("gemini-1.5-pro")',
        ClientError,
    ),
    WireExample(
        "models.list",
        'models.list({"page_size": 2})',
        'models.list({"page_token": "x"})',
        ClientError,
    ),
)
