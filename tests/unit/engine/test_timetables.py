"""The slots of recurring runs: cron with seconds as Kubeflow's scheduler reads it, intervals, start and end."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kfadapter.engine.protocol.scheduled import run_name, with_times
from kfadapter.engine.protocol.timetables import timetable


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


CREATED = at("2030-01-01T00:00:00")


def slots(trigger: dict[str, Any], number: int = 3, after: int = CREATED) -> list[str]:
    table = timetable(trigger, CREATED)
    found: list[str] = []
    while len(found) < number and (slot := table.next_after(after)) is not None:
        found.append(datetime.fromtimestamp(slot, UTC).strftime("%m-%dT%H:%M:%S"))
        after = slot
    return found


def cron(text: str, **times: str) -> dict[str, Any]:
    return {"cron_schedule": {"cron": text, **times}}


def every(seconds: int, **times: str) -> dict[str, Any]:
    return {"periodic_schedule": {"interval_second": str(seconds), **times}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 0 3 * * *", ["01-01T03:00:30", "01-02T03:00:30", "01-03T03:00:30"]),
        ("*/20 * * * * *", ["01-01T00:00:20", "01-01T00:00:40", "01-01T00:01:00"]),
        ("5/20 * * * *", ["01-01T00:00:05", "01-01T00:00:25", "01-01T00:00:45"]),
        ("0 0 12 ? * MON-WED", ["01-01T12:00:00", "01-02T12:00:00", "01-07T12:00:00"]),
        ("0 0 12 13 * FRI", ["01-04T12:00:00", "01-11T12:00:00", "01-13T12:00:00"]),
        ("0 0 0 1 jan,jul *", ["07-01T00:00:00", "01-01T00:00:00", "07-01T00:00:00"]),
        ("@daily", ["01-02T00:00:00", "01-03T00:00:00", "01-04T00:00:00"]),
        ("@every 1h30m", ["01-01T01:30:00", "01-01T03:00:00", "01-01T04:30:00"]),
        ("0 0 0 31 2 *", []),
        # Every day of the week, but not as `*`: one of the two day fields is enough.
        ("0 0 12 23 * 0-6", ["01-01T12:00:00", "01-02T12:00:00", "01-03T12:00:00"]),
        ("0 0 12 1/1 * FRI", ["01-01T12:00:00", "01-02T12:00:00", "01-03T12:00:00"]),
        ("0 0 12 1, * *", ["01-01T12:00:00", "02-01T12:00:00", "03-01T12:00:00"]),
        ("0 0 12 , * *", []),
        ("@every -1h", ["01-01T00:00:01", "01-01T00:00:02", "01-01T00:00:03"]),
    ],
)
def test_a_cron_text_names_these_moments(text: str, expected: list[str]) -> None:
    assert slots(cron(text)) == expected


def test_where_one_day_field_is_open_even_in_steps_the_other_must_hold_too() -> None:
    assert slots(cron("0 0 12 */2 * MON"), 2) == ["01-07T12:00:00", "01-21T12:00:00"]


def test_an_interval_counts_from_the_creation_or_the_start() -> None:
    assert slots(every(3600), 2) == ["01-01T01:00:00", "01-01T02:00:00"]
    assert slots(every(3600, start_time="2030-01-05T00:30:00Z"), 2) == ["01-05T01:30:00", "01-05T02:30:00"]


@pytest.mark.parametrize("trigger", [cron("0 0 * * * *"), {"periodic_schedule": {"interval_second": "3600"}}])
def test_the_zero_time_of_go_is_no_start_and_no_end(trigger: dict[str, Any]) -> None:
    never = {"start_time": "0001-01-01T00:00:00Z", "end_time": "0001-01-01T00:00:00Z"}
    kept = {kind: {**schedule, **never} for kind, schedule in trigger.items()}
    assert slots(kept) == slots(trigger) == ["01-01T01:00:00", "01-01T02:00:00", "01-01T03:00:00"]


def test_the_end_is_included_and_nothing_comes_after_it() -> None:
    assert slots(every(3600, end_time="2030-01-01T02:00:00Z"), 9) == ["01-01T01:00:00", "01-01T02:00:00"]
    assert slots(cron("0 0 * * * *", end_time="2030-01-01T01:59:59Z"), 9) == ["01-01T01:00:00"]


def test_without_a_trigger_there_is_one_slot() -> None:
    assert slots({}, after=CREATED - 1) == ["01-01T00:00:00"]
    assert slots({"cron_schedule": {}}, after=CREATED) == []


@pytest.mark.parametrize("trigger", [cron("0 0 * * * *"), every(3600)])
def test_the_latest_slots_are_found_from_the_end(trigger: dict[str, Any]) -> None:
    table = timetable(trigger, CREATED)
    assert table.latest_until(at("2030-02-01T10:00:00")) == at("2030-02-01T10:00:00")
    assert table.latest_until(at("2030-02-01T10:59:59"), back=2) == at("2030-02-01T08:00:00")
    assert table.latest_until(at("2030-01-01T00:59:59")) is None


def test_moments_beyond_every_calendar_are_no_slots() -> None:
    assert slots(every(2**62)) == []
    assert slots(cron("* * * * * *", start_time="9999-12-31T23:59:59Z")) == []


def test_a_run_is_named_after_its_recurring_run_and_its_number() -> None:
    name = run_name("Every Night!", "0a1b2c3d-0000-4000-8000-000000000000", 3)
    assert name.startswith("everynight0a1b2-3-")
    assert name.rsplit("-", 1)[1].isdecimal()
    assert run_name("…", "0a1b2c3d-0000-4000-8000-000000000000", 1).startswith("job-0a1b2-1-")


def test_times_are_put_into_arguments() -> None:
    given = {
        "a": "data-[[ScheduledTime]]",
        "b": "[[CurrentTime.2006-01-02 15:04]]",
        "c": "[[Index]]/[[RunUUID]]",
        "d": 7,
    }
    scheduled, now = at("2030-01-01T03:00:00"), at("2030-01-01T03:01:02")
    assert with_times(given, scheduled_at=scheduled, now=now, index=4, run_id="r") == {
        "a": "data-20300101030000",
        "b": "2030-01-01 03:01",
        "c": "4/r",
        "d": 7,
    }
