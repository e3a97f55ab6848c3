"""What one request uses of a script."""

from typing import Final

from genai_fn.emulator.scripts.progress import PromptSummary, ScriptProgress, take_answer
from genai_fn.emulator.scripts.script import ScriptedAnswer
from genai_fn.values import Value


class ScriptedDelivery(Value, kw_only=True):
    """How the response to a scripted request is sent."""

    delay: float = 0.0
    """Seconds before it begins."""
    pause: float = 0.0
    """Seconds between the events of a stream."""
    is_dropped: bool = False
    """Whether the connection is dropped: after the events of a stream, otherwise within the body."""


DELIVERY_AT_ONCE: Final = ScriptedDelivery()
"""A response that is sent at once and as a whole."""


class ScriptCursor:
    """
    Takes the answers to one request from a script; a batch takes several.

    Afterwards, its attributes are the next progress, the numbers of the steps, and how to send the response.
    """

    def __init__(self, progress: ScriptProgress | None = None) -> None:
        self.progress = progress
        self.step_numbers: tuple[int, ...] = ()
        self.delivery = DELIVERY_AT_ONCE

    def take_answer(self, prompt: PromptSummary) -> ScriptedAnswer | None:
        """
        Return the next answer; None if the fake model should answer.

        Raises:
            EmulatedFault: If no step fits, or the function of the script fails.
        """
        if self.progress is None:
            return None
        self.progress, taken = take_answer(self.progress, prompt)
        if taken is None:
            return None
        if taken.step_number is not None:
            self.step_numbers = (*self.step_numbers, taken.step_number)
        answer = taken.answer
        self.delivery = ScriptedDelivery(delay=answer.delay, pause=answer.pause, is_dropped=answer.drop)
        return answer
