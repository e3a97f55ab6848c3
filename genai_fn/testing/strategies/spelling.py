"""
Replies as the two services spell them: `spelled` is what an operation reads, written.

Most are the JSON of their types. The others lose what the wire has no word for: a Gemini batch does not say when it
began.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from genai_fn import codec
from genai_fn.ops.tunings import Tune
from genai_fn.request import Operation
from genai_fn.schema import (
    BatchJob,
    BatchJobDestination,
    BatchJobSource,
    EditImageResponse,
    EmbedContentResponse,
    GeneratedImage,
    GenerateImagesResponse,
    GenerateVideosOperation,
    GenerateVideosResponse,
    Image,
    JobState,
    ListBatchJobsResponse,
    ListModelsResponse,
    ListTuningJobsResponse,
    Model,
    RecontextImageResponse,
    SegmentImageResponse,
    TunedModelInfo,
    TuningJob,
    UpscaleImageResponse,
    Video,
)

__all__ = ["SHORTENED", "spelled"]

_Json: TypeAlias = dict[str, Any]


def spelled(operation: Operation[Any], reply: Any, backend: str) -> Any:
    """Write a reply as the JSON of a backend, ``gemini`` or ``vertex``."""
    if reply is None:
        return {}
    if backend == "gemini" and isinstance(operation, Tune):
        return _begun(reply)
    spell = _SPELLING.get((backend, cast("Any", type(reply))))
    return codec.to_builtins(reply) if spell is None else spell(reply)


SHORTENED = (Model, BatchJob, TuningJob, ListModelsResponse, ListBatchJobsResponse, ListTuningJobsResponse)
"""What either service says less of than its type could hold."""


def _said(**fields: Any) -> _Json:
    """Leave out what is not set."""
    return {name: codec.to_builtins(value) for name, value in fields.items() if value not in (None, ())}


def _renamed(value: Any, **names: str) -> _Json:
    """Keep the fields that are named, under their names on the wire."""
    return _said(**{on_wire: getattr(value, name) for name, on_wire in names.items()})


# Vectors


def _vectors(reply: EmbedContentResponse) -> _Json:
    predictions: list[_Json] = []
    for each in reply.embeddings:
        told = each.statistics
        statistics = None if told is None else _said(truncated=told.truncated, token_count=told.token_count)
        predictions.append({"embeddings": _said(values=each.values, statistics=statistics)})
    return _said(predictions=predictions, metadata=reply.metadata)


# Images and films


def _image(image: Image | None) -> _Json:
    if image is None:
        return {}
    return _renamed(image, gcs_uri="gcsUri", image_bytes="bytesBase64Encoded", mime_type="mimeType")


def _prediction(made: GeneratedImage) -> _Json:
    safety = made.safety_attributes
    found = {} if safety is None else _said(categories=safety.categories, scores=safety.scores)
    return _image(made.image) | _said(
        raiFilteredReason=made.rai_filtered_reason,
        prompt=made.enhanced_prompt,
        safetyAttributes=found or None,
        contentType=None if safety is None else safety.content_type,
    )


def _images(reply: Any) -> _Json:
    return {"predictions": [_prediction(each) for each in reply.generated_images]}


def _masks(reply: SegmentImageResponse) -> _Json:
    return {"predictions": [_image(each.mask) | _said(labels=each.labels) for each in reply.generated_masks]}


def _filming(spell: Callable[[GenerateVideosResponse], _Json]) -> Callable[[GenerateVideosOperation], _Json]:
    def filming(reply: GenerateVideosOperation) -> _Json:
        response = {} if reply.response is None else {"response": spell(reply.response)}
        return _said(name=reply.name, metadata=reply.metadata, error=reply.error) | _done(reply.done) | response

    return filming


def _done(done: bool | None) -> _Json:
    return {} if done is None else {"done": done}


def _of_gemini(made: GenerateVideosResponse) -> _Json:
    samples = [{"video": _film(each.video, "uri", "encodedVideo", "encoding")} for each in made.generated_videos]
    return {"generateVideoResponse": _said(generatedSamples=samples) | _filtered(made)}


def _of_vertex(made: GenerateVideosResponse) -> _Json:
    videos = [_film(each.video, "gcsUri", "bytesBase64Encoded", "mimeType") for each in made.generated_videos]
    return _said(videos=videos) | _filtered(made)


def _film(video: Video | None, uri: str, data: str, mime_type: str) -> _Json:
    return {} if video is None else _renamed(video, uri=uri, video_bytes=data, mime_type=mime_type)


def _filtered(made: GenerateVideosResponse) -> _Json:
    return _renamed(
        made, rai_media_filtered_count="raiMediaFilteredCount", rai_media_filtered_reasons="raiMediaFilteredReasons"
    )


# Models


_ALIKE = {"name": "name", "display_name": "displayName", "description": "description"}
_TIMES = {"create_time": "createTime", "update_time": "updateTime"}


def _gemini_model(reply: Model) -> _Json:
    limits = {"input_token_limit": "inputTokenLimit", "output_token_limit": "outputTokenLimit"}
    sampling = {"temperature": "temperature", "max_temperature": "maxTemperature", "top_p": "topP", "top_k": "topK"}
    own = {"version": "version", "supported_actions": "supportedGenerationMethods", "thinking": "thinking"}
    info = reply.tuned_model_info or TunedModelInfo()
    tuned = _renamed(info, base_model="baseModel", **_TIMES)
    return _renamed(reply, **_ALIKE, **limits, **sampling, **own) | tuned


def _vertex_model(reply: Model) -> _Json:
    own = {"version": "versionId", "default_checkpoint_id": "defaultCheckpointId", "checkpoints": "checkpoints"}
    info = reply.tuned_model_info or TunedModelInfo()
    base = {} if info.base_model is None else {"google-vertex-llm-tuning-base-model-id": info.base_model}
    endpoints = [_renamed(each, name="endpoint", deployed_model_id="deployedModelId") for each in reply.endpoints]
    labels = {**(reply.labels or {}), **base} or None
    return _renamed(reply, **_ALIKE, **own) | _renamed(info, **_TIMES) | _said(deployedModels=endpoints, labels=labels)


# Batches


def _gemini_batch(reply: BatchJob) -> _Json:
    counts = {"successful_count": "successfulRequestCount", "failed_count": "failedRequestCount"}
    stats = reply.completion_stats
    told = None if stats is None else _renamed(stats, **counts, incomplete_count="pendingRequestCount")
    state = None if reply.state is None else reply.state.value.replace("JOB_STATE_", "BATCH_STATE_", 1)
    metadata = _renamed(reply, display_name="displayName", end_time="endTime", model="model", **_TIMES)
    output = {} if reply.dest is None else {"output": _output(reply.dest)}
    metadata |= _said(state=state, batchStats=told) | output
    return _said(name=reply.name, error=reply.error, metadata=metadata)


def _output(dest: BatchJobDestination) -> _Json:
    vectors = _said(inlinedResponses=dest.inlined_embed_content_responses) or None
    return _said(
        responsesFile=dest.file_name,
        inlinedResponses=_said(inlinedResponses=dest.inlined_responses) or None,
        inlinedEmbedContentResponses=vectors,
    )


def _vertex_batch(reply: BatchJob) -> _Json:
    times = {"start_time": "startTime", "end_time": "endTime", **_TIMES}
    same = {"name": "name", "display_name": "displayName", "state": "state", "error": "error", "model": "model"}
    said = _renamed(reply, **same, **times, completion_stats="completionStats")
    places = {
        **({} if reply.src is None else {"inputConfig": _input(reply.src)}),
        **({} if reply.dest is None else {"outputConfig": _written_to(reply.dest)}),
    }
    return said | places


def _input(src: BatchJobSource) -> _Json:
    return _said(
        instancesFormat=src.format,
        gcsSource=_said(uris=src.gcs_uri) or None,
        bigquerySource=_said(inputUri=src.bigquery_uri) or None,
    )


def _written_to(dest: BatchJobDestination) -> _Json:
    return _said(
        predictionsFormat=dest.format,
        gcsDestination=_said(outputUriPrefix=dest.gcs_uri) or None,
        bigqueryDestination=_said(outputUri=dest.bigquery_uri) or None,
    )


# Tunings


def _begun(reply: TuningJob) -> _Json:
    return {"name": f"{reply.name}/operations/1", "metadata": {"tunedModel": reply.name}}


def _gemini_tuning(reply: TuningJob) -> _Json:
    same = {"name": "name", "description": "description", "base_model": "baseModel"}
    said = _renamed(reply, **same, tuned_model_display_name="displayName", **_TIMES)
    task = _renamed(reply, start_time="startTime", end_time="completeTime")
    state = None if reply.state is None else _STATES.get(reply.state, reply.state.value)
    return said | _said(state=state, tuningTask=task or None)


_STATES: Mapping[str, str] = {
    JobState.JOB_STATE_UNSPECIFIED: "STATE_UNSPECIFIED",
    JobState.JOB_STATE_QUEUED: "CREATING",
    JobState.JOB_STATE_PENDING: "CREATING",
    JobState.JOB_STATE_RUNNING: "CREATING",
    JobState.JOB_STATE_SUCCEEDED: "ACTIVE",
    JobState.JOB_STATE_FAILED: "FAILED",
}


def _vertex_tuning(reply: TuningJob) -> _Json:
    said: _Json = codec.to_builtins(reply)
    return {name: each for name, each in said.items() if name != "evaluationConfig"}  # which has another shape there


def _list(items: str, name: str, spell: Callable[[Any], _Json]) -> Callable[[Any], _Json]:
    def listed(reply: Any) -> _Json:
        return _said(**{name: [spell(each) for each in getattr(reply, items)]}, nextPageToken=reply.next_page_token)

    return listed


_SPELLING: Mapping[tuple[str, type[Any]], Callable[[Any], _Json]] = {
    ("vertex", EmbedContentResponse): _vectors,
    **{
        (backend, kind): _images
        for backend in ("gemini", "vertex")
        for kind in (GenerateImagesResponse, EditImageResponse, UpscaleImageResponse, RecontextImageResponse)
    },
    ("vertex", SegmentImageResponse): _masks,
    ("gemini", GenerateVideosOperation): _filming(_of_gemini),
    ("vertex", GenerateVideosOperation): _filming(_of_vertex),
    ("gemini", Model): _gemini_model,
    ("vertex", Model): _vertex_model,
    ("gemini", ListModelsResponse): _list("models", "models", _gemini_model),
    ("vertex", ListModelsResponse): _list("models", "publisherModels", _vertex_model),
    ("gemini", BatchJob): _gemini_batch,
    ("vertex", BatchJob): _vertex_batch,
    ("gemini", ListBatchJobsResponse): _list("batch_jobs", "operations", _gemini_batch),
    ("vertex", ListBatchJobsResponse): _list("batch_jobs", "batchPredictionJobs", _vertex_batch),
    ("gemini", TuningJob): _gemini_tuning,
    ("vertex", TuningJob): _vertex_tuning,
    ("gemini", ListTuningJobsResponse): _list("tuning_jobs", "tunedModels", _gemini_tuning),
    ("vertex", ListTuningJobsResponse): _list("tuning_jobs", "tuningJobs", _vertex_tuning),
}
