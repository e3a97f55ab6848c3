"""Examples of jobs and operations, which take a while: batches, tunings, tuned models; and of ephemeral tokens."""

from docs.site_pages.wire.examples import WireExample
from genai_fn import ClientError

__all__ = ["EXAMPLES"]

_BATCH = """\
requests = [generate("gemini-2.5-flash", "one"), generate("gemini-2.5-flash", "two")]
job = run(batches.create("gemini-2.5-flash", requests)).unwrap()"""
_VERTEX_BATCH = 'job = run(batches.create("gemini-2.5-flash", "gs://my-bucket/requests.jsonl")).unwrap()'
_ENDED_VERTEX_BATCH = """\
batch = batches.create("gemini-2.5-flash", "gs://my-bucket/requests.jsonl")
job = run(batch | until_done()).unwrap()"""
_TUNING = """\
examples = {"examples": [{"text_input": "1", "output": "2"}]}
job = run(tunings.tune("models/gemini-2.5-flash", examples)).unwrap()"""
_VERTEX_TUNING = 'job = run(tunings.tune("gemini-2.5-flash", {"gcs_uri": "gs://my-bucket/examples.jsonl"})).unwrap()'
_TUNED_MODEL = """\
examples = {"examples": [{"text_input": "1", "output": "2"}]}
job = run(tunings.tune("models/gemini-2.5-flash", examples) | until_done()).unwrap()
model = job.tuned_model.model"""
_VERTEX_TUNED_MODEL = """\
examples = {"gcs_uri": "gs://my-bucket/examples.jsonl"}
job = run(tunings.tune("gemini-2.5-flash", examples) | until_done()).unwrap()
model = job.tuned_model.model"""
_OPERATION = 'operation = run(videos.generate("veo-3.1-generate-preview", "a cat runs")).unwrap()'

