"""Every operation, by our name of it, with arguments that are complete."""

from typing import Any

__all__ = ["OPERATIONS", "REQUIRED", "VERTEX_NAMES"]

OPERATIONS: dict[str, dict[str, Any]] = {
    "generate": {"model": "m", "contents": "hi"},
    "embed": {"model": "m", "contents": "hi"},
    "tokens.count": {"model": "m", "contents": "hi"},
    "tokens.compute": {"model": "m", "contents": "hi"},
    "images.generate": {"model": "m", "prompt": "hi"},
    "images.edit": {"model": "m", "prompt": "hi", "reference_images": []},
    "images.upscale": {"model": "m", "image": {"image_bytes": b"x", "mime_type": "image/png"}, "upscale_factor": "x2"},
    "images.recontext": {"model": "m", "source": {"prompt": "hi"}},
    "images.segment": {"model": "m", "source": {"prompt": "hi"}},
    "videos.generate": {"model": "m", "prompt": "hi"},
    "models.get": {"model": "m"},
    "models.delete": {"model": "m"},
    "models.update": {"model": "m"},
    "models.list": {},
    "files.get": {"name": "f"},
    "files.delete": {"name": "f"},
    "files.list": {},
    "files.register_files": {"auth": "test-token", "uris": ["gs://b/o"]},
    "caches.create": {"model": "m"},
    "caches.get": {"name": "c"},
    "caches.delete": {"name": "c"},
    "caches.update": {"name": "c"},
    "caches.list": {},
    "batches.create": {"model": "m", "src": "gs://b/x.jsonl"},
    "batches.create_embeddings": {"model": "m", "src": {"file_name": "files/f"}},
    "batches.get": {"name": "batches/1"},
    "batches.cancel": {"name": "batches/1"},
    "batches.delete": {"name": "batches/1"},
    "batches.list": {},
    "tunings.tune": {"base_model": "m", "training_dataset": {"gcs_uri": "gs://b/x.jsonl"}},
    "tunings.get": {"name": "tunedModels/1"},
    "tunings.cancel": {"name": "tunedModels/1"},
    "tunings.list": {},
    "tunings.validate_reward": {
        "parent": "projects/p/locations/us-central1",
        "sample_response": {"parts": [{"text": "a"}]},
        "example": {"references": {"a_b": "c"}},
        "single_reward_config": {"reward_name": "r"},
    },
    "stores.create": {},
    "stores.get": {"name": "fileSearchStores/s"},
    "stores.delete": {"name": "fileSearchStores/s"},
    "stores.list": {},
    "stores.import_file": {"file_search_store_name": "fileSearchStores/s", "file_name": "files/f"},
    "stores.download_media": {"media_id": "fileSearchStores/s/media/m"},
    "stores.documents.get": {"name": "fileSearchStores/s/documents/d"},
    "stores.documents.delete": {"name": "fileSearchStores/s/documents/d"},
    "stores.documents.list": {"parent": "fileSearchStores/s"},
    "operations.get": {"name": "models/veo/operations/1"},
    "operations.get.import": {"name": "fileSearchStores/s/operations/1"},
    "operations.get.upload": {"name": "fileSearchStores/s/upload/operations/1"},
    "auth_tokens.create": {},
}

VERTEX_NAMES: dict[str, dict[str, Any]] = {
    **{f"batches.{verb}": {"name": "1"} for verb in ("get", "cancel", "delete")},
    **{f"tunings.{verb}": {"name": "projects/p/locations/us-central1/tuningJobs/1"} for verb in ("get", "cancel")},
    "operations.get": {"name": "projects/p/locations/us-central1/publishers/google/models/veo/operations/1"},
}
"""Names that Vertex AI has instead."""

REQUIRED: dict[str, dict[str, Any]] = {
    "files.register_files": {"auth": "test-token"},
    "tunings.validate_reward": {"parent": "projects/p/locations/us-central1"},
}
"""Arguments that google-genai requires, and that have a default here."""
