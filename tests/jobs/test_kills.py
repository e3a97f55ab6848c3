"""A job that is killed by ``SIGKILL``; the task ``jobs`` does the same on a larger scale."""

from pathlib import Path

from tests.support import batch_kills
from tests.support.job_kills import kill_job


def test_kills() -> None:
    """Five kills, some of them amid changes to files: the output is that of an undisturbed run."""
    assert kill_job(1200, 5, seed=1)["kills"] == 5


def test_kills_through_batch_jobs(tmp_path: Path) -> None:
    """Three kills of a job through batch jobs: the same output, no batch job is created twice, and none is left."""
    created = batch_kills.kill_job(tmp_path, 3, seed=1)
    assert len(set(created)) == len(created)
    assert len(created) % 3 == 0
