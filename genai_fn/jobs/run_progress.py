"""How far a run has got: its counts, and the events that show them."""

from typing import TYPE_CHECKING

from genai_fn.events import EmbeddingProgress

if TYPE_CHECKING:
    from genai_fn.jobs.row_plan import RowPlan
    from genai_fn.schema.batches import CompletionStats

__all__ = ["RunProgress"]


class RunProgress:
    """
    The counts of a run, which began at the time `started`.

    `total` is the number of rows of the source, if it is known. `embedded`, `refused` and `tokens` are those of the
    results that were stored. `running_jobs` contains how many requests of each batch job that has not ended have a
    result.
    """

    def __init__(self, started: float) -> None:
        self.started = started
        self.total: int | None = None
        self.embedded = 0
        self.refused = 0
        self.tokens = 0
        self.running_jobs: dict[str, CompletionStats] = {}

    @property
    def sent(self) -> int:
        """The number of texts whose results were received."""
        return self.embedded + self.refused

    def build_event(self, now: float, plan: "RowPlan") -> EmbeddingProgress:
        """Build the event for what was done so far."""
        jobs = tuple(self.running_jobs.values())
        done = self.embedded + sum(each.successful_count or 0 for each in jobs)
        failed = self.refused + plan.unusable + sum(each.failed_count or 0 for each in jobs)
        speed = self.sent / max(now - self.started, 1e-9)
        left = None if self.total is None else max(0, self.total - done - failed - plan.skipped)
        return EmbeddingProgress(
            done=done,
            failed=failed,
            skipped=plan.skipped,
            total=self.total,
            tokens=self.tokens,
            texts_per_second=speed,
            seconds_left=None if left is None or not speed else left / speed,
        )
