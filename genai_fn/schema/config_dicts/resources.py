"""Configs of resources: auth tokens, batches, caches, files, models, stores."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypedDict

from genai_fn.schema.auth_tokens import CreateAuthTokenConfig, LiveConnectConstraints
from genai_fn.schema.batches import (
    BatchJobDestinationLike,
    CreateBatchJobConfig,
    CreateEmbeddingsBatchJobConfig,
    ListBatchJobsConfig,
)
from genai_fn.schema.caches import CreateCachedContentConfig, ListCachedContentsConfig, UpdateCachedContentConfig
from genai_fn.schema.content import ContentLike
from genai_fn.schema.contents import ContentsLike
from genai_fn.schema.files import ListFilesConfig, UploadFileConfig
from genai_fn.schema.foreign_values import GoogleGenaiValue
from genai_fn.schema.models import ListModelsConfig, UpdateModelConfig
from genai_fn.schema.operations import WebhookConfig
from genai_fn.schema.stores import (
    ChunkingConfig,
    CreateFileSearchStoreConfig,
    CustomMetadata,
    DeleteDocumentConfig,
    DeleteFileSearchStoreConfig,
    ImportFileConfig,
    ListDocumentsConfig,
    ListFileSearchStoresConfig,
    UploadToFileSearchStoreConfig,
)
from genai_fn.schema.tools import ToolConfig, ToolLike


class ListConfigDict(TypedDict, total=False):
    """The fields that the config of every list has."""

    page_size: int | None
    page_token: str | None


class CreateAuthTokenConfigDict(TypedDict, total=False):
    """The fields of `CreateAuthTokenConfig`."""

    expire_time: datetime | str | None
    new_session_expire_time: datetime | str | None
    uses: int | None
    live_connect_constraints: LiveConnectConstraints | Mapping[str, Any] | None
    lock_additional_fields: Sequence[str] | None


CreateAuthTokenConfigLike: TypeAlias = CreateAuthTokenConfig | CreateAuthTokenConfigDict | GoogleGenaiValue


class CreateBatchJobConfigDict(TypedDict, total=False):
    """The fields of `CreateBatchJobConfig`."""

    display_name: str | None
    dest: BatchJobDestinationLike | None
    webhook_config: WebhookConfig | Mapping[str, Any] | None


CreateBatchJobConfigLike: TypeAlias = CreateBatchJobConfig | CreateBatchJobConfigDict | GoogleGenaiValue


class CreateCachedContentConfigDict(TypedDict, total=False):
    """The fields of `CreateCachedContentConfig`."""

    ttl: str | None
    expire_time: datetime | str | None
    display_name: str | None
    contents: ContentsLike | None
    system_instruction: ContentLike | None
    tools: Sequence[ToolLike] | None
    tool_config: ToolConfig | Mapping[str, Any] | None
    kms_key_name: str | None


CreateCachedContentConfigLike: TypeAlias = CreateCachedContentConfig | CreateCachedContentConfigDict | GoogleGenaiValue


class CreateEmbeddingsBatchJobConfigDict(TypedDict, total=False):
    """The fields of `CreateEmbeddingsBatchJobConfig`."""

    display_name: str | None


CreateEmbeddingsBatchJobConfigLike: TypeAlias = (
    CreateEmbeddingsBatchJobConfig | CreateEmbeddingsBatchJobConfigDict | GoogleGenaiValue
)


class CreateFileSearchStoreConfigDict(TypedDict, total=False):
    """The fields of `CreateFileSearchStoreConfig`."""

    display_name: str | None
    embedding_model: str | None


CreateFileSearchStoreConfigLike: TypeAlias = (
    CreateFileSearchStoreConfig | CreateFileSearchStoreConfigDict | GoogleGenaiValue
)


class DeleteDocumentConfigDict(TypedDict, total=False):
    """The fields of `DeleteDocumentConfig`."""

    force: bool | None


DeleteDocumentConfigLike: TypeAlias = DeleteDocumentConfig | DeleteDocumentConfigDict | GoogleGenaiValue


class DeleteFileSearchStoreConfigDict(TypedDict, total=False):
    """The fields of `DeleteFileSearchStoreConfig`."""

    force: bool | None


DeleteFileSearchStoreConfigLike: TypeAlias = (
    DeleteFileSearchStoreConfig | DeleteFileSearchStoreConfigDict | GoogleGenaiValue
)


class ImportFileConfigDict(TypedDict, total=False):
    """The fields of `ImportFileConfig`."""

    custom_metadata: Sequence[CustomMetadata | Mapping[str, Any]] | None
    chunking_config: ChunkingConfig | Mapping[str, Any] | None


ImportFileConfigLike: TypeAlias = ImportFileConfig | ImportFileConfigDict | GoogleGenaiValue


class ListBatchJobsConfigDict(ListConfigDict, total=False):
    """The fields of `ListBatchJobsConfig`."""

    filter: str | None


ListBatchJobsConfigLike: TypeAlias = ListBatchJobsConfig | ListBatchJobsConfigDict | GoogleGenaiValue


class ListCachedContentsConfigDict(ListConfigDict):
    """The fields of `ListCachedContentsConfig`."""


ListCachedContentsConfigLike: TypeAlias = ListCachedContentsConfig | ListCachedContentsConfigDict | GoogleGenaiValue


class ListDocumentsConfigDict(ListConfigDict):
    """The fields of `ListDocumentsConfig`."""


ListDocumentsConfigLike: TypeAlias = ListDocumentsConfig | ListDocumentsConfigDict | GoogleGenaiValue


class ListFileSearchStoresConfigDict(ListConfigDict):
    """The fields of `ListFileSearchStoresConfig`."""


ListFileSearchStoresConfigLike: TypeAlias = (
    ListFileSearchStoresConfig | ListFileSearchStoresConfigDict | GoogleGenaiValue
)


class ListFilesConfigDict(ListConfigDict):
    """The fields of `ListFilesConfig`."""


ListFilesConfigLike: TypeAlias = ListFilesConfig | ListFilesConfigDict | GoogleGenaiValue


class ListModelsConfigDict(ListConfigDict, total=False):
    """The fields of `ListModelsConfig`."""

    filter: str | None
    query_base: bool | None


ListModelsConfigLike: TypeAlias = ListModelsConfig | ListModelsConfigDict | GoogleGenaiValue


class UpdateCachedContentConfigDict(TypedDict, total=False):
    """The fields of `UpdateCachedContentConfig`."""

    ttl: str | None
    expire_time: datetime | str | None


UpdateCachedContentConfigLike: TypeAlias = UpdateCachedContentConfig | UpdateCachedContentConfigDict | GoogleGenaiValue


class UpdateModelConfigDict(TypedDict, total=False):
    """The fields of `UpdateModelConfig`."""

    display_name: str | None
    description: str | None
    default_checkpoint_id: str | None


UpdateModelConfigLike: TypeAlias = UpdateModelConfig | UpdateModelConfigDict | GoogleGenaiValue


class UploadFileConfigDict(TypedDict, total=False):
    """The fields of `UploadFileConfig`."""

    name: str | None
    mime_type: str | None
    display_name: str | None


UploadFileConfigLike: TypeAlias = UploadFileConfig | UploadFileConfigDict | GoogleGenaiValue


class UploadToFileSearchStoreConfigDict(TypedDict, total=False):
    """The fields of `UploadToFileSearchStoreConfig`."""

    mime_type: str | None
    display_name: str | None
    custom_metadata: Sequence[CustomMetadata | Mapping[str, Any]] | None
    chunking_config: ChunkingConfig | Mapping[str, Any] | None


UploadToFileSearchStoreConfigLike: TypeAlias = (
    UploadToFileSearchStoreConfig | UploadToFileSearchStoreConfigDict | GoogleGenaiValue
)
