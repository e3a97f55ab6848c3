"""Names: of resources that the caller calls as they like, and of fields in the spelling of JSON."""

import re

from genai_fn.emulator.faults import existing, invalid
from genai_fn.emulator.state import State

__all__ = ["camel", "chosen"]


def chosen(state: State, collection: str, name: str) -> str:
    """
    Give the name that somebody has chosen for something in a collection, such as ``files/tea``.

    Raises:
        Fault: for what is no name, or that of something else.
    """
    within, _, identity = name.rpartition("/")
    if within != collection or not _IDENTITY.fullmatch(identity):
        raise invalid(f"{name} is no name: {collection}/ and up to 40 of a-z, 0-9 and -, which is not at an end.")
    if name in state.kept:
        raise existing(name)
    return name


_IDENTITY = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def camel(name: str) -> str:
    """
    Write the name of a field as JSON has it.

    >>> camel("output_config.gcs_uri")
    'outputConfig.gcsUri'
    """
    return re.sub("_(.)", lambda found: found[1].upper(), name)
