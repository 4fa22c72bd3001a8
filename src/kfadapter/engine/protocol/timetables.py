"""When a recurring run is due: its trigger's moments ("slots"), in whole seconds since 1970, UTC.

After the ScheduledWorkflow controller of Kubeflow Pipelines: a cron schedule's slots lie after its start time, a
periodic one's are whole intervals after it; without a start time they count from the creation. The end time is
included. Without a trigger there is one slot, at the creation. Periodic slots stay on their grid whatever happens in
between (KFP's drift once slots have been passed over).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from kfadapter.pipelines.cron import Cron, Every, read_cron
from kfadapter.pipelines.cron_slots import FAR_AWAY, slots_after, slots_before

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """The slots of one recurring run.

    Attributes:
        rule: A calendar, an interval, or None for the one slot at the creation.
        start: Slots lie after it.
        end: The last moment that can be a slot; None: no end.
    """

    rule: Cron | Every | None
    start: int
    end: int | None = None

    @property
    def is_one_off(self) -> bool:
        """There is one slot only."""
        return self.rule is None

    def next_after(self, moment: int) -> int | None:
        """The first slot after a moment; None when there is none."""
        match self.rule:
            case Every(seconds=interval):
                slot: int | None = self.start + (max(0, moment - self.start) // interval + 1) * interval
            case Cron():
                slot = next(slots_after(self.rule, max(moment, self.start)), None)
            case _:
                slot = self.start if moment < self.start else None
        last = FAR_AWAY if self.end is None else min(self.end, FAR_AWAY)
        return slot if slot is not None and slot <= last else None

    def latest_until(self, moment: int, *, back: int = 0) -> int | None:
        """The last slot at or before a moment, or the one `back` slots earlier; None when there is none."""
        limit = moment if self.end is None else min(moment, self.end)
        match self.rule:
            case Every(seconds=interval):
                number = (limit - self.start) // interval - back
                return self.start + number * interval if number >= 1 else None
            case Cron():
                return self._calendar_until(self.rule, limit, back)
            case _:
                return self.start if self.start <= limit and back == 0 else None

    def _calendar_until(self, rule: Cron, limit: int, back: int) -> int | None:
        slots = takewhile(lambda slot: slot > self.start, slots_before(rule, limit + 1))
        return next(islice(slots, back, None), None)


def timetable(trigger: Mapping[str, Any], created_at: int) -> Timetable:
    """The timetable of a trigger as it is stored (times as texts, numbers as texts)."""
    cron, periodic = trigger.get("cron_schedule", {}), trigger.get("periodic_schedule", {})
    given = cron or periodic
    start = _seconds(given.get("start_time")) or created_at
    end = _seconds(given.get("end_time"))
    if cron.get("cron"):
        return Timetable(rule=read_cron(cron["cron"]), start=start, end=end)
    if periodic.get("interval_second"):
        return Timetable(rule=Every(seconds=int(periodic["interval_second"])), start=start, end=end)
    return Timetable(rule=None, start=created_at)


def _seconds(text: str | None) -> int | None:
    """A start or end; Go's zero time, which clients in Go send for none, is none to Kubernetes either."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC) if text else ZERO_TIME
    return None if moment == ZERO_TIME else int(moment.timestamp())
