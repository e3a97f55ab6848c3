"""All examples. Every builder has one."""

from docs.site_pages.wire import content_examples, job_examples, live_examples, storage_examples
from docs.site_pages.wire.examples import Example

__all__ = ["EXAMPLES"]

EXAMPLES: tuple[Example, ...] = (
    *content_examples.EXAMPLES,
    *storage_examples.EXAMPLES,
    *job_examples.EXAMPLES,
    *live_examples.EXAMPLES,
)
"""Those of one builder are in the order of its page."""
