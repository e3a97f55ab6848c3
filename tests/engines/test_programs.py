"""The programs of the page on clusters, without their engines."""

import pytest

from tests.engines.environments import ENGINES, list_programs


@pytest.mark.parametrize("engine", ENGINES)
def test_program(engine: str) -> None:
    """The page has a valid program for each engine, with the folders that the task compares."""
    program = list_programs()[engine]
    compile(program, engine, "exec")
    assert '"texts' in program
    assert 'write_parquet("vectors")' in program
