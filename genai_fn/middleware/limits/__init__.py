"""
Rate limits and concurrency limits.

- `rate_limit`: ``limited(…)``, limits that the caller knows.
- `concurrency`: ``adaptive(…)``, a limit of attempts in flight that finds itself.
- `gate_middleware`: what both share.
- `attempts`: runs each attempt of a request through a gate, and reports how it went.
- `gate`: the fair queue of attempts, and the limits that its first one waits for.
- `tickets`: the place of an attempt in the queue, and what it costs.
- `sliding_log`: what was admitted within the last minute.
- `days`: quotas for a day.
- `costs`: how many requests and tokens a request counts as.
- `advice`: reads quotas from the errors of a server.
"""
