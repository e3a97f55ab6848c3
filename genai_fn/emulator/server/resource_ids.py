"""Resource IDs that callers choose, and the conversion of field names to camelCase."""

import re

from genai_fn.emulator.server.faults import make_already_exists, make_invalid_argument
from genai_fn.emulator.server.state import EmulatorState


def choose_name(state: EmulatorState, collection: str, name: str | None) -> tuple[EmulatorState, str]:
    """
    Return the resource name that the caller has chosen, such as ``files/tea``; without one, assign a name.

    Raises:
        EmulatedFault: If the name is invalid or in use.
    """
    if name is None:
        return state.assign_name(collection)
    parent, _, resource_id = name.rpartition("/")
    if parent != collection or not _RESOURCE_ID_PATTERN.fullmatch(resource_id):
        raise make_invalid_argument(
            f"Invalid name {name}: expected {collection}/ and 1 to 40 of a-z, 0-9 and -, without - at either end."
        )
    if name in state.resources:
        raise make_already_exists(name)
    return state, name


_RESOURCE_ID_PATTERN = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def to_camel_case(name: str) -> str:
    """
    Convert a field name or path to camelCase.

    >>> to_camel_case("output_config.gcs_uri")
    'outputConfig.gcsUri'
    """
    return re.sub("_(.)", lambda found: found[1].upper(), name)
