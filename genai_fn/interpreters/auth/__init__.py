"""OAuth tokens: where they come from, and a cache that all callers share."""
