"""A job that is killed by ``SIGKILL``; the task ``jobs`` does the same on a larger scale."""

from tests.support.job_kills import kill_job


def test_kills() -> None:
    """Ten kills, some of them amid changes to files: the output is that of an undisturbed run."""
    assert kill_job(2000, 10, seed=1)["kills"] == 10
