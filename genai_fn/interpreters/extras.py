"""Install commands for optional dependencies."""

import re


def install_command(*packages: str) -> str:
    """
    Build the pip command that installs optional dependencies, in the versions that the package metadata requires.

    It names the packages and not an extra of this distribution, which no index has: so it works wherever that is from.
    Without metadata, in a source tree that is not installed, the names have no versions.

    >>> install_command("websockets")
    "pip install 'websockets>=14'"
    """
    required = _read_requirements()
    return " ".join(("pip install", *(f"'{required.get(each, each)}'" for each in packages)))


def _read_requirements() -> dict[str, str]:
    """Read the requirements of this distribution, extras included: ``{"rich": "rich>=13.8", …}``."""
    from importlib.metadata import PackageNotFoundError, requires  # noqa: PLC0415  # slow, and rarely needed

    try:
        lines = requires("genai-fn") or []
    except PackageNotFoundError:
        return {}
    requirements = [line.partition(";")[0].strip() for line in lines]
    return {re.split(r"[^\w.-]", each, maxsplit=1)[0]: each for each in requirements}