EXAMPLES = (
    WireExample(
        "batches.create",
        'batches.create("gemini-2.5-flash", [generate("gemini-2.5-flash", "one")], {"display_name": "One"})',
        'batches.create("gemini-2.5-flash", "files/gone")',
        ClientError,
        vertex_call='batches.create("gemini-2.5-flash", "gs://my-bucket/requests.jsonl")',
    ),
    WireExample(
        "batches.create_embeddings",
        'batches.create_embeddings("gemini-embedding-001", {"inlined_requests": {"contents": ["one", "two"]}})',
        'batches.create_embeddings("gemini-embedding-001", {"file_name": "files/gone"})',
        ClientError,
    ),
    WireExample(
        "batches.get",
        "batches.get(job.name)",
        'batches.get("batches/gone")',
        ClientError,
        setup=_BATCH,
        vertex_setup=_VERTEX_BATCH,
    ),
    WireExample(
        "batches.list",
        'batches.list({"page_size": 1})',
        'batches.list({"page_token": "x"})',
        ClientError,
        setup=_BATCH,
        vertex_setup=_VERTEX_BATCH,
    ),
    WireExample(
        "batches.cancel",
        "batches.cancel(job.name)",
        'batches.cancel("batches/gone")',
        ClientError,
        setup=_BATCH,
        vertex_setup=_VERTEX_BATCH,
    ),
    WireExample(
        "batches.delete",
        "batches.delete(job.name)",
        'batches.delete("batches/gone")',
        ClientError,
        setup=_BATCH,
        vertex_setup=_ENDED_VERTEX_BATCH,
    ),
    WireExample(
        "tunings.tune",
        'tunings.tune("models/gemini-2.5-flash", examples)',
        'tunings.tune("models/gemini-2.5-flash", examples, {"learning_rate": 0.1, "learning_rate_multiplier": 1.0})',
        ClientError,
        setup='examples = {"examples": [{"text_input": "1", "output": "2"}]}',
        vertex_call='tunings.tune("gemini-2.5-flash", examples)',
        vertex_setup='examples = {"gcs_uri": "gs://my-bucket/examples.jsonl"}',
    ),
    WireExample(
        "tunings.get",
        "tunings.get(job.name)",
        'tunings.get("tunedModels/gone")',
        ClientError,
        setup=_TUNING,
        vertex_setup=_VERTEX_TUNING,
    ),
    WireExample(
        "tunings.list",
        'tunings.list({"page_size": 1})',
        'tunings.list({"page_token": "x"})',
        ClientError,
        setup=_TUNING,
        vertex_setup=_VERTEX_TUNING,
    ),
    WireExample(
        "tunings.cancel",
        "tunings.cancel(job.name)",
        'tunings.cancel("tunedModels/gone")',
        ClientError,
        setup=_TUNING,
        vertex_setup=_VERTEX_TUNING,
    ),
    WireExample(
        "tunings.validate_reward",
        'tunings.validate_reward("4", example, reward)',
        'tunings.validate_reward("4", example, {"string_match_reward_scorer": {"string_match_expression": {}}})',
        ClientError,
        setup="""\
example = {"contents": ["2 + 2"], "references": {"answer": "4"}}
match = {"expression": "{{references.answer}}", "match_operation": "EXACT_MATCH"}
scorer = {"string_match_expression": match, "correct_answer_reward": 1.0}
reward = {"reward_name": "exact", "string_match_reward_scorer": scorer}""",
    ),
    WireExample(
        "models.update",
        'models.update(model, {"display_name": "Mine"})',
        'models.update("tunedModels/gone", {"display_name": "Mine"})',
        ClientError,
        setup=_TUNED_MODEL,
        vertex_setup=_VERTEX_TUNED_MODEL,
    ),
    WireExample(
        "models.delete",
        "models.delete(model)",
        'models.delete("tunedModels/gone")',
        ClientError,
        setup=_TUNED_MODEL,
        vertex_setup=_VERTEX_TUNED_MODEL,
    ),
    WireExample(
        "operations.get",
        "operations.get(operation)",
        'operations.get("models/veo-3.1-generate-preview/operations/gone", GenerateVideosOperation)',
        ClientError,
        setup=_OPERATION,
    ),
    WireExample(
        "operations.get",
        "operations.get(operation)",
        'operations.get("fileSearchStores/s/operations/gone", ImportFileOperation)',
        ClientError,
        setup="""\
store = run(stores.create()).unwrap()
file = run(files.upload(b"Oolong is a tea.", {"mime_type": "text/plain"})).unwrap()
operation = run(stores.import_file(store.name, file.name)).unwrap()""",
        case="an import",
    ),
    WireExample(
        "operations.get",
        "operations.get(operation)",
        'operations.get("fileSearchStores/s/upload/operations/gone", UploadToFileSearchStoreOperation)',
        ClientError,
        setup="""\
store = run(stores.create()).unwrap()
operation = run(stores.upload(store.name, b"Oolong is a tea.", {"mime_type": "text/plain"})).unwrap()""",
        case="an upload",
    ),
    WireExample(
        "operations.get",
        'operations.get("operations/1", ProjectOperation)',
        'operations.get("operations/gone", ProjectOperation)',
        ClientError,
        vertex_call="operations.get(deletion.name, ProjectOperation)",
        vertex_setup=f"{_ENDED_VERTEX_BATCH}\ndeletion = run(batches.delete(job.name)).unwrap()",
        case="a deletion",
    ),
    WireExample(
        "operations.build_lookup",
        "operations.build_lookup(operation)",
        'operations.build_lookup(GenerateVideosOperation(name="models/veo-3.1-generate-preview/operations/gone"))',
        ClientError,
        setup=_OPERATION,
    ),
    WireExample(
        "auth_tokens.create",
        'auth_tokens.create({"uses": 1}) | with_options(api_version="v1alpha")',
        'auth_tokens.create({"uses": 1})',
        ClientError,
    ),
)
