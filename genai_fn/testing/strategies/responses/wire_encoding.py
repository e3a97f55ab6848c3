"""
`encode_reply`: encodes a reply as the JSON of either backend, the inverse of what its operation decodes.

Most types are encoded as they are. The others are encoded field by field, without fields that the backend lacks: a
Gemini batch has no start time.
"""

from collections.abc import Callable, Mapping
from functools import partial
from struct import iter_unpack
from typing import Any, TypeAlias, cast

from msgspec import Struct

from genai_fn import codec
from genai_fn.ops.embed import EmbedOperation, has_embed_method
from genai_fn.ops.embed.arrays import EmbedContentArrayResponse
from genai_fn.ops.tunings import CreateTuning
from genai_fn.request import Operation
from genai_fn.schema.annotations import index_fields_by_spelling
from genai_fn.schema.batches import (
    BatchJob,
    BatchJobDestination,
    BatchJobSource,
    ListBatchJobsResponse,
    VertexMultimodalDatasetDestination,
)
from genai_fn.schema.embeddings import ContentEmbedding, EmbedContentResponse
from genai_fn.schema.image_editing import SegmentImageResponse
from genai_fn.schema.images import GeneratedImage, Image
from genai_fn.schema.models import ListModelsResponse, Model, TunedModelInfo
from genai_fn.schema.operations import JobState
from genai_fn.schema.tunings import ListTuningJobsResponse, TuningJob
from genai_fn.schema.videos import GenerateVideosOperation, GenerateVideosResponse, Video
from genai_fn.testing.strategies.responses.media import IMAGE_RESPONSE_TYPES

_Json: TypeAlias = dict[str, Any]


def encode_reply(operation: Operation[Any], reply: Any, backend: str) -> Any:
    """Encode a reply as the JSON of a backend, ``gemini`` or ``vertex``."""
    if reply is None:
        return {}
    if backend == "gemini" and isinstance(operation, CreateTuning):
        return _encode_tuning_operation(reply)
    if isinstance(reply, EmbedContentArrayResponse):
        reply = _to_tuples(reply)
    if backend == "vertex" and isinstance(operation, EmbedOperation) and has_embed_method(operation.model):
        return _encode_whole_vectors(operation, reply)
    encode = _ENCODERS.get((backend, cast("Any", type(reply))))
    return codec.to_builtins(reply) if encode is None else encode(reply)


LOSSY_TYPES = (Model, BatchJob, TuningJob, ListModelsResponse, ListBatchJobsResponse, ListTuningJobsResponse)
"""Types with fields that at least one backend does not return."""


def _drop_unset(**fields: Any) -> _Json:
    """Convert fields to JSON, and drop those that are None or empty tuples."""
    return {name: codec.to_builtins(value) for name, value in fields.items() if value not in (None, ())}


def _encode_fields(value: Struct, *names: str, **renamed: str) -> _Json:
    """Convert fields to JSON: those in `names` with their usual names, the others as ``field="wireName"``."""
    fields = index_fields_by_spelling(type(value))
    wire_names = {name: fields[name].encode_name for name in names} | renamed
    return _drop_unset(**{wire_name: getattr(value, name) for name, wire_name in wire_names.items()})


# Embeddings


def _to_tuples(reply: EmbedContentArrayResponse) -> EmbedContentResponse:
    vectors = (tuple(number for (number,) in iter_unpack("<f", each.data)) for each in reply.embeddings)
    return EmbedContentResponse(embeddings=tuple(ContentEmbedding(values=each) for each in vectors))


def _encode_vectors(reply: EmbedContentResponse) -> _Json:
    predictions: list[_Json] = []
    for each in reply.embeddings:
        stats = each.statistics
        statistics = None if stats is None else _drop_unset(truncated=stats.truncated, token_count=stats.token_count)
        predictions.append({"embeddings": _drop_unset(values=each.values, statistics=statistics)})
    return _drop_unset(predictions=predictions, metadata=reply.metadata)


def _encode_whole_vectors(operation: EmbedOperation[Any], reply: EmbedContentResponse) -> _Json:
    """Encode vectors for ``:batchEmbedContents``, or one for ``:embedContent``, which cannot return several."""
    vectors = [_drop_unset(values=each.values) for each in reply.embeddings]
    if len(operation.contents) > 1:
        return {"embeddings": vectors}
    return {"embedding": vectors[0]} if len(vectors) == 1 else {}


# Images and videos


def _encode_image(image: Image | None) -> _Json:
    if image is None:
        return {}
    return _encode_fields(image, "gcs_uri", "mime_type", image_bytes="bytesBase64Encoded")


