"""Following a run: waiting for its end, and reading its log as it is written."""

import time
from collections.abc import Mapping

from httpx_sse import ServerSentEvent

from kfadapter.client.calls import Answer, Call, nothing, path, reader
from kfadapter.client.errors import RunTimeout
from kfadapter.client.runresults import LogLines

LOOK_SECONDS = 20.0
RECONNECT_SECONDS = 1.0


class Patience:
    """How long a run is still waited for.

    Args:
        run_id: The run.
        seconds: In all; None: as long as it takes.
    """

    def __init__(self, run_id: str, seconds: float | None) -> None:
        self._run_id = run_id
        self._seconds = seconds
        self._until = None if seconds is None else time.monotonic() + seconds

    def look_seconds(self) -> float:
        """How long the next look may take.

        Raises:
            RunTimeout: The time is over.
        """
        if self._until is None:
            return LOOK_SECONDS
        left = self._until - time.monotonic()
        if left <= 0:
            raise RunTimeout(self._run_id, self._seconds or 0.0)
        return max(0.1, min(left, LOOK_SECONDS))


class LogPlace:
    """Where the reading of a followed log is."""

    def __init__(self) -> None:
        self.has_ended = False
        self._last_id = ""

    def call(self, run_id: str, task: str, tail: int | None) -> Call[None]:
        """The stream, from here on."""
        params: Mapping[str, object] = {"task": task, "tail": None if self._last_id else tail, "follow": True}
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        location = path("runs", run_id, "logs")
        return Call(
            method="GET", path=location, params=params, accept="text/event-stream", headers=headers, read=nothing
        )

    def read(self, block: ServerSentEvent) -> list[LogLines]:
        """What a block of the stream says."""
        self._last_id = block.id or self._last_id
        if block.event == "end":
            self.has_ended = True
        if block.event != "log":
            return []
        return [reader(LogLines)(Answer(status=200, headers={}, body=block.data.encode()))]
