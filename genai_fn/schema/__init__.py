"""
Every type of the API as a frozen Struct, under Google's own names, with one module for each domain.

Each type is listed once, in the ``__all__`` of its module. Modules without types of the API:

- ``base``: base classes and field annotations; ``annotations`` reads annotations.
- ``convert``: converts arguments to types; ``contents`` groups them into turns.
- ``api_schema``: translates JSON Schema and types into `Schema`.
- ``json_schema``: JSON Schema of Python types; ``class_hints``, ``limits`` and ``other_types`` read them.
- ``schema_tree``: subschemas, references and ``allOf`` of any JSON Schema.
- ``function_declarations``: declarations of Python functions.
- ``mime_types``, ``pillow_images``, ``disk``: files and images.
- ``secret_fields``: types with masked fields.
"""

import typing

from genai_fn.schema.auth_tokens import *
from genai_fn.schema.base import (
    GeminiOnly as GeminiOnly,
    Message as Message,
    Opaque as Opaque,
    OpenEnum as OpenEnum,
    OpenMessage as OpenMessage,
    Page as Page,
    VertexOnly as VertexOnly,
)
from genai_fn.schema.batches import *
from genai_fn.schema.caches import *
from genai_fn.schema.content import *
from genai_fn.schema.embeddings import *
from genai_fn.schema.evaluation import *
from genai_fn.schema.evaluation_results import *
from genai_fn.schema.files import *
from genai_fn.schema.functions import *
from genai_fn.schema.generation import *
from genai_fn.schema.grounding import *
from genai_fn.schema.image_editing import *
from genai_fn.schema.images import *
from genai_fn.schema.live import *
from genai_fn.schema.live_server import *
from genai_fn.schema.media import *
from genai_fn.schema.models import *
from genai_fn.schema.music import *
from genai_fn.schema.operations import *
from genai_fn.schema.response_formats import *
from genai_fn.schema.responses import *
from genai_fn.schema.retrieval import *
from genai_fn.schema.rewards import *
from genai_fn.schema.safety import *
from genai_fn.schema.schemas import *
from genai_fn.schema.search_tools import *
from genai_fn.schema.speech import *
from genai_fn.schema.stores import *
from genai_fn.schema.tokens import *
from genai_fn.schema.tools import *
from genai_fn.schema.transcription import *
from genai_fn.schema.tuning_data import *
from genai_fn.schema.tuning_specs import *
from genai_fn.schema.tunings import *
from genai_fn.schema.videos import *

if not typing.TYPE_CHECKING:  # type checkers re-export what the star imports bring; mypy reads no computed ``__all__``
    __all__ = sorted(name for name in globals() if name[0].isupper())
