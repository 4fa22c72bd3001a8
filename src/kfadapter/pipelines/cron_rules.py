"""What to say about a cron text before it starts runs.

Kubeflow reads it with Go's robfig/cron: six fields, seconds first; with five fields the weekday is what is missing.
"""

import re
from collections.abc import Iterator

from kfadapter.pipelines.scalars import shown

Advice = tuple[str, str, str]
"""A rule, what is the matter, what to do."""

_SECONDS_FIRST = "write six fields: second minute hour day month weekday"
_DESCRIPTORS = frozenset(("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"))
_EVERY = re.compile(r"@every\s+(?P<duration>\S+)")
_PIECE = re.compile(r"(?P<number>\d{1,9}(?:\.\d{0,9})?)(?P<unit>ms|us|µs|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _DAYS),
)
_LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_LONGEST_TEXT = 1_000


class _Unreadable(Exception):
    """A field cannot be read; the text says why."""


def cron_remarks(cron: str) -> Iterator[Advice]:
    """What to say about a cron text."""
    text = cron[:_LONGEST_TEXT].strip()
    try:
        if text.startswith("@"):
            yield from _descriptor(text)
        else:
            yield from _fields(text)
    except _Unreadable as exc:
        yield "cron-unreadable", f"{shown(cron)}: {exc}", _SECONDS_FIRST


def _descriptor(text: str) -> Iterator[Advice]:
    every = _EVERY.fullmatch(text)
    if every is None:
        if text not in _DESCRIPTORS:
            raise _Unreadable("there is no such word")
        return
    pieces = list(_PIECE.finditer(every["duration"]))
    if not pieces or "".join(piece[0] for piece in pieces) != every["duration"]:
        raise _Unreadable("that is no duration, such as 1h30m")
    yield from _too_often(sum(float(piece["number"]) * _UNITS.get(piece["unit"], 0.0) for piece in pieces))


def _fields(text: str) -> Iterator[Advice]:
    given = text.split()
    if len(given) not in (5, 6):
        raise _Unreadable(f"it has {len(given)} fields")
    values = [_values(field, *bounds) for field, bounds in zip([*given, "*"][:6], _FIELDS, strict=True)]
    if len(given) == 5:
        message = f"{shown(text)} has five fields, which Kubeflow reads as second minute hour day month"
        yield "cron-five-fields", message, _SECONDS_FIRST
    seconds, minutes, hours, days, months, _ = values
    if min(days) > max(_LONGEST_MONTH.get(month, 31) for month in months) and given[5:] in ([], ["*"], ["?"]):
        yield "cron-never", f"{shown(text)} names a day that these months do not have", "name a day that comes"
    if len(seconds) > 1:
        yield from _too_often(_shortest(seconds, 60))
    elif len(minutes) > 1 and len(hours) > 1:
        yield from _too_often(60.0 * _shortest(minutes, 60))


def _shortest(values: list[int], period: int) -> float:
    """The shortest time from one value to the next, the first of the next period included."""
    following = [*values[1:], values[0] + period]
    return float(min(after - before for before, after in zip(values, following, strict=True)))


def _too_often(seconds: float) -> Iterator[Advice]:
    if seconds <= 1:
        yield "cron-each-second", "it starts a run each second", _SECONDS_FIRST
    elif seconds < 60:
        yield "cron-many-a-minute", f"it starts a run every {seconds:g} seconds", _SECONDS_FIRST
    elif seconds < 300:
        minutes = f"every {seconds / 60:g} minutes" if seconds > 60 else "each minute"
        advice = "limit max_concurrency, or start less often: a run's pods alone take about a minute"
        yield "cron-often", f"it starts a run {minutes}", advice


def _values(field: str, name: str, lowest: int, highest: int, names: dict[str, int]) -> list[int]:
    values: set[int] = set()
    for part in field.split(","):
        values.update(_range(part, name, lowest, highest, names))
    return sorted(values)


def _range(part: str, name: str, lowest: int, highest: int, names: dict[str, int]) -> range:
    span, slash, step = part.partition("/")
    first, hyphen, last = span.partition("-")
    if first in ("*", "?"):
        start, end = lowest, highest
    else:
        start = _number(first, name, names)
        end = _number(last, name, names) if hyphen else highest if slash else start
    stride = _number(step, name, {}) if slash else 1
    if not lowest <= start <= end <= highest or stride < 1:
        raise _Unreadable(f"{part} is no {name} from {lowest} to {highest}")
    return range(start, end + 1, stride)


def _number(text: str, name: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _Unreadable(f"{text[:20] or 'nothing'} is no {name}")
    return int(text)
