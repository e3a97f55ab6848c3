"""Creates the environment of an engine, and runs programs there."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.markdown_pages import list_code_blocks

__all__ = ["ENGINES", "PROGRAMS", "list_programs", "prepare_environment", "run_program"]

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = Path(tempfile.gettempdir()) / "genai-fn-environments" / "engines"
PROGRAMS = Path(__file__).parent / "programs"
ENGINES = ("ray", "daft")
_INSTALL_TIMEOUT = 900
_PROGRAM_TIMEOUT = 600


def list_programs() -> dict[str, str]:
    """Return the programs of the page, by engine."""
    codes = [code for _, code in list_code_blocks(ROOT / "docs" / "embedding-clusters.md")]
    return {engine: next(code for code in codes if code.startswith(f"import {engine}")) for engine in ENGINES}


def prepare_environment(engine: str, *, keep: bool) -> Path:
    """
    Create the environment of an engine, unless it exists and `keep` is set; return its interpreter.

    Raises:
        subprocess.SubprocessError: If the installation fails or takes longer than 15 minutes.
    """
    folder = ENVIRONMENTS / engine
    python = folder / "bin" / "python"
    if not (keep and folder.exists()):
        shutil.rmtree(folder, ignore_errors=True)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", f"{ROOT}[{engine}]")
        try:
            for command in ((sys.executable, "-m", "venv", str(folder)), (str(python), *install)):
                subprocess.run(command, check=True, timeout=_INSTALL_TIMEOUT)
        except BaseException:  # a part of an environment is none
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return python


def run_program(python: Path, program: Path, url: str, *arguments: str) -> str:
    """
    Run a program in its folder, with the emulator as the server, and return what it prints.

    Raises:
        subprocess.SubprocessError: If it fails or takes longer than some minutes.
    """
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environ |= {
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": "test-key",
        "DO_NOT_TRACK": "1",  # Daft
        "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",  # else its processes starve on a busy machine, and it starts ever more of them
        "PYTHONPATH": str(ROOT),
    }
    finished = subprocess.run(
        (str(python), str(program), *arguments),
        env=environ,
        cwd=program.parent,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_PROGRAM_TIMEOUT,
    )
    return finished.stdout
