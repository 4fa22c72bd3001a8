"""When a recurring run starts its next runs, as Kubeflow's controller reckons: cron with seconds first. Pure."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from croniter import croniter
from croniter.croniter import CroniterBadCronError, CroniterBadDateError

from kfadapter.errors import QueryRefused
from kfadapter.kubeflow.recurringruns import Schedule

DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
EVERY = re.compile(r"@every (?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
MOST = 1000
LONGEST_INTERVAL = 10 * 366 * 24 * 3600
# The longest time between two 29ths of February.
YEARS_WITHOUT_SLOT = 8
DAY, WEEKDAY = 3, 5


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
        next(_calendar(schedule.cron, datetime(2026, 1, 1, tzinfo=UTC)), None)


def next_times(schedule: Schedule, created_at: datetime | None, after: datetime, count: int) -> list[datetime]:
    """The next moments at which a run is due, at most so many, in UTC.

    Args:
        created_at: Intervals without a start count from here.
        after: They lie after this moment.

    Raises:
        QueryRefused: The cron text cannot be read.
    """
    base = max(after, schedule.start) if schedule.start else after
    if schedule.cron:
        times = _calendar(schedule.cron, base)
    elif schedule.interval_seconds:
        times = _grid(schedule.start or created_at or after, schedule.interval_seconds, after)
    else:
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


def _calendar(cron: str, after: datetime) -> Iterator[datetime]:
    if found := EVERY.fullmatch(cron.strip()):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if total < 1:
            raise QueryRefused("schedule/cron", f"{cron!r} has no interval")
        yield from _grid(after, total, after)
        return
    expression, either_day = _six_fields(cron)
    try:
        walk = croniter(
            expression,
            after.timestamp(),
            ret_type=float,
            day_or=either_day,
            max_years_between_matches=YEARS_WITHOUT_SLOT,
            second_at_beginning=True,
        )
        while True:
            yield datetime.fromtimestamp(int(walk.get_next()), tz=UTC)
    except CroniterBadDateError:
        return
    except (CroniterBadCronError, ValueError, OverflowError) as exc:
        raise QueryRefused("schedule/cron", f"{cron[:80]!r} is no cron schedule: {exc}") from exc


def _six_fields(cron: str) -> tuple[str, bool]:
    """Seconds to weekday, and whether one of the two kinds of days is enough: only where both are restricted."""
    text = cron.strip()
    if text.startswith("@"):
        if text not in DESCRIPTORS:
            raise QueryRefused("schedule/cron", f"{cron[:80]!r} is none of {', '.join(DESCRIPTORS)} or @every 1h30m")
        text = DESCRIPTORS[text]
    fields = text.replace("?", "*").split()
    if len(fields) not in (5, 6):
        wanted = "5 or 6 fields (second, minute, hour, day of month, month, and day of week if given)"
        raise QueryRefused("schedule/cron", f"{cron[:80]!r} has {len(fields)} fields; Kubeflow wants {wanted}")
    fields = [*fields, "*"][:6]
    either_day = not any(fields[place].startswith("*") for place in (DAY, WEEKDAY))
    return " ".join(fields), either_day
