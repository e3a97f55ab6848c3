"""What one request uses of a script."""

from collections.abc import Sequence

from genai_fn.emulator.scripts.functions import FunctionResult, PendingCall
from genai_fn.emulator.scripts.progress import (
    PromptSummary,
    ScriptProgress,
    build_scripted_request,
    count_request,
    take_step,
)
from genai_fn.emulator.scripts.script import EMPTY_ANSWER, EmulatorScript, ScriptedAnswer
from genai_fn.emulator.server.faults import EmulatedFault


class ScriptCursor:
    """
    Takes the answers to one request from a script; a batch takes several.

    Afterwards, its attributes are the next progress, the numbers of the steps, and the last answer, which says how to
    send the response. If `pending_calls` are not empty, the script is a function, and the request has to be handled
    again with the results of these calls.

    Args:
        progress: The script; None if there is none.

        results: Results of calls that earlier attempts to handle the request needed, in their order.
    """

    def __init__(self, progress: ScriptProgress | None = None, results: Sequence[FunctionResult] = ()) -> None:
        self.progress = progress
        self.step_numbers: tuple[int, ...] = ()
        self.delivery = EMPTY_ANSWER
        self.pending_calls: tuple[PendingCall, ...] = ()
        self._results = list(results)

    def take_answer(self, prompt: PromptSummary) -> ScriptedAnswer | None:
        """
        Return the next answer; None if the fake model should answer.

        Raises:
            EmulatedFault: If no step fits, or the function of the script failed or was not called yet.
        """
        answer = self._take_result() if self._results else self._take_step(prompt)
        if answer is not None:
            self.delivery = answer
        return answer

    def _take_result(self) -> ScriptedAnswer | None:
        result = self._results.pop(0)
        if isinstance(result, EmulatedFault):
            raise result
        return result

    def _take_step(self, prompt: PromptSummary) -> ScriptedAnswer | None:
        if self.progress is None:
            return None
        script = self.progress.script
        if not isinstance(script, EmulatorScript):
            self.progress = count_request(self.progress)
            request = build_scripted_request(self.progress.count, prompt)
            self.pending_calls = (*self.pending_calls, PendingCall(script, request))
            # a batch handles its other requests all the same
            raise EmulatedFault(500, "INTERNAL", "The script's function was not called yet.")
        self.progress, taken = take_step(self.progress, script, prompt)
        if taken is None:
            return None
        self.step_numbers = (*self.step_numbers, taken.number)
        return taken.step
