"""The usage of the answers of all operations, in the same fields."""

from typing import Any

import pytest

from genai_fn.flows.structured import ParsedResponse
from genai_fn.flows.turns import Chat, Turn
from genai_fn.http import HttpResponse, ValueWithResponse
from genai_fn.schema.caches import CachedContent, CachedContentUsageMetadata
from genai_fn.schema.content import Content
from genai_fn.schema.embeddings import ContentEmbedding, ContentEmbeddingStatistics, EmbedContentResponse
from genai_fn.schema.images import GeneratedImage, GenerateImagesResponse, Image
from genai_fn.schema.live_server import LiveServerMessage, UsageMetadata
from genai_fn.schema.responses import (
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    MediaModality,
    ModalityTokenCount,
)
from genai_fn.schema.usage import Usage, get_usage
from genai_fn.schema.videos import GeneratedVideo, GenerateVideosOperation, GenerateVideosResponse

GENERATED = GenerateContentResponse(
    usage_metadata=GenerateContentResponseUsageMetadata(
        prompt_token_count=10,
        cached_content_token_count=4,
        candidates_token_count=3,
        thoughts_token_count=2,
        tool_use_prompt_token_count=5,
        total_token_count=20,
        prompt_tokens_details=(
            ModalityTokenCount(modality=MediaModality.TEXT, token_count=7),
            ModalityTokenCount(modality=MediaModality.AUDIO, token_count=3),
        ),
        tool_use_prompt_tokens_details=(ModalityTokenCount(modality=MediaModality.TEXT, token_count=5),),
        cache_tokens_details=(ModalityTokenCount(token_count=4),),
        candidates_tokens_details=(ModalityTokenCount(modality=MediaModality.IMAGE, token_count=3),),
    )
)
USED = Usage(
    input_tokens=15,
    output_tokens=5,
    cached_tokens=4,
    thought_tokens=2,
    input_details=(("TEXT", 12), ("AUDIO", 3)),
    cached_details=(("TEXT", 4),),
    output_details=(("IMAGE", 3),),
)
IMAGES = GenerateImagesResponse(
    generated_images=(GeneratedImage(image=Image(image_bytes=b"x")), GeneratedImage(rai_filtered_reason="no"))
)
VIDEOS = GenerateVideosResponse(generated_videos=(GeneratedVideo(), GeneratedVideo()))


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        (GENERATED, USED),
        (Turn(Chat("gemini-2.5-flash"), GENERATED), USED),
        (ParsedResponse(Content(), GENERATED), USED),
        (ValueWithResponse(GENERATED, HttpResponse(200, ())), USED),
        (
            LiveServerMessage(usage_metadata=UsageMetadata(prompt_token_count=2, response_token_count=3)),
            Usage(input_tokens=2, output_tokens=3),
        ),
        (EmbedContentResponse(usage_metadata=UsageMetadata(total_token_count=6)), Usage(input_tokens=6)),
        (
            EmbedContentResponse(
                usage_metadata=UsageMetadata(
                    prompt_tokens_details=(ModalityTokenCount(modality=MediaModality.TEXT, token_count=6),)
                )
            ),
            Usage(input_tokens=6, input_details=(("TEXT", 6),)),
        ),
        (
            EmbedContentResponse(
                embeddings=(ContentEmbedding(statistics=ContentEmbeddingStatistics(token_count=2.0)),) * 3
            ),
            Usage(input_tokens=6),
        ),
        (CachedContent(usage_metadata=CachedContentUsageMetadata(total_token_count=9)), Usage(input_tokens=9)),
        (IMAGES, Usage(images=1)),
        (VIDEOS, Usage(videos=2)),
        (GenerateVideosOperation(done=True, response=VIDEOS), Usage(videos=2)),
    ],
)
def test_get_usage(value: Any, usage: Usage) -> None:
    """Every answer that states a usage has it in the same fields; thoughts are output, results of tools are input."""
    assert get_usage(value) == usage


@pytest.mark.parametrize(
    "value", [None, "text", Content(), GenerateContentResponse(), EmbedContentResponse(), GenerateVideosOperation()]
)
def test_no_usage(value: Any) -> None:
    """An answer that states no usage has none, and not one of zero tokens."""
    assert get_usage(value) is None


def test_add_usages() -> None:
    """Usages are added field by field, and their details by modality."""
    total = USED + USED
    assert (total.total_tokens, total.cached_tokens, total.thought_tokens) == (40, 8, 4)
    assert total.input_details == (("TEXT", 24), ("AUDIO", 6))
    assert Usage(images=1, videos=2) + Usage() == Usage(images=1, videos=2)
