"""What happens in a run, as an append-only file of JSON lines: the only thing a run tells the service.

One object a line: `{"v": 1, "seq": 7, "ts": "2026-01-02T03:04:05.678901Z", "type": "task.state", "data": {…}}`. `seq`
counts from 1 without a gap over the life of a run, retries included. A line that has no newline yet is not there yet.

Types and their data (states are KFP's words: PENDING, RUNNING, SUCCEEDED, SKIPPED, FAILED, CANCELING, CANCELED):

- `run.started` {pid, start_ticks, engine_version, python}; once for each round, so again when a run is retried
- `run.state` {state} (CANCELING)
- `env.preparing` / `env.ready` / `env.failed` {key, groups, seconds, reused, message}
- `task.created` {task_id, parent_task_id, name, display_name, path, kind, iteration, component, depends_on, inputs}:
  kind is root, dag, loop, iteration, container or importer; `depends_on` holds task ids; `inputs` {parameters,
  artifacts} is empty, since nothing is known of them yet; the task is PENDING
- `task.state` {task_id, state, attempt, reason, error, inputs}: PENDING (reason retry; `error` {code, message} is the
  previous attempt's failure) or RUNNING (with `inputs`, which are known by then)
- `task.finished` {task_id, state, reason, error, exit_code, attempts, cached, outputs, log, usage}: the end state; one
  that is `cached` has SUCCEEDED without having been RUNNING, and has `inputs` here; `notes` [text] where there are any;
  reason is condition_false, upstream, timeout, canceled or empty; `error` {code, message} or null; `attempts` counts
  over all rounds; `outputs` {parameters, artifacts: {name: [{name, type, uri, metadata}]}}; `log` {path, bytes,
  truncated} with the path below the run's directory, or null; `usage` {cpu_s, max_rss} (max_rss in bytes), or null
- `run.finished` {state, error, outputs}
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from kfadapter.errors import EngineError

VERSION = 1
VALUE_LIMIT_BYTES = 64 * 1024
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        v: Version of the format.
        seq: Place in the run's order, from 1.
        ts: When, RFC 3339 in UTC with microseconds.
        type: One of the types above.
        data: What the type says, as plain JSON values.
    """

    v: int = VERSION
    seq: int
    ts: str
    type: str
    data: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        """`ts` as an aware datetime."""
        return datetime.fromisoformat(self.ts)

    def to_line(self) -> bytes:
        """The event as its line in the file, newline included."""
        document = {"v": self.v, "seq": self.seq, "ts": self.ts, "type": self.type, "data": self.data}
        return _compact(document).encode("utf-8", "replace") + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Event":
        """Read a line.

        Raises:
            EngineError: The line is not an event.
        """
        try:
            document = json.loads(line)
            return cls(**{name: document[name] for name in ("v", "seq", "ts", "type", "data")})
        except (ValueError, KeyError, TypeError) as exc:
            raise EngineError(f"not an event: {line[:80]!r}") from exc


class RunSink(Protocol):
    """Where a run's events go: the store. Calls are synchronous and come from a thread, one at a time for each run.

    Applying is idempotent by (run_id, seq): an event that was applied before is passed over.
    """

    def apply(self, run_id: str, events: Sequence[Event], offset: int) -> None:
        """Take these events in order, and remember `offset`: the bytes of the file consumed with them."""
        ...

    def offset(self, run_id: str) -> int:
        """The offset of the last `apply`; 0 for a run without one."""
        ...


def timestamp(moment: datetime | None = None) -> str:
    """A moment (now when None) as events write it."""
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def shortened(values: Mapping[str, Any], limit: int = VALUE_LIMIT_BYTES) -> dict[str, Any]:
    """Parameter values as events carry them: one that is too large is replaced by the beginning of its JSON text.

    The whole value stays in the task's executor_output.json.
    """
    return {name: _shortened_value(value, limit) for name, value in values.items()}


def _shortened_value(value: Any, limit: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else _compact(value)
    if len(text) * 4 <= limit or len(text.encode("utf-8", "replace")) <= limit:
        return value
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore") + "… (cut)"


def _compact(document: Any) -> str:
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(document), ensure_ascii=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    """The value with NaN and the infinities as protobuf's JSON writes them, since JSON has no such numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


class EventWriter:
    """Appends to an events file; each event is one write, so a reader never sees half of two.

    A torn last line, left by a writer that was killed or by a full disk, is cut off on opening. The sequence goes on
    after the last event there.

    Args:
        path: The file.
        written: Called after each event that was written.
    """

    def __init__(self, path: Path, written: Callable[[], None] = lambda: None) -> None:
        self._written = written
        last = repair(path)
        self._seq = last.seq if last else 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    @property
    def size(self) -> int:
        """Bytes of whole events in the file."""
        return self._size

    def write(self, type_: str, data: Mapping[str, Any]) -> Event:
        """Append an event of now.

        Raises:
            OSError: It could not be written (a full disk); the file holds whole events only.
        """
        event = Event(seq=self._seq + 1, ts=timestamp(), type=type_, data=data)
        line = event.to_line()
        self._append(line)
        self._seq, self._size = event.seq, self._size + len(line)
        self._written()
        return event

    def close(self) -> None:
        os.close(self._descriptor)

    def _append(self, line: bytes) -> None:
        try:
            written = os.write(self._descriptor, line)
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise


class EventReader:
    """Reads an events file from an offset on, in bounded portions; it may be growing."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self.offset = offset

    def read(self, chunk_bytes: int = CHUNK_BYTES) -> list[Event]:
        """The next whole events, about `chunk_bytes` of them, and move on; empty when there are none (yet).

        Raises:
            EngineError: The file holds something else than events.
        """
        content = self._read(chunk_bytes)
        while b"\n" not in content and len(content) == chunk_bytes:
            chunk_bytes *= 2
            content = self._read(chunk_bytes)
        end = content.rfind(b"\n") + 1
        events = [Event.from_line(line) for line in content[:end].splitlines()]
        self.offset += end
        return events

    def __iter__(self) -> Iterator[Event]:
        """Every whole event that is there now."""
        while events := self.read():
            yield from events

    def _read(self, size: int) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self.offset)
                return file.read(size)
        except FileNotFoundError:
            return b""


def repair(path: Path) -> Event | None:
    """Cut off a torn last line; the last whole event, or None when there is none."""
    try:
        with path.open("r+b") as file:
            line, torn = _last_line(file)
            if torn:
                file.truncate(file.seek(0, os.SEEK_END) - torn)
    except FileNotFoundError:
        return None
    return Event.from_line(line) if line else None


def _last_line(file: BinaryIO) -> tuple[bytes, int]:
    """The last whole line, and the bytes of the torn one behind it."""
    size, window = file.seek(0, os.SEEK_END), CHUNK_BYTES
    while True:
        start = max(0, size - window)
        file.seek(start)
        tail = file.read()
        end = tail.rfind(b"\n") + 1
        begin = tail.rfind(b"\n", 0, max(0, end - 1)) + 1
        if begin or not start:
            return tail[begin:end], len(tail) - end
        window *= 2
