"""The packages of the extra ``arrow``: they are needed, and loaded at their first use."""

import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from genai_fn import MissingExtra
from genai_fn.jobs import arrow
from tests.support.embedding_jobs import EmbeddingFake, make_job


@pytest.mark.parametrize("package", ("pyarrow", "numpy", "filelock"))
def test_missing_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str) -> None:
    """Without one of the packages, a job cannot be made; the error has the command that installs all of them."""

    def find_spec(name: str) -> Any:
        return None if name == package else util.find_spec(name)

    monkeypatch.setattr(arrow, "find_spec", find_spec)
    with pytest.raises(MissingExtra, match="filelock") as caught:
        make_job(["a"], tmp_path)
    assert caught.value.package == package
    assert "pyarrow" in caught.value.command


def test_broken_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package that is there and cannot be imported is missing, too."""
    job = make_job(["a"], tmp_path)
    monkeypatch.setitem(sys.modules, "filelock", None)
    assert isinstance(EmbeddingFake().run(job).failure(), MissingExtra)


def test_loaded_at_first_use() -> None:
    """Importing the package and making a job loads none of them."""
    program = (
        "import sys; from genai_fn.jobs import EmbeddingJob, read_manifest;"
        "EmbeddingJob(model='m', source=['a'], output='o').flow();"
        "sys.exit(repr({'pyarrow', 'numpy', 'filelock', 'sqlite3'} & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=600, cwd=Path.cwd()
    )
    assert process.stderr.strip() in ("set()", "{'sqlite3'}")
