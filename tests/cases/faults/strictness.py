"""What httptools refuses, and httpcore tolerates: the outcomes of these faults with httptools."""

from collections.abc import Mapping

from tests.cases.faults.outcomes import CUT_AT_ONCE, CUT_LATE, NO_RESPONSE
from tests.support.faults.fault import Outcomes

OUTCOMES_WITH_HTTPTOOLS: Mapping[str, Outcomes] = {
    **dict.fromkeys(
        (
            "status line: bare LF",
            "status line: HTTP/3.0",
            "header: folded",
            "header: LF in the value",
            "header: control characters in the value",
            "length: of 20 digits",
            "length: two that agree",
            "length: a list that agrees",
            "length: with chunks that are none",
            "redirect: to a host with a NUL",
            "upload: address with a control character",
        ),
        NO_RESPONSE,
    ),
    "chunks: size of 17 digits": CUT_AT_ONCE,
    "chunks: size with blanks": CUT_AT_ONCE,
    "chunks: trailer with a length": CUT_LATE,
}
"""Name of a fault → its outcomes."""
