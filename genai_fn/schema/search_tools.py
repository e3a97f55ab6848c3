"""Tools that search: Google Search, Google Maps, URLs, and other search engines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genai_fn.schema.base import OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.retrieval import AuthConfig
from genai_fn.schema.secret_fields import SecretMessage


class Mode(OpenEnum):
    """Older name of `DynamicRetrievalConfigMode`."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    MODE_DYNAMIC = "MODE_DYNAMIC"


class DynamicRetrievalConfigMode(OpenEnum):
    """Whether the model decides when to search."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    MODE_DYNAMIC = "MODE_DYNAMIC"


class PhishBlockThreshold(OpenEnum):
    """Confidence of phishing from which a page is excluded."""

    PHISH_BLOCK_THRESHOLD_UNSPECIFIED = "PHISH_BLOCK_THRESHOLD_UNSPECIFIED"
    BLOCK_LOW_AND_ABOVE = "BLOCK_LOW_AND_ABOVE"
    BLOCK_MEDIUM_AND_ABOVE = "BLOCK_MEDIUM_AND_ABOVE"
    BLOCK_HIGH_AND_ABOVE = "BLOCK_HIGH_AND_ABOVE"
    BLOCK_HIGHER_AND_ABOVE = "BLOCK_HIGHER_AND_ABOVE"
    BLOCK_VERY_HIGH_AND_ABOVE = "BLOCK_VERY_HIGH_AND_ABOVE"
    BLOCK_ONLY_EXTREMELY_HIGH = "BLOCK_ONLY_EXTREMELY_HIGH"


class DynamicRetrievalConfig(OpenMessage):
    """When the model searches."""

    mode: DynamicRetrievalConfigMode | None = None
    dynamic_threshold: float | None = None
    """Score from which the model searches."""


class GoogleSearchRetrieval(OpenMessage):
    """Google Search for older models."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = None


class FileSearch(OpenMessage):
    """Retrieval from file search stores."""

    file_search_store_names: tuple[str, ...] | None = None
    """Names of stores, ``fileSearchStores/…``."""
    top_k: int | None = None
    metadata_filter: str | None = None
    """Filter expression (AIP-160)."""


class EnterpriseWebSearch(OpenMessage):
    """Web search that complies with the requirements of regulated industries."""

    exclude_domains: tuple[str, ...] | None = None
    """At most 2,000 domains."""
    blocking_confidence: PhishBlockThreshold | None = None


class GoogleMapsPlaces(OpenMessage):
    """Enables grounding with places, which is the default; it has no options."""


class GoogleMapsRouting(OpenMessage):
    """Enables grounding with routes; it has no options."""


class GoogleMapsGroundingTypes(OpenMessage):
    """What of Google Maps grounds a response."""

    places: GoogleMapsPlaces | None = None
    routing: GoogleMapsRouting | None = None


class GoogleMaps(OpenMessage):
    """Grounding with Google Maps."""

    auth_config: AuthConfig | None = None
    """Credentials; Gemini supports ``api_key`` only."""
    enable_widget: bool | None = None
    """Whether to return a token for the Maps widget."""
    grounding_types: VertexOnly[GoogleMapsGroundingTypes | None] = None


class Interval(OpenMessage):
    """An interval of time; the start is included, the end is not."""

    end_time: datetime | None = None
    start_time: datetime | None = None


class WebSearch(OpenMessage):
    """Enables web search, which returns texts; it has no options."""


class ImageSearch(OpenMessage):
    """Enables image search, which returns images; it has no options."""


class SearchTypes(OpenMessage):
    """What Google Search searches for."""

    web_search: WebSearch | None = None
    image_search: ImageSearch | None = None


class GoogleSearch(OpenMessage):
    """Google Search."""

    exclude_domains: VertexOnly[tuple[str, ...] | None] = None
    """At most 2,000 domains."""
    blocking_confidence: VertexOnly[PhishBlockThreshold | None] = None
    time_range_filter: Interval | None = None
    """Restricts results to this interval; set both ends or neither."""
    search_types: SearchTypes | None = None


class ToolParallelAiSearch(SecretMessage):
    """Search with Parallel.ai."""

    secret_fields = ("api_key",)

    api_key: str | None = None
    """Key of Parallel.ai. By default, the project's subscription in the Google Cloud Marketplace is used."""
    custom_configs: Mapping[str, Any] | None = None
    """Parameters of Parallel.ai's search API, such as ``max_results``."""
    enable_data_retention: bool | None = None
    """Deprecated: use ``enable_zero_data_retention``."""
    enable_zero_data_retention: bool | None = None
    """Whether to use the subscription without data retention."""


class ToolExaAiSearch(SecretMessage):
    """Search with Exa.ai."""

    secret_fields = ("api_key",)

    api_key: str | None = None
    """Key of Exa.ai; required."""
    custom_configs: Mapping[str, Any] | None = None
    """Parameters of Exa.ai's search API."""


class UrlContext(OpenMessage):
    """Retrieval of pages whose URLs are in the prompt."""
