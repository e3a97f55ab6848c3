"""`embed_many` behind limits and budgets of the middleware."""

from collections.abc import Iterator
from itertools import count

import pytest

from genai_fn import Offline, embed_many
from genai_fn.errors import BudgetExceeded, EmbeddingFailed, QuotaExceeded
from genai_fn.middleware import Budget, RateLimit, budgeted, limited

MODEL = "gemini-embedding-001"


def write_texts() -> Iterator[str]:
    """Write texts without end."""
    return (f"Text {number} of many." for number in count())


@pytest.mark.parametrize(
    ("middleware", "kind"),
    [(limited(requests_per_day=300), QuotaExceeded), (budgeted(tokens=2000), BudgetExceeded)],
    ids=["quota", "budget"],
)
def test_spent(middleware: RateLimit | Budget, kind: type[Exception]) -> None:
    """A quota for a day or a budget that is spent is the last item: no other text is read."""
    with Offline().with_middleware(middleware).stream(embed_many(MODEL, write_texts(), concurrency=1)) as items:
        *vectors, last = items
    assert {type(each.unwrap()).__name__ for each in vectors} == {"ContentEmbedding"}
    error = last.failure()
    assert isinstance(error, EmbeddingFailed)
    assert (error.index, type(error.error)) == (len(vectors), kind)


def test_small_limit() -> None:
    """A batch that is larger than a limit is split until it fits."""
    run = Offline().with_middleware(limited(requests_per_minute=60))
    with run.stream(embed_many(MODEL, [f"Text {number}." for number in range(150)])) as items:
        assert [each.unwrap().values is not None for each in items] == [True] * 150
