"""
The servers of the fault matrix, as tables: what each sends, and what every operation must return.

- `outcomes`: the outcomes that many faults have in common.
- `connections`: faults before a response, in TCP and TLS.
- `heads`: status lines, headers and informational responses.
- `bodies`: lengths, chunks, trailers, and bytes that do not belong to the response.
- `encodings`: damaged and unknown content encodings.
- `statuses`: error statuses, redirects, and advice when to retry.
- `json_bodies`: damaged JSON.
- `events`: damaged server-sent events.
- `uploads`: protocol errors of resumable uploads.
- `silences`: servers that stop, or never stop.
- `live_handshakes`, `live_frames`: WebSocket servers.
"""

from tests.cases.faults.bodies import BODIES
from tests.cases.faults.connections import CONNECTIONS
from tests.cases.faults.encodings import ENCODINGS
from tests.cases.faults.events import EVENTS
from tests.cases.faults.heads import HEADS
from tests.cases.faults.json_bodies import JSON_BODIES
from tests.cases.faults.live_frames import LIVE_FRAMES
from tests.cases.faults.live_handshakes import LIVE_HANDSHAKES
from tests.cases.faults.silences import SILENCES
from tests.cases.faults.statuses import STATUSES
from tests.cases.faults.uploads import UPLOADS

GROUPS = {
    "connection": CONNECTIONS,
    "head": HEADS,
    "body": BODIES,
    "encoding": ENCODINGS,
    "status": STATUSES,
    "JSON": JSON_BODIES,
    "events": EVENTS,
    "upload": UPLOADS,
    "silence": SILENCES,
}
"""All faults over HTTP, by kind."""

LIVE_GROUPS = {"Live handshake": LIVE_HANDSHAKES, "Live session": LIVE_FRAMES}
"""All faults over WebSocket, by kind."""
