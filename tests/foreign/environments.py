"""Creates the environment of a client, and returns the command that runs its program there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.foreign.clients import AGENTS, PROGRAMS, Client

_INSTALL_TIMEOUT = 900


def prepare_environment(client: Client, folder: Path, *, keep: bool) -> tuple[str, ...]:
    """
    Create the environment of a client, unless it exists and `keep` is set. Return the command that runs its program.

    Raises:
        subprocess.SubprocessError: If the installation fails or takes longer than 15 minutes.
    """
    if not (keep and folder.exists()):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _install(client, folder)
        except BaseException:  # a part of an environment is none
            shutil.rmtree(folder, ignore_errors=True)
            raise
    if not client.is_node:
        return (str(folder / "bin" / "python"), "-X", "utf8", str(PROGRAMS / client.program))
    for each in (PROGRAMS / client.program, PROGRAMS / "rows.mjs", *AGENTS.glob("weather*")):
        shutil.copy(each, folder)  # JavaScript finds packages beside the program
    return ("node", str(folder / client.program))


def _install(client: Client, folder: Path) -> None:
    if client.is_node:
        folder.mkdir(parents=True)
        commands = [
            ("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *client.packages)
        ]
    else:
        pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        commands = [(sys.executable, "-m", "venv", str(folder)), (*pip, *client.packages)]
    for command in commands:
        subprocess.run(command, check=True, timeout=_INSTALL_TIMEOUT, capture_output=True)


def build_variables(url: str, certificate: Path | None, home: Path) -> Mapping[str, str]:
    """
    Return the environment variables of a program: no key, and nothing that names another server.

    What is not addressed to this machine goes to a proxy that does not exist.
    """
    nowhere = "http://127.0.0.1:9"
    proxies = {name: nowhere for each in ("http_proxy", "https_proxy", "all_proxy") for name in (each, each.upper())}
    local = dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")
    trusted = {} if certificate is None else {"SSL_CERT_FILE": str(certificate)}
    silent = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false", "PYTHONWARNINGS": "ignore"}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "EMULATOR_URL": url,
        **proxies,
        **local,
        **trusted,
        **silent,
    }
