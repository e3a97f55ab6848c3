"""
Kills an embedding job through batch jobs by ``SIGKILL``, at changes to files and at requests.

``python -m tests.support.batch_kills 60`` kills 60 jobs. With ``URL OUTPUT KILL_AT`` it runs the job, in a process of
its own.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from genai_fn import Gemini, Http, batches, files
from genai_fn.effects import Effects, SendRequest
from genai_fn.jobs import batch_lines
from genai_fn.middleware import TransportWrapper
from genai_fn.testing import Emulator, serve_emulator
from tests.support.batch_services import make_batch_job
from tests.support.embedding_jobs import read_files
from tests.support.job_kills import install_kill

TEXTS = [f"text {number % 31}" for number in range(40)] + [""]


def run_job(url: str, output: Path, kill_at: int) -> None:
    """Run the job, which kills its process at a step; a negative number is none."""
    batch_lines._MAX_INLINED_TEXTS = 2
    run = Http(Gemini("test-key", base_url=url))
    if kill_at >= 0:
        take_step = install_kill(kill_at)

        class Killing(TransportWrapper):
            def send(self, effect: SendRequest) -> Effects[Any]:
                is_killed = take_step()
                response = yield from self.inner.send(effect)
                if is_killed:  # the server has handled the request, and this process has not read the response
                    os.kill(os.getpid(), signal.SIGKILL)
                return response

        run = run.with_middleware(transport=Killing)
    with run:
        run(make_batch_job(TEXTS, output, poll_interval=0.001).flow()).unwrap()


def kill_job(root: Path, kills: int, seed: int) -> list[str]:
    """
    Run so many jobs, kill and resume each, and return the display names of all batch jobs created.

    Raises AssertionError if an output differs, or anything is left on the server.
    """
    choose = random.Random(seed)
    emulator = Emulator()
    with serve_emulator(emulator) as url:
        run_job(url, root / "undisturbed", -1)
        expected = read_files(root / "undisturbed")
        emulator.reset()
        for number in range(kills):
            output = root / f"out-{number}"
            _run_process(url, output, choose.randrange(5, 90))
            run_job(url, output, -1)
            assert read_files(output) == expected, f"kill {number} of seed {seed}: the outputs differ"
        creations = [each for each in emulator.received if each.path.endswith(":asyncBatchEmbedContent")]
        with Http(Gemini("test-key", base_url=url)) as run:
            assert run(batches.list()).unwrap().batch_jobs == ()
            assert run(files.list()).unwrap().files == ()
    return [each.body["batch"]["displayName"] for each in creations]


def _run_process(url: str, output: Path, kill_at: int) -> None:
    command = [sys.executable, "-m", "tests.support.batch_kills", url, str(output), str(kill_at)]
    process = subprocess.run(command, capture_output=True, check=False, timeout=300)
    if process.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(process.stderr.decode())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run_job(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            names = kill_job(Path(folder), int(sys.argv[1]), seed=2)
        assert len(set(names)) == len(names), "a batch job was created twice"
