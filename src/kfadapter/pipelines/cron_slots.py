"""The moments ("slots") a cron schedule names, in whole seconds since 1970, UTC."""

from collections.abc import Iterator

from kfadapter.pipelines.cron import FIELDS, Cron

YEARS_WITHOUT_SLOT = 8
"""The longest time between two 29ths of February; a cron text that has no slot for so long never has one."""

FAR_AWAY = 253_000_000_000
"""Nothing is due from the year 9987 on: calendars end there."""


def slots_after(cron: Cron, moment: int) -> Iterator[int]:
    """The slots after a moment, one after the other."""
    return _walk(cron, moment, forward=True)


def slots_before(cron: Cron, moment: int) -> Iterator[int]:
    """The slots before a moment, the latest first."""
    return _walk(cron, moment, forward=False)


def _walk(cron: Cron, moment: int, *, forward: bool) -> Iterator[int]:
    if moment >= FAR_AWAY or cron.is_never_due:
        return
    # With dateutil, which it brings, it is large: a service without a cron schedule does not load it.
    from croniter import CroniterBadDateError, croniter

    walk = croniter(
        _expression(cron),
        float(moment),
        ret_type=float,
        day_or=cron.either_day,
        max_years_between_matches=YEARS_WITHOUT_SLOT,
        second_at_beginning=True,
    )
    try:
        while (slot := int(walk.get_next() if forward else walk.get_prev())) <= FAR_AWAY:
            yield slot
    except CroniterBadDateError:
        return


def _expression(cron: Cron) -> str:
    """Numbers and `*` alone: none of the shorthands in which croniter and robfig/cron differ."""
    fields = zip(cron.fields, FIELDS, strict=True)
    return " ".join("*" if values == bounds.everything else ",".join(map(str, values)) for values, bounds in fields)
