"""How to install the packages that are needed only for some features."""

import re

__all__ = ["install_command"]


def install_command(*packages: str) -> str:
    """
    Write the pip command that installs optional dependencies, in the versions that this package's metadata asks for.

    Where the metadata is missing (a source tree that is not installed) the names go without versions.

    >>> install_command("websockets")
    "pip install 'websockets>=14'"
    """
    required = _required_versions()
    return " ".join(("pip install", *(f"'{required.get(each, each)}'" for each in packages)))


def _required_versions() -> dict[str, str]:
    """Read the requirements of this distribution, extras included: ``{"rich": "rich>=13.8", …}``."""
    from importlib.metadata import PackageNotFoundError, requires  # noqa: PLC0415  # slow, and rarely needed

    try:
        lines = requires("genai-fn") or []
    except PackageNotFoundError:
        return {}
    requirements = [line.partition(";")[0].strip() for line in lines]
    return {re.split(r"[^\w.-]", each, maxsplit=1)[0]: each for each in requirements}
