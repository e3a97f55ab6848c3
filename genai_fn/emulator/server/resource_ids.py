"""Names: of resources that the caller calls as they like, and of fields in the spelling of JSON."""

import re

from genai_fn.emulator.server.faults import make_already_exists, make_invalid_argument
from genai_fn.emulator.server.state import EmulatorState

__all__ = ["check_new_name", "to_camel_case"]


def check_new_name(state: EmulatorState, collection: str, name: str) -> str:
    """
    Give the name that somebody has chosen for something in a collection, such as ``files/tea``.

    Raises:
        Fault: for what is no name, or that of something else.
    """
    within, _, identity = name.rpartition("/")
    if within != collection or not _RESOURCE_ID_PATTERN.fullmatch(identity):
        raise make_invalid_argument(
            f"{name} is no name: {collection}/ and up to 40 of a-z, 0-9 and -, which is not at an end."
        )
    if name in state.resources:
        raise make_already_exists(name)
    return name


_RESOURCE_ID_PATTERN = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def to_camel_case(name: str) -> str:
    """
    Write the name of a field as JSON has it.

    >>> to_camel_case("output_config.gcs_uri")
    'outputConfig.gcsUri'
    """
    return re.sub("_(.)", lambda found: found[1].upper(), name)
