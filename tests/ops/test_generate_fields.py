"""``generate``, field by field: each field alone is sent or refused as by google-genai 1.51.0."""

from collections.abc import Mapping
from copy import deepcopy

import pytest

from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.generate import generate
from genai_fn.wire import encode
from tests.cases.generate_fields import GENERATE_FIELDS
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import BACKENDS, add_credential, get_refused_field, select_compared_parts

DIFFERENCES: Mapping[str, str] = {
    "config.automatic_function_calling": "nothing calls functions by itself: the modifier calling(…) does",
    "config.continuation_token": "unknown to 1.51.0; 3.6.1 sends it",
    "config.response_schema.enum": "texts to choose from are a STRING: the type is added where it is missing",
}
"""Deliberate differences, by the beginning of the path."""


def test_there_are_fields() -> None:
    """The table has more than 350 fields."""
    assert len(GENERATE_FIELDS) > 350


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("path", [path for path in GENERATE_FIELDS if not path.startswith(tuple(DIFFERENCES))])
def test_field(path: str, backend: str) -> None:
    """A single field is sent or refused as by google-genai 1.51.0, under the same name, or is a mistake in both."""
    (their_backend, our_backend), arguments = BACKENDS[backend], GENERATE_FIELDS[path]
    theirs = oracle.capture_request(
        their_backend, lambda client: client.models.generate_content(model="m", **deepcopy(arguments))
    )
    if isinstance(theirs, oracle.SentRequest):
        ours = add_credential(encode(generate("m", **arguments), our_backend).unwrap(), our_backend)
        assert select_compared_parts(theirs) == select_compared_parts(ours)
    elif theirs.unsupported:
        error = encode(generate("m", **arguments), our_backend).failure()
        assert isinstance(error, Unsupported)
        assert [get_refused_field(theirs)] == [each.rpartition(".")[2] for each in error.paths]
    else:
        with pytest.raises(InvalidRequest):
            generate("m", **arguments)
