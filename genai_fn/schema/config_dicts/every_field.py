"""
The fields of all configs: what ``with_config`` accepts for any operation.

The operation checks when the modifier is applied whether it has the field.
"""

from genai_fn.schema.config_dicts.generation import (
    CountTokensConfigDict,
    EmbedContentConfigDict,
    GenerateContentConfigDict,
    LiveConnectConfigDict,
)
from genai_fn.schema.config_dicts.media import (
    EditImageConfigDict,
    GenerateImagesConfigDict,
    GenerateVideosConfigDict,
    RecontextImageConfigDict,
    SegmentImageConfigDict,
    UpscaleImageConfigDict,
)
from genai_fn.schema.config_dicts.resources import (
    CreateAuthTokenConfigDict,
    CreateBatchJobConfigDict,
    CreateCachedContentConfigDict,
    CreateEmbeddingsBatchJobConfigDict,
    CreateFileSearchStoreConfigDict,
    DeleteDocumentConfigDict,
    DeleteFileSearchStoreConfigDict,
    ImportFileConfigDict,
    ListBatchJobsConfigDict,
    ListCachedContentsConfigDict,
    ListDocumentsConfigDict,
    ListFilesConfigDict,
    ListFileSearchStoresConfigDict,
    ListModelsConfigDict,
    UpdateCachedContentConfigDict,
    UpdateModelConfigDict,
    UploadFileConfigDict,
    UploadToFileSearchStoreConfigDict,
)
from genai_fn.schema.config_dicts.tunings import (
    CompositeReinforcementTuningRewardConfigDict,
    CreateTuningJobConfigDict,
    ListTuningJobsConfigDict,
    SingleReinforcementTuningRewardConfigDict,
)
from genai_fn.schema.music import MusicGenerationMode, Scale


class ConfigFields(
    GenerateContentConfigDict,
    LiveConnectConfigDict,
    CountTokensConfigDict,
    EmbedContentConfigDict,
    GenerateImagesConfigDict,
    EditImageConfigDict,
    UpscaleImageConfigDict,
    RecontextImageConfigDict,
    SegmentImageConfigDict,
    GenerateVideosConfigDict,
    CreateAuthTokenConfigDict,
    CreateBatchJobConfigDict,
    CreateCachedContentConfigDict,
    CreateEmbeddingsBatchJobConfigDict,
    CreateFileSearchStoreConfigDict,
    DeleteDocumentConfigDict,
    DeleteFileSearchStoreConfigDict,
    ImportFileConfigDict,
    ListBatchJobsConfigDict,
    ListCachedContentsConfigDict,
    ListDocumentsConfigDict,
    ListFileSearchStoresConfigDict,
    ListFilesConfigDict,
    ListModelsConfigDict,
    UpdateCachedContentConfigDict,
    UpdateModelConfigDict,
    UploadFileConfigDict,
    UploadToFileSearchStoreConfigDict,
    CreateTuningJobConfigDict,
    ListTuningJobsConfigDict,
    CompositeReinforcementTuningRewardConfigDict,
    SingleReinforcementTuningRewardConfigDict,
    total=False,
):
    """
    The fields of all configs: what ``with_config`` accepts.

    Those of `LiveMusicGenerationConfig` are listed: its ``top_k`` is a whole number, and those of the others are not.
    """

    guidance: float | None
    bpm: int | None
    density: float | None
    brightness: float | None
    scale: Scale | str | None
    mute_bass: bool | None
    mute_drums: bool | None
    only_bass_and_drums: bool | None
    music_generation_mode: MusicGenerationMode | str | None
