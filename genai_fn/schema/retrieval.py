"""Knowledge that a model looks up: Vertex AI Search, RAG corpora, one's own search API."""

from genai_fn.schema.base import Message, OpenEnum
from genai_fn.schema.secret_fields import SecretMessage

__all__ = [
    "ApiAuth",
    "ApiAuthApiKeyConfig",
    "ApiKeyConfig",
    "ApiSpec",
    "AuthConfig",
    "AuthConfigGoogleServiceAccountConfig",
    "AuthConfigHttpBasicAuthConfig",
    "AuthConfigOauthConfig",
    "AuthConfigOidcConfig",
    "AuthType",
    "ExternalApi",
    "ExternalApiElasticSearchParams",
    "ExternalApiSimpleSearchParams",
    "HttpElementLocation",
    "RagRetrievalConfig",
    "RagRetrievalConfigFilter",
    "RagRetrievalConfigHybridSearch",
    "RagRetrievalConfigRanking",
    "RagRetrievalConfigRankingLlmRanker",
    "RagRetrievalConfigRankingRankService",
    "Retrieval",
    "VertexAISearch",
    "VertexAISearchDataStoreSpec",
    "VertexRagStore",
    "VertexRagStoreRagResource",
]


class ApiSpec(OpenEnum):
    """What protocol a search API of one's own follows."""

    API_SPEC_UNSPECIFIED = "API_SPEC_UNSPECIFIED"
    SIMPLE_SEARCH = "SIMPLE_SEARCH"
    ELASTIC_SEARCH = "ELASTIC_SEARCH"


class AuthType(OpenEnum):
    """How an API is told who calls."""

    AUTH_TYPE_UNSPECIFIED = "AUTH_TYPE_UNSPECIFIED"
    NO_AUTH = "NO_AUTH"
    API_KEY_AUTH = "API_KEY_AUTH"
    HTTP_BASIC_AUTH = "HTTP_BASIC_AUTH"
    GOOGLE_SERVICE_ACCOUNT_AUTH = "GOOGLE_SERVICE_ACCOUNT_AUTH"
    OAUTH = "OAUTH"
    OIDC_AUTH = "OIDC_AUTH"


class HttpElementLocation(OpenEnum):
    """Where in a request an API key goes."""

    HTTP_IN_UNSPECIFIED = "HTTP_IN_UNSPECIFIED"
    HTTP_IN_QUERY = "HTTP_IN_QUERY"
    HTTP_IN_HEADER = "HTTP_IN_HEADER"
    HTTP_IN_PATH = "HTTP_IN_PATH"
    HTTP_IN_BODY = "HTTP_IN_BODY"
    HTTP_IN_COOKIE = "HTTP_IN_COOKIE"


class ApiAuthApiKeyConfig(SecretMessage):
    """An API key, in Secret Manager or as text."""

    secret_fields = ("api_key_string",)

    api_key_secret_version: str | None = None
    """``projects/…/secrets/…/versions/…``."""
    api_key_string: str | None = None


class ApiAuth(Message):
    """How to get at a search API."""

    api_key_config: ApiAuthApiKeyConfig | None = None


class ApiKeyConfig(SecretMessage):
    """An API key and where in a request it goes."""

    secret_fields = ("api_key_string",)

    api_key_secret: str | None = None
    """``projects/…/secrets/…/versions/…``."""
    api_key_string: str | None = None
    http_element_location: HttpElementLocation | None = None
    name: str | None = None
    """Of the header, query parameter or cookie."""


class AuthConfigGoogleServiceAccountConfig(Message):
    """A service account that calls on the model's behalf."""

    service_account: str | None = None


class AuthConfigHttpBasicAuthConfig(Message):
    """User and password, kept in Secret Manager."""

    credential_secret: str | None = None
    """``projects/…/secrets/…/versions/…`` of a base64 text."""


class AuthConfigOauthConfig(SecretMessage):
    """An OAuth token, or a service account to get one for."""

    secret_fields = ("access_token",)

    access_token: str | None = None
    service_account: str | None = None


class AuthConfigOidcConfig(SecretMessage):
    """An OpenID Connect token, or a service account to get one for."""

    secret_fields = ("id_token",)

    id_token: str | None = None
    service_account: str | None = None


