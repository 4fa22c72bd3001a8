"""When a recurring run starts its next runs, as Kubeflow's controller reckons: cron with seconds first. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from kfadapter.errors import QueryRefused
from kfadapter.kubeflow.recurringruns import Schedule
from kfadapter.pipelines.cron import Cron, CronFault, Every, read_cron
from kfadapter.pipelines.cron_slots import slots_after

MOST = 1000
LONGEST_INTERVAL = 10 * 366 * 24 * 3600
LONGEST_REASON = 200
CRON_FIELDS = "Kubeflow wants second, minute, hour, day of month, month and, if given, day of week"


def check_schedule(schedule: Schedule) -> None:
    """Refuse a schedule that cannot be followed, before Kubeflow is asked.

    Raises:
        QueryRefused: Says what is wrong.
    """
    if bool(schedule.cron) == bool(schedule.interval_seconds):
        raise QueryRefused("schedule", "give either cron or interval_seconds")
    if schedule.interval_seconds and not 1 <= schedule.interval_seconds <= LONGEST_INTERVAL:
        raise QueryRefused("schedule/interval_seconds", f"it is 1 to {LONGEST_INTERVAL} seconds")
    if schedule.start and schedule.end and schedule.end <= schedule.start:
        raise QueryRefused("schedule/end", "it is not after the start")
    if schedule.cron:
        _rule(schedule.cron)


def next_times(schedule: Schedule, created_at: datetime | None, after: datetime, count: int) -> list[datetime]:
    """The next moments at which a run is due, at most so many, in UTC.

    Args:
        created_at: Intervals without a start count from here.
        after: They lie after this moment.

    Raises:
        QueryRefused: The cron text cannot be read.
    """
    times: Iterator[datetime]
    rule = _rule(schedule.cron) if schedule.cron else Every(seconds=schedule.interval_seconds or 0)
    match rule:
        case Cron():
            base = max(after, schedule.start) if schedule.start else after
            times = (datetime.fromtimestamp(slot, tz=UTC) for slot in slots_after(rule, int(base.timestamp())))
        case Every(seconds=interval) if interval:
            times = _grid(schedule.start or created_at or after, interval, after)
        case _:
            return []
    wanted = islice(times, min(count, MOST))
    return [at for at in wanted if schedule.end is None or at <= schedule.end]


def _grid(start: datetime, interval_seconds: int, after: datetime) -> Iterator[datetime]:
    passed = max(0, int((after - start).total_seconds() // interval_seconds))
    number = passed + 1
    while True:
        try:
            yield start + timedelta(seconds=number * interval_seconds)
        except OverflowError:
            return
        number += 1


def _rule(cron: str) -> Cron | Every:
    try:
        return read_cron(cron)
    except CronFault as exc:
        raise QueryRefused("schedule/cron", f"{str(exc)[:LONGEST_REASON]}; {CRON_FIELDS}") from exc
