"""Retrieval: Vertex AI Search, RAG corpora, external search APIs."""

from genai_fn.schema.base import OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.secret_fields import SecretMessage


class ApiSpec(OpenEnum):
    """Protocol of an external search API."""

    API_SPEC_UNSPECIFIED = "API_SPEC_UNSPECIFIED"
    SIMPLE_SEARCH = "SIMPLE_SEARCH"
    ELASTIC_SEARCH = "ELASTIC_SEARCH"


class AuthType(OpenEnum):
    """How a request to an external API is authenticated."""

    AUTH_TYPE_UNSPECIFIED = "AUTH_TYPE_UNSPECIFIED"
    NO_AUTH = "NO_AUTH"
    API_KEY_AUTH = "API_KEY_AUTH"
    HTTP_BASIC_AUTH = "HTTP_BASIC_AUTH"
    GOOGLE_SERVICE_ACCOUNT_AUTH = "GOOGLE_SERVICE_ACCOUNT_AUTH"
    OAUTH = "OAUTH"
    OIDC_AUTH = "OIDC_AUTH"


class HttpElementLocation(OpenEnum):
    """Location of an API key in a request."""

    HTTP_IN_UNSPECIFIED = "HTTP_IN_UNSPECIFIED"
    HTTP_IN_QUERY = "HTTP_IN_QUERY"
    HTTP_IN_HEADER = "HTTP_IN_HEADER"
    HTTP_IN_PATH = "HTTP_IN_PATH"
    HTTP_IN_BODY = "HTTP_IN_BODY"
    HTTP_IN_COOKIE = "HTTP_IN_COOKIE"


class ApiAuthApiKeyConfig(SecretMessage):
    """An API key, as text or in Secret Manager."""

    secret_fields = ("api_key_string",)

    api_key_secret_version: str | None = None
    """``projects/…/secrets/…/versions/…``."""
    api_key_string: str | None = None


class ApiAuth(OpenMessage):
    """Credentials of a search API."""

    api_key_config: ApiAuthApiKeyConfig | None = None


class ApiKeyConfig(SecretMessage):
    """An API key and its location in a request."""

    secret_fields = ("api_key_string",)

    api_key_secret: str | None = None
    """``projects/…/secrets/…/versions/…``."""
    api_key_string: str | None = None
    http_element_location: HttpElementLocation | None = None
    name: str | None = None
    """Name of the header, query parameter or cookie."""


class AuthConfigGoogleServiceAccountConfig(OpenMessage):
    """A service account that calls the API."""

    service_account: str | None = None


class AuthConfigHttpBasicAuthConfig(OpenMessage):
    """User and password, stored in Secret Manager."""

    credential_secret: str | None = None
    """``projects/…/secrets/…/versions/…`` of a base64 text."""


class AuthConfigOauthConfig(SecretMessage):
    """An OAuth token, or a service account to obtain one for."""

    secret_fields = ("access_token",)

    access_token: str | None = None
    service_account: str | None = None


class AuthConfigOidcConfig(SecretMessage):
    """An OpenID Connect token, or a service account to obtain one for."""

    secret_fields = ("id_token",)

    id_token: str | None = None
    service_account: str | None = None


class AuthConfig(SecretMessage):
    """How a request to an external API is authenticated."""

    secret_fields = ("api_key",)

    api_key_config: VertexOnly[ApiKeyConfig | None] = None
    auth_type: VertexOnly[AuthType | None] = None
    google_service_account_config: VertexOnly[AuthConfigGoogleServiceAccountConfig | None] = None
    http_basic_auth_config: VertexOnly[AuthConfigHttpBasicAuthConfig | None] = None
    oauth_config: VertexOnly[AuthConfigOauthConfig | None] = None
    oidc_config: VertexOnly[AuthConfigOidcConfig | None] = None
    api_key: str | None = None


