"""Log lines as the adapter's stream tells them; a stream that breaks off is taken up where it was."""

import json
import time
from collections.abc import Iterator
from typing import Any

from httpx_sse import EventSource

from kfadapter.cli.following import LogLine
from kfadapter.cli.http import Adapter, AdapterFailed, segment

RECONNECT_SECONDS = 1.0
PATIENCE_SECONDS = 120.0


def follow_log(adapter: Adapter, run_id: str, *, task: str | None, tail: int | None) -> Iterator[LogLine]:
    """Every line of a task, or of all tasks, from the beginning (or the last `tail` lines) to the end of the run.

    Raises:
        AdapterFailed: There is no such run or task, or the adapter has not answered for long.
    """
    place = ""
    silent_since: float | None = None
    reason: str | None = None  # why it ended; empty: with the run
    while reason is None:
        query: dict[str, Any] = {"follow": "true"} | ({"task": task} if task else {})
        if tail is not None and not place:
            query["tail"] = tail
        headers = {"accept": "text/event-stream"} | ({"last-event-id": place} if place else {})
        try:
            with adapter.stream(f"/v1/runs/{segment(run_id)}/logs", params=query, headers=headers) as response:
                for event in EventSource(response).iter_sse():
                    place, silent_since = event.id or place, None
                    content = json.loads(event.data)
                    if event.event == "end":
                        reason = str(content.get("reason") or "")
                        break
                    for text in content.get("lines", []):
                        yield LogLine(task_id=content["task_id"], task=content["task"], text=text)
        except AdapterFailed as exc:
            silent_since = silent_since or time.monotonic()
            if (exc.status is not None and exc.status < 500) or time.monotonic() - silent_since > PATIENCE_SECONDS:
                raise
        if reason is None:
            time.sleep(RECONNECT_SECONDS)
    if reason:
        raise AdapterFailed(f"the log cannot be followed any longer: {reason}")
