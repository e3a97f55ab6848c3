"""The modifier ``batched``: the actions of a `gather` run through the Batch API."""

from collections.abc import Callable
from typing import Any, TypeVar

from genai_fn.errors import InvalidRequest
from genai_fn.flows.batching import check_actions, stream_batched
from genai_fn.flows.batching.jobs import BatchOptions
from genai_fn.options import check_at_least_one, check_positive
from genai_fn.request import Description, Modifier, Stream
from genai_fn.schema.batches import BatchJob

__all__ = ["BatchedModifier", "batched"]

T = TypeVar("T")

MAX_INLINE_BYTES = 20_000_000
"""The service takes requests of up to 20 MB with a job."""


class BatchedModifier(Modifier):
    """A stream of the results of a `gather` gets them from the Batch API."""

    def __call__(self, description: Stream[T]) -> Stream[T]:
        return super().__call__(description)  # type: ignore[no-any-return]  # `_apply_batched` returns a Stream


def batched(
    *,
    every: float = 30.0,
    timeout: float | None = None,
    display_name: str | None = None,
    on_job: Callable[[BatchJob], object] | None = None,
    max_inline_bytes: int = MAX_INLINE_BYTES,
) -> BatchedModifier:
    """
    Run the actions of a `gather` through the Batch API: the same results in the same order, at half the price.

    A batch ends within 24 hours. There is one job for each model, and of embeddings at least one for each config; their
    results are emitted when all jobs have ended. ``generate`` requests that are too large to be sent with their job are
    uploaded as a file, which is deleted when the job has ended, or was not created. Each request has its own result. If
    a job fails, that is the failure of all of its requests.

    If you stop reading, cancel, or the ``timeout`` passes, the jobs and their files stay, and the jobs go on: `on_job`
    tells you their names, for ``batches.cancel(name)``, or for ``batches.get(name) | until_done()`` and
    ``batches.join(requests, job)`` in another process. On Vertex AI, batches need Cloud Storage: use
    ``batches.create(…)``.

    Args:
        every: Seconds between two requests for the state of a job.

        timeout: Seconds to wait for each job, from its creation on. By default there is no limit.

        display_name: Name of the jobs, and of the file, to find them by.

        on_job: A function that is called with each job once it has been created; with an async interpreter, it may be
            an async function.

        max_inline_bytes: The most bytes of requests that are sent with their job. More ``generate`` requests are
            uploaded as a file; more embeddings become several jobs.

    Raises:
        InvalidRequest: If a number is out of range; if the modifier is applied to anything but ``gather(…)``; or if an
            action is not a ``generate`` or an ``embed`` request, with modifiers that only read the response, or has
            options. Of a list this is raised at once, of another iterable when it is read.

    Fails with:
        OperationFailed: For a request that has failed; for every request, if its job has failed, or was cancelled.

        Unsupported: On Vertex AI, or if a field is set that batches do not have; the error lists the paths.

        TimedOut: For every request of a job that has not ended after ``timeout`` seconds.

    >>> from genai_fn import Offline, collected, gather, generate, text
    >>> questions = [generate("gemini-2.5-flash", each) | text for each in ("one", "two")]
    >>> run = Offline()
    >>> run(gather(questions) | batched() | collected) == run(gather(questions) | collected)
    True
    """
    check_positive("every", every)
    if timeout is not None:
        check_positive("timeout", timeout)
    check_at_least_one("max_inline_bytes", max_inline_bytes)
    if on_job is not None and not callable(on_job):
        raise InvalidRequest("on_job", on_job, "a function of a job")
    return BatchedModifier(_apply_batched, (BatchOptions(every, timeout, display_name, on_job, max_inline_bytes),))


def _apply_batched(description: Description, options: BatchOptions) -> Stream[Any]:
    if not isinstance(description, Stream) or not description.traits.is_gathering:
        raise InvalidRequest("batched", description, "gather(…) of generate or embed requests")
    if _is_listed(description.args[0]):
        check_actions(description.args[0])
    return Stream(stream_batched, description, (options,))


def _is_listed(actions: object) -> bool:
    """Whether the actions of a gather are known: those of a list are a tuple in it."""
    return isinstance(actions, tuple)