def _encode_prediction(image: GeneratedImage) -> _Json:
    safety = image.safety_attributes
    attributes = {} if safety is None else _encode_fields(safety, "categories", "scores")
    return _encode_image(image.image) | _drop_unset(
        raiFilteredReason=image.rai_filtered_reason,
        prompt=image.enhanced_prompt,
        safetyAttributes=attributes or None,
        contentType=None if safety is None else safety.content_type,
    )


def _encode_images(reply: Any) -> _Json:
    return {"predictions": [_encode_prediction(each) for each in reply.generated_images]}


def _encode_masks(reply: SegmentImageResponse) -> _Json:
    return {
        "predictions": [_encode_image(each.mask) | _drop_unset(labels=each.labels) for each in reply.generated_masks]
    }


def _encode_video_operation(
    encode_videos: Callable[[GenerateVideosResponse], _Json], reply: GenerateVideosOperation
) -> _Json:
    videos = None if reply.response is None else encode_videos(reply.response)
    return _encode_fields(reply, "name", "metadata", "error", "done") | _drop_unset(response=videos)


def _encode_gemini_videos(response: GenerateVideosResponse) -> _Json:
    samples = [
        {"video": _encode_video(each.video, "uri", "encodedVideo", "encoding")} for each in response.generated_videos
    ]
    return {"generateVideoResponse": _drop_unset(generatedSamples=samples) | _encode_filter_counts(response)}


def _encode_vertex_videos(response: GenerateVideosResponse) -> _Json:
    videos = [
        _encode_video(each.video, "gcsUri", "bytesBase64Encoded", "mimeType") for each in response.generated_videos
    ]
    return _drop_unset(videos=videos) | _encode_filter_counts(response)


def _encode_video(video: Video | None, uri: str, data: str, mime_type: str) -> _Json:
    return {} if video is None else _encode_fields(video, uri=uri, video_bytes=data, mime_type=mime_type)


def _encode_filter_counts(response: GenerateVideosResponse) -> _Json:
    return _encode_fields(response, "rai_media_filtered_count", "rai_media_filtered_reasons")


# Models


_COMMON_MODEL_FIELDS = ("name", "display_name", "description")
_TIME_FIELDS = ("create_time", "update_time")


def _encode_gemini_model(reply: Model) -> _Json:
    limits = ("input_token_limit", "output_token_limit", "temperature", "max_temperature", "top_p", "top_k")
    own = _encode_fields(reply, *limits, "version", "thinking", supported_actions="supportedGenerationMethods")
    tuned = _encode_fields(reply.tuned_model_info or TunedModelInfo(), "base_model", *_TIME_FIELDS)
    return _encode_fields(reply, *_COMMON_MODEL_FIELDS) | own | tuned


def _encode_vertex_model(reply: Model) -> _Json:
    own = _encode_fields(reply, "default_checkpoint_id", "checkpoints", version="versionId")
    info = reply.tuned_model_info or TunedModelInfo()
    base = {} if info.base_model is None else {"google-vertex-llm-tuning-base-model-id": info.base_model}
    endpoints = [_encode_fields(each, "deployed_model_id", name="endpoint") for each in reply.endpoints]
    own |= _drop_unset(deployedModels=endpoints, labels={**(reply.labels or {}), **base} or None)
    return _encode_fields(reply, *_COMMON_MODEL_FIELDS) | own | _encode_fields(info, *_TIME_FIELDS)


# Batches


def _encode_gemini_batch(reply: BatchJob) -> _Json:
    counts = {"successful_count": "successfulRequestCount", "failed_count": "failedRequestCount"}
    stats = reply.completion_stats
    metadata = _encode_fields(reply, "display_name", "end_time", "model", *_TIME_FIELDS) | _drop_unset(
        state=None if reply.state is None else reply.state.value.replace("JOB_STATE_", "BATCH_STATE_", 1),
        batchStats=None if stats is None else _encode_fields(stats, **counts, incomplete_count="pendingRequestCount"),
        output=None if reply.dest is None else _encode_batch_output(reply.dest),
    )
    return _encode_fields(reply, "name", "error") | _drop_unset(metadata=metadata)


def _encode_batch_output(dest: BatchJobDestination) -> _Json:
    vectors = _drop_unset(inlinedResponses=dest.inlined_embed_content_responses) or None
    return _drop_unset(
        responsesFile=dest.file_name,
        inlinedResponses=_drop_unset(inlinedResponses=dest.inlined_responses) or None,
        inlinedEmbedContentResponses=vectors,
    )


def _encode_vertex_batch(reply: BatchJob) -> _Json:
    times = ("start_time", "end_time", *_TIME_FIELDS)
    same = ("name", "display_name", "state", "error", "model", "completion_stats", "output_info")
    return _encode_fields(reply, *same, *times) | _drop_unset(
        inputConfig=None if reply.src is None else _encode_batch_source(reply.src),
        outputConfig=None if reply.dest is None else _encode_batch_destination(reply.dest),
    )


