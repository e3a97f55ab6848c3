"""Which tokenizer a Gemini model has: the URL and the checksum of the file with its SentencePiece model."""

from genai_fn.values import Value


class ModelFile(Value):
    """The file of a SentencePiece model: a name, its URL, and the SHA-256 of its content in hexadecimal."""

    name: str
    url: str
    sha256: str


def find_model_file(model: str) -> ModelFile | None:
    """
    Find the file with the tokenizer of a model; None if the tokenizer is unknown.

    >>> find_model_file("models/gemini-2.5-flash").name
    'gemma3'
    """
    return MODEL_FILES.get(model.rpartition("models/")[2])


_GEMMA_3 = ModelFile(
    "gemma3",
    "https://raw.githubusercontent.com/google/gemma_pytorch/014acb7ac4563a5f77c76d7ff98f31b568c16508/tokenizer/gemma3_cleaned_262144_v2.spiece.model",
    "1299c11d7cf632ef3b4e11937501358ada021bbdf7c47638d13c0ee982f2e79c",
)

MODEL_FILES: dict[str, ModelFile] = dict.fromkeys(
    (
        "gemini-2.0-flash",
        "gemini-2.0-flash-001",
        "gemini-2.0-flash-lite",
        "gemini-2.0-flash-lite-001",
        "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
        "gemini-2.5-flash-lite-preview-06-17",
        "gemini-2.5-flash-preview-04-17",
        "gemini-2.5-flash-preview-05-20",
        "gemini-2.5-pro",
        "gemini-2.5-pro-exp-03-25",
        "gemini-2.5-pro-preview-05-06",
        "gemini-2.5-pro-preview-06-05",
        "gemini-3-flash-preview",
        "gemini-3-pro-preview",
        "gemini-live-2.5-flash",
    ),
    _GEMMA_3,
)
"""
The models with a known tokenizer: all that google-genai 1.51.0 lists, and those of 3.6.1 that have the same tokenizer.
"""
