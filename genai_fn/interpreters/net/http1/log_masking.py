"""Masks credentials in the log of httpcore, which writes the headers of each response at the level DEBUG."""

import logging
import re
from types import ModuleType

from genai_fn.http import mask_headers, mask_url

__all__ = ["mask_log"]


def mask_log(transport: ModuleType) -> None:
    """Mask the log of a module such as httpcore, also for other users of it in this process."""
    logging.getLogger(f"{transport.__name__}.http11").addFilter(_mask_record)  # adds it once


def _mask_record(record: logging.LogRecord) -> bool:
    """Mask cookies, keys and addresses of uploads in the pairs of bytes that stand for headers."""
    record.msg, record.args = _HEADER.sub(_mask_pair, record.getMessage()), None
    return True


def _mask_pair(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    [(_, shown)] = mask_headers(((name, mask_url(value)),))
    return found[0].replace(value, shown) if value else found[0]


_BYTES = r"""b(?P<{0}quote>['"])(?P<{0}>(?:\\.|(?!(?P={0}quote)).)*)(?P={0}quote)"""
_HEADER = re.compile(rf"\({_BYTES.format('name')}, {_BYTES.format('value')}\)")
