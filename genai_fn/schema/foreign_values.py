"""
Values of other libraries that are accepted in place of ours: numpy's numbers, columns of tables, google-genai's types.

None of these libraries is imported here: a value of one exists only where a program has loaded it.
"""

import sys
from typing import Any, Protocol


class GoogleGenaiValue(Protocol):
    """A value of google-genai's types, such as its ``Content`` or ``GenerateContentConfig``."""

    def model_dump(self) -> dict[str, Any]: ...
    def to_json_dict(self) -> dict[str, object]: ...


class Column(Protocol):
    """A column of texts: a series of pandas or polars, or an array of numpy."""

    @property
    def dtype(self) -> Any: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...


def unwrap_scalar(value: Any) -> Any:
    """Return the Python value of a scalar of numpy, such as ``np.int64(3)``; any other value is returned as it is."""
    scalar_type: Any = getattr(sys.modules.get("numpy"), "generic", None)
    if scalar_type is None or not isinstance(value, scalar_type):
        return value
    plain = value.item()
    return value if isinstance(plain, scalar_type) else plain  # Python has no number as long as np.longdouble


def list_column(value: object) -> list[Any] | None:
    """
    Return the items of a column or an array as a list; None for anything else.

    >>> list_column("a text")
    """
    kind = type(value)
    method = getattr(kind, "to_list", None) or getattr(kind, "tolist", None) if hasattr(kind, "dtype") else None
    method = method or getattr(kind, "to_pylist", None)  # of pyarrow
    if method is None or isinstance(value, str) or is_table(value):
        return None
    items: Any = method(value)
    return items if isinstance(items, list) else None  # pyright: ignore[reportUnknownVariableType]  # a scalar gives none


def is_table(value: object) -> bool:
    """Whether a value is a table, of which a column may be meant: a data frame."""
    kind = type(value)
    return hasattr(kind, "columns") and (hasattr(kind, "dtypes") or hasattr(kind, "to_pylist"))


def is_google_genai_value(value: object) -> bool:
    """Whether a value is one of google-genai's types, which other pydantic models are not."""
    kind = type(value)
    return hasattr(kind, "to_json_dict") and hasattr(kind, "model_dump")


def read_google_genai_value(value: Any) -> dict[str, Any] | None:
    """Return the fields that are set in a value of google-genai's types, at any depth; None for anything else."""
    if not is_google_genai_value(value):
        return None
    fields: dict[str, Any] = value.model_dump(exclude_none=True, warnings=False)
    return fields
