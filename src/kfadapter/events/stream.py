"""The log as Server-Sent Events: an endless text that a reader can leave and take up again where it was.

https://html.spec.whatwg.org/multipage/server-sent-events.html: a block without data dispatches nothing but moves the
reader's `Last-Event-ID`; heartbeats use it, so that who waits long for a rare event does not fall behind the log.
"""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from typing import Self

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import DatabaseError, EventsForgotten
from kfadapter.events.filters import EventFilter
from kfadapter.events.tail import Extent, Tail, until

HEARTBEAT_SECONDS = 15.0
# A reader whose connection has ended comes back after so long.
RETRY_MILLISECONDS = 2000
FAILED_PAUSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a stream begins.

    Attributes:
        missed: What the reader wanted before that and cannot have any more.
    """

    position: int
    missed: EventsForgotten | None = None

    @classmethod
    def at(cls, after: int | None, extent: Extent) -> Self:
        """After a position; 0 is the beginning of what is kept, None the end."""
        try:
            return cls(position=extent.latest if after is None else extent.place(after))
        except EventsForgotten as exc:
            return cls(position=exc.oldest - 1, missed=exc)


async def frames(
    tail: Tail, clock: Clock, wanted: EventFilter, start: Start, *, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The wanted events from a start, for ever; one or more whole blocks of the stream at a time.

    Where events are missing, because they are not kept any more, a block `event: reset` says so first.
    """
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    position = start.position
    if start.missed is not None:
        yield reset(start.missed)
    while True:
        try:
            span = await tail.after(position, wanted)
        except EventsForgotten as exc:
            position = exc.oldest - 1
            yield reset(exc)
            continue
        except DatabaseError as exc:
            log.warning("a stream of events waits for the database", action="stream_waits", reason=str(exc))
            await clock.sleep(FAILED_PAUSE_SECONDS)
            continue
        position = span.through
        if span.events:
            yield b"".join(one.frame for one in span.events)
        if span.is_end and not await until(partial(tail.changed, position), clock, heartbeat_seconds):
            yield b"id: %d\n: nothing new\n\n" % position


def reset(forgotten: EventsForgotten) -> bytes:
    """The block that tells a reader that it has missed events, and that the next ones follow from `oldest` on."""
    facts = {"detail": str(forgotten), "after": forgotten.after, "oldest": forgotten.oldest, "latest": forgotten.latest}
    return b"id: %d\nevent: reset\ndata: %s\n\n" % (forgotten.oldest - 1, json.dumps(facts).encode())
