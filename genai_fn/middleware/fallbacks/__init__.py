"""
Fallbacks: another model or backend when one refuses a request.

- `fallback`: ``fallback(…)``, its middleware, and the way of a request through the targets.
- `targets`: where a request may go, which errors move it on, and what keeps it where it is.
- `circuit_breaker`: passes over a target that keeps failing, and lets one call try it again after a while.
"""