def _encode_batch_source(src: BatchJobSource) -> _Json:
    return _drop_unset(
        instancesFormat=src.format,
        gcsSource=_drop_unset(uris=src.gcs_uri) or None,
        bigquerySource=_drop_unset(inputUri=src.bigquery_uri) or None,
        vertexMultimodalDatasetSource=_drop_unset(datasetName=src.vertex_dataset_name) or None,
    )


def _encode_batch_destination(dest: BatchJobDestination) -> _Json:
    dataset = dest.vertex_dataset
    return _drop_unset(
        predictionsFormat=dest.format,
        gcsDestination=_drop_unset(outputUriPrefix=dest.gcs_uri) or None,
        bigqueryDestination=_drop_unset(outputUri=dest.bigquery_uri) or None,
        vertexMultimodalDatasetDestination=None if dataset is None else _encode_dataset(dataset),
    )


def _encode_dataset(dataset: VertexMultimodalDatasetDestination) -> _Json:
    table = _drop_unset(outputUri=dataset.bigquery_destination) or None
    return _drop_unset(bigqueryDestination=table, displayName=dataset.display_name)


# Tunings


def _encode_tuning_operation(reply: TuningJob) -> _Json:
    return {"name": f"{reply.name}/operations/1", "metadata": {"tunedModel": reply.name}}


def _encode_gemini_tuning(reply: TuningJob) -> _Json:
    same = ("name", "description", "base_model", *_TIME_FIELDS)
    task = _encode_fields(reply, "start_time", end_time="completeTime")
    state = None if reply.state is None else _TUNING_STATES.get(reply.state, reply.state.value)
    fields = _encode_fields(reply, *same, tuned_model_display_name="displayName")
    return fields | _drop_unset(state=state, tuningTask=task or None)


_TUNING_STATES: Mapping[str, str] = {
    JobState.JOB_STATE_UNSPECIFIED: "STATE_UNSPECIFIED",
    JobState.JOB_STATE_QUEUED: "CREATING",
    JobState.JOB_STATE_PENDING: "CREATING",
    JobState.JOB_STATE_RUNNING: "CREATING",
    JobState.JOB_STATE_SUCCEEDED: "ACTIVE",
    JobState.JOB_STATE_FAILED: "FAILED",
}


def _encode_vertex_tuning(reply: TuningJob) -> _Json:
    text = codec.encode(reply).replace(b'"modelSelectionConfig":', b'"modelConfig":')  # the name on Vertex AI
    fields: _Json = codec.decode(text)
    fields.pop("evaluationConfig", None)  # Vertex AI has another structure for it
    return fields


def _encode_list(items: str, wire_name: str, encode: Callable[[Any], _Json], reply: Any) -> _Json:
    encoded = {wire_name: [encode(each) for each in getattr(reply, items)]}
    return _drop_unset(**encoded, nextPageToken=reply.next_page_token)


_ENCODERS: Mapping[tuple[str, type[Any]], Callable[[Any], _Json]] = {
    ("vertex", EmbedContentResponse): _encode_vectors,
    **{(backend, kind): _encode_images for backend in ("gemini", "vertex") for kind in IMAGE_RESPONSE_TYPES},
    ("vertex", SegmentImageResponse): _encode_masks,
    ("gemini", GenerateVideosOperation): partial(_encode_video_operation, _encode_gemini_videos),
    ("vertex", GenerateVideosOperation): partial(_encode_video_operation, _encode_vertex_videos),
    ("gemini", Model): _encode_gemini_model,
    ("vertex", Model): _encode_vertex_model,
    ("gemini", ListModelsResponse): partial(_encode_list, "models", "models", _encode_gemini_model),
    ("vertex", ListModelsResponse): partial(_encode_list, "models", "publisherModels", _encode_vertex_model),
    ("gemini", BatchJob): _encode_gemini_batch,
    ("vertex", BatchJob): _encode_vertex_batch,
    ("gemini", ListBatchJobsResponse): partial(_encode_list, "batch_jobs", "operations", _encode_gemini_batch),
    ("vertex", ListBatchJobsResponse): partial(_encode_list, "batch_jobs", "batchPredictionJobs", _encode_vertex_batch),
    ("gemini", TuningJob): _encode_gemini_tuning,
    ("vertex", TuningJob): _encode_vertex_tuning,
    ("gemini", ListTuningJobsResponse): partial(_encode_list, "tuning_jobs", "tunedModels", _encode_gemini_tuning),
    ("vertex", ListTuningJobsResponse): partial(_encode_list, "tuning_jobs", "tuningJobs", _encode_vertex_tuning),
}
