"""
The fault matrix: hostile servers of the suite's own, over loopback sockets.

- `fault`: what a case is made of.
- `http_cases`, `live_cases`: run one case, and check what it leaves.
- `identities`: certificates that a client must not accept, and servers that break off TLS.
- `leaks`: what a case must not leave open.
- `cancellations`, `signals`: ten thousand random cancellations, and three thousand signals.
- ``__main__``: runs everything, and prints the table of docs/reliability.md.

The servers themselves are tables in `tests.cases.faults`.
"""