class AuthConfig(Message):
    """How an API is told who calls."""

    api_key_config: ApiKeyConfig | None = None
    auth_type: AuthType | None = None
    google_service_account_config: AuthConfigGoogleServiceAccountConfig | None = None
    http_basic_auth_config: AuthConfigHttpBasicAuthConfig | None = None
    oauth_config: AuthConfigOauthConfig | None = None
    oidc_config: AuthConfigOidcConfig | None = None


class ExternalApiElasticSearchParams(Message):
    """How to ask an Elasticsearch API."""

    index: str | None = None
    num_hits: int | None = None
    search_template: str | None = None


class ExternalApiSimpleSearchParams(Message):
    """How to ask an API of the simple search protocol: nothing to be said."""


class ExternalApi(Message):
    """A search API of one's own."""

    api_auth: ApiAuth | None = None
    api_spec: ApiSpec | None = None
    auth_config: AuthConfig | None = None
    elastic_search_params: ExternalApiElasticSearchParams | None = None
    endpoint: str | None = None
    simple_search_params: ExternalApiSimpleSearchParams | None = None


class VertexAISearchDataStoreSpec(Message):
    """One data store of a search engine, and what of it counts."""

    data_store: str | None = None
    """``projects/…/locations/…/collections/…/dataStores/…``."""
    filter: str | None = None


class VertexAISearch(Message):
    """A data store or an engine of Vertex AI Search; one of the two."""

    data_store_specs: tuple[VertexAISearchDataStoreSpec, ...] | None = None
    """Only for an engine."""
    datastore: str | None = None
    """``projects/…/locations/…/collections/…/dataStores/…``."""
    engine: str | None = None
    """``projects/…/locations/…/collections/…/engines/…``."""
    filter: str | None = None
    max_results: int | None = None
    """10 unless told, at most 10."""


class VertexRagStoreRagResource(Message):
    """A RAG corpus, or some of its files."""

    rag_corpus: str | None = None
    """``projects/…/locations/…/ragCorpora/…``."""
    rag_file_ids: tuple[str, ...] | None = None


class RagRetrievalConfigFilter(Message):
    """What found passages must satisfy."""

    metadata_filter: str | None = None
    vector_distance_threshold: float | None = None
    """Only passages nearer than this."""
    vector_similarity_threshold: float | None = None
    """Only passages more alike than this."""


class RagRetrievalConfigHybridSearch(Message):
    """How search by words and search by meaning are mixed."""

    alpha: float | None = None
    """From 0, words only, to 1, meaning only; 0.5 unless told."""


class RagRetrievalConfigRankingLlmRanker(Message):
    """A Gemini model that ranks what was found."""

    model_name: str | None = None


class RagRetrievalConfigRankingRankService(Message):
    """The rank service that ranks what was found."""

    model_name: str | None = None
    """Such as ``semantic-ranker-512@latest``."""


class RagRetrievalConfigRanking(Message):
    """Who ranks what was found."""

    llm_ranker: RagRetrievalConfigRankingLlmRanker | None = None
    rank_service: RagRetrievalConfigRankingRankService | None = None


class RagRetrievalConfig(Message):
    """How a RAG corpus is searched."""

    filter: RagRetrievalConfigFilter | None = None
    hybrid_search: RagRetrievalConfigHybridSearch | None = None
    ranking: RagRetrievalConfigRanking | None = None
    top_k: int | None = None


class VertexRagStore(Message):
    """Passages out of RAG corpora."""

    rag_corpora: tuple[str, ...] | None = None
    rag_resources: tuple[VertexRagStoreRagResource, ...] | None = None
    rag_retrieval_config: RagRetrievalConfig | None = None
    similarity_top_k: int | None = None
    """How many passages; older than ``rag_retrieval_config.top_k``."""
    store_context: bool | None = None
    """Whether a Live conversation is written into the corpus."""
    vector_distance_threshold: float | None = None


class Retrieval(Message):
    """Where the model looks things up."""

    disable_attribution: bool | None = None
    external_api: ExternalApi | None = None
    vertex_ai_search: VertexAISearch | None = None
    vertex_rag_store: VertexRagStore | None = None
