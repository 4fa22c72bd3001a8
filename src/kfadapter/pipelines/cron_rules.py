"""What to say about a cron text before it starts runs."""

from collections.abc import Iterator

from kfadapter.pipelines.cron import Cron, CronFault, Every, read_cron
from kfadapter.pipelines.scalars import shown

Advice = tuple[str, str, str]
"""A rule, what is the matter, what to do."""

_SECONDS_FIRST = "write six fields: second minute hour day month weekday"
_LONGEST_REASON = 200


def cron_remarks(text: str) -> Iterator[Advice]:
    """What to say about a cron text."""
    try:
        rule = read_cron(text)
    except CronFault as exc:
        yield "cron-unreadable", f"{shown(text)}: {str(exc)[:_LONGEST_REASON]}", _SECONDS_FIRST
        return
    match rule:
        case Every(seconds=seconds):
            yield from _too_often(seconds)
        case Cron():
            yield from _calendar(text, rule)


def _calendar(text: str, cron: Cron) -> Iterator[Advice]:
    if len(text.split()) == 5:
        message = f"{shown(text)} has five fields, which Kubeflow reads as second minute hour day month"
        yield "cron-five-fields", message, _SECONDS_FIRST
    if cron.is_never_due:
        yield "cron-never", f"{shown(text)} names a day that these months do not have", "name a day that comes"
    elif len(cron.seconds) > 1:
        yield from _too_often(_shortest(cron.seconds, 60))
    elif len(cron.minutes) > 1 and len(cron.hours) > 1:
        yield from _too_often(60 * _shortest(cron.minutes, 60))


def _shortest(values: tuple[int, ...], period: int) -> int:
    """The shortest time from one value to the next, the first of the next period included."""
    following = [*values[1:], values[0] + period]
    return min(after - before for before, after in zip(values, following, strict=True))


def _too_often(seconds: int) -> Iterator[Advice]:
    if seconds <= 1:
        yield "cron-each-second", "it starts a run each second", _SECONDS_FIRST
    elif seconds < 60:
        yield "cron-many-a-minute", f"it starts a run every {seconds:g} seconds", _SECONDS_FIRST
    elif seconds < 300:
        minutes = f"every {seconds / 60:g} minutes" if seconds > 60 else "each minute"
        advice = "limit max_concurrency, or start less often: a run's pods alone take about a minute"
        yield "cron-often", f"it starts a run {minutes}", advice
