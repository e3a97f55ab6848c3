"""``generate``, field by field: each field alone is sent or refused as by google-genai 1.51.0."""

from collections.abc import Mapping
from copy import deepcopy

import pytest
from google.genai import types

from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.generate import generate
from genai_fn.wire import encode
from tests.cases.generate_fields import GENERATE_FIELDS
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    add_credential,
    get_refused_field,
    is_supported_since,
    list_refused_fields,
    select_compared_parts,
)
from tests.support.google_genai.versions import has_newer_fields

TYPES = {"config": types.GenerateContentConfig, "contents": types.Content}


def has_1_51_0(path: str) -> bool:
    """Check whether google-genai 1.51.0 has the fields that the arguments of a case set."""
    return not any(has_newer_fields(kind, GENERATE_FIELDS[path].get(name)) for name, kind in TYPES.items())


DIFFERENCES: Mapping[str, str] = {
    "config.automatic_function_calling": "nothing calls functions by itself: the modifier calling(…) does",
    "config.continuation_token": "unknown to 1.51.0; 3.6.1 sends it",
    "config.response_schema.enum": "texts to choose from are a STRING: the type is added where it is missing",
}
"""Deliberate differences, by the beginning of the path."""

REFUSED_SINCE: Mapping[str, str] = {".function_response.will_continue": "vertex"}
"""The ends of paths that a backend does not support according to google-genai 3.6.1 and here, and that 1.51.0 sends."""

KNOWN = [path for path in GENERATE_FIELDS if not path.startswith(tuple(DIFFERENCES)) and has_1_51_0(path)]


def test_there_are_fields() -> None:
    """The table has more than 350 fields of 1.51.0, and more of 3.6.1."""
    assert len(GENERATE_FIELDS) > len(KNOWN) > 350


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("path", KNOWN)
def test_field(path: str, backend: str) -> None:
    """A single field is sent or refused as by google-genai 1.51.0, under the same name, or is a mistake in both."""
    (their_backend, our_backend), arguments = BACKENDS[backend], GENERATE_FIELDS[path]
    theirs = oracle.capture_request(
        their_backend, lambda client: client.models.generate_content(model="m", **deepcopy(arguments))
    )
    if any(path.endswith(end) and backend == each for end, each in REFUSED_SINCE.items()):
        assert isinstance(theirs, oracle.SentRequest)
        assert list_refused_fields(encode(generate("m", **arguments), our_backend)) == [path.rpartition(".")[2]]
    elif isinstance(theirs, oracle.SentRequest):
        ours = add_credential(encode(generate("m", **arguments), our_backend).unwrap(), our_backend)
        assert select_compared_parts(theirs) == select_compared_parts(ours)
    elif is_supported_since(theirs, backend, "generate"):
        assert get_refused_field(theirs) not in list_refused_fields(encode(generate("m", **arguments), our_backend))
    elif theirs.unsupported:
        error = encode(generate("m", **arguments), our_backend).failure()
        assert isinstance(error, Unsupported)
        assert [get_refused_field(theirs)] == [each.rpartition(".")[2] for each in error.paths]
    else:
        with pytest.raises(InvalidRequest):
            generate("m", **arguments)
