"""The tokenizers of models, and the files that contain them."""

import pytest
from google.genai import _local_tokenizer_loader as loader

from genai_fn.local_tokenizer.model_names import MODEL_FILES, find_model_file

THEIRS = loader._GEMINI_MODELS_TO_TOKENIZER_NAMES | loader._GEMINI_STABLE_MODELS_TO_TOKENIZER_NAMES


@pytest.mark.parametrize("model", THEIRS)
def test_same_files(model: str) -> None:
    """Each model of google-genai 1.51.0 has the same file here, with the same checksum."""
    file, theirs = find_model_file(model), loader._TOKENIZERS[THEIRS[model]]
    assert file is not None
    assert (file.name, file.url, file.sha256) == (THEIRS[model], theirs.model_url, theirs.model_hash)


def test_more_models() -> None:
    """Further models are those that google-genai 3.6.1 adds with the same tokenizer."""
    assert MODEL_FILES.keys() - THEIRS.keys() == {"gemini-3-flash-preview", "gemini-3-pro-preview"}


@pytest.mark.parametrize(
    ("model", "is_known"),
    [
        ("gemini-2.5-pro", True),
        ("models/gemini-2.5-pro", True),
        ("publishers/google/models/gemini-2.5-pro", True),
        ("projects/p/locations/l/publishers/google/models/gemini-2.5-pro", True),
        ("tunedModels/gemini-2.5-pro", False),
        ("gemini-2.5", False),
        ("gemini-2.5-pro-", False),
        ("models/", False),
    ],
)
def test_names(model: str, is_known: bool) -> None:
    """A model is known by its bare or its full name; names of tuned models are others."""
    assert (find_model_file(model) is not None) == is_known
