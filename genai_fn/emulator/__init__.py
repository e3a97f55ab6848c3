"""
The API within the process: a pure function from request to response, for work without a network and for tests.

A request goes through `routes` (which method its address means) and `admission` (who may ask) to a method. That reads
it strictly (`reading`), and answers (`answers`, `listing`, `operations`) or is at fault (`faults`); what was made is in
the `state`. The methods lie by resource: `contents`, `files`, `jobs`, `models`, `predictions`, `stores`, `auth_tokens`.
`live` has sessions, frame by frame. `stand_in` makes up what models would say, and knows nothing of any server.
`troubles` says what goes wrong on request.
"""

from genai_fn.emulator.routes import handle_request
from genai_fn.emulator.server.state import EmulatorState

__all__ = ["EmulatorState", "handle_request"]