class ExternalApiElasticSearchParams(OpenMessage):
    """Parameters of an Elasticsearch API."""

    index: str | None = None
    num_hits: int | None = None
    search_template: str | None = None


class ExternalApiSimpleSearchParams(OpenMessage):
    """Parameters of an API with the simple search protocol; there are none."""


class ExternalApi(OpenMessage):
    """An external search API."""

    api_auth: ApiAuth | None = None
    api_spec: ApiSpec | None = None
    auth_config: AuthConfig | None = None
    elastic_search_params: ExternalApiElasticSearchParams | None = None
    endpoint: str | None = None
    simple_search_params: ExternalApiSimpleSearchParams | None = None


class VertexAISearchDataStoreSpec(OpenMessage):
    """A data store of a search engine, with a filter."""

    data_store: str | None = None
    """``projects/…/locations/…/collections/…/dataStores/…``."""
    filter: str | None = None


class VertexAISearch(OpenMessage):
    """A data store or an engine of Vertex AI Search; exactly one is set."""

    data_store_specs: tuple[VertexAISearchDataStoreSpec, ...] | None = None
    """Data stores to search, for an engine only."""
    datastore: str | None = None
    """``projects/…/locations/…/collections/…/dataStores/…``."""
    engine: str | None = None
    """``projects/…/locations/…/collections/…/engines/…``."""
    filter: str | None = None
    max_results: int | None = None
    """The default and the maximum are 10."""


class VertexRagStoreRagResource(OpenMessage):
    """A RAG corpus, or some of its files."""

    rag_corpus: str | None = None
    """``projects/…/locations/…/ragCorpora/…``."""
    rag_file_ids: tuple[str, ...] | None = None


class RagRetrievalConfigFilter(OpenMessage):
    """Filter of retrieved passages."""

    metadata_filter: str | None = None
    vector_distance_threshold: float | None = None
    """Maximum vector distance of a passage."""
    vector_similarity_threshold: float | None = None
    """Minimum vector similarity of a passage."""


class RagRetrievalConfigHybridSearch(OpenMessage):
    """Weighting of keyword search and semantic search."""

    alpha: float | None = None
    """From 0, keywords only, to 1, semantics only; the default is 0.5."""


class RagRetrievalConfigRankingLlmRanker(OpenMessage):
    """Ranking of passages by a Gemini model."""

    model_name: str | None = None


class RagRetrievalConfigRankingRankService(OpenMessage):
    """Ranking of passages by the rank service."""

    model_name: str | None = None
    """For example ``semantic-ranker-512@latest``."""


class RagRetrievalConfigRanking(OpenMessage):
    """Ranking of retrieved passages."""

    llm_ranker: RagRetrievalConfigRankingLlmRanker | None = None
    rank_service: RagRetrievalConfigRankingRankService | None = None


class RagRetrievalConfig(OpenMessage):
    """Search in a RAG corpus: number of passages, filter, ranking."""

    filter: RagRetrievalConfigFilter | None = None
    hybrid_search: RagRetrievalConfigHybridSearch | None = None
    ranking: RagRetrievalConfigRanking | None = None
    top_k: int | None = None


class VertexRagStore(OpenMessage):
    """Retrieval of passages from RAG corpora."""

    rag_corpora: tuple[str, ...] | None = None
    rag_resources: tuple[VertexRagStoreRagResource, ...] | None = None
    rag_retrieval_config: RagRetrievalConfig | None = None
    similarity_top_k: int | None = None
    """Number of passages; predecessor of ``rag_retrieval_config.top_k``."""
    store_context: bool | None = None
    """Whether a Live conversation is stored in the corpus."""
    vector_distance_threshold: float | None = None


class Retrieval(OpenMessage):
    """Source that the model retrieves from; exactly one is set."""

    disable_attribution: bool | None = None
    external_api: ExternalApi | None = None
    vertex_ai_search: VertexAISearch | None = None
    vertex_rag_store: VertexRagStore | None = None
