"""When a recurring run is due: its trigger's moments ("slots"), in whole seconds since 1970, UTC.

After the ScheduledWorkflow controller of Kubeflow Pipelines: a cron schedule's slots lie after its start time, a
periodic one's are whole intervals after it; without a start time they count from the creation. The end time is
included. Without a trigger there is one slot, at the creation. Periodic slots stay on their grid whatever happens in
between (KFP's drift once slots have been passed over).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from croniter import croniter
from croniter.croniter import CroniterBadDateError

from kfadapter.engine.protocol.schedules import NEVER, Cron, Every, read_cron

YEARS_WITHOUT_SLOT = 8
"""The longest time between two 29ths of February; a cron text that has no slot for so long never has one."""

FAR_AWAY = 253_000_000_000
"""Nothing is due from the year 9987 on: calendars end there."""

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
                slot = _step(self.rule, max(moment, self.start), forward=True)
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
        slot: int | None = limit + 1
        for _ in range(back + 1):
            slot = _step(rule, slot, forward=False) if slot is not None else None
            if slot is None or slot <= self.start:
                return None
        return slot


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


def _step(rule: Cron, moment: int, *, forward: bool) -> int | None:
    """The neighbouring slot of a moment, which is no slot itself as far as this goes."""
    if moment >= FAR_AWAY or rule.expression == NEVER:
        return None
    walk = croniter(
        rule.expression,
        float(moment),
        ret_type=float,
        day_or=rule.either_day,
        max_years_between_matches=YEARS_WITHOUT_SLOT,
        second_at_beginning=True,
    )
    try:
        return int(walk.get_next() if forward else walk.get_prev())
    except CroniterBadDateError:
        return None


def _seconds(text: str | None) -> int | None:
    """A start or end; Go's zero time, which clients in Go send for none, is none to Kubernetes either."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC) if text else ZERO_TIME
    return None if moment == ZERO_TIME else int(moment.timestamp())
