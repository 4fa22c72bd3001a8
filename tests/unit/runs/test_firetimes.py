"""The moments that are shown of a recurring run are those at which the engine starts it."""

from datetime import UTC, datetime, timedelta

import pytest

from kfadapter.engine.protocol.timetables import timetable
from kfadapter.errors import QueryRefused
from kfadapter.kubeflow.recurringruns import Schedule
from kfadapter.runs.firetimes import check_schedule, next_times

CREATED = datetime(2030, 1, 1, 0, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "cron",
    [
        "0 30 2 * * *",
        "*/5 * * * *",
        "0 0 12 23 * 0-6",
        "0 0 12 1, * *",
        "0 0 12 */2 * MON",
        "0 0 12 13 * FRI",
        "0 0 0 29 2 ?",
        "0 0 0 31 2 *",
        "@weekly",
        "@every 1.5h",
        "@every -1h",
    ],
)
def test_shown_moments_are_those_of_the_engine(cron: str) -> None:
    after = CREATED + timedelta(days=3, seconds=7)
    table = timetable({"cron_schedule": {"cron": cron}}, int(CREATED.timestamp()))
    expected: list[datetime] = []
    moment = int(after.timestamp())
    while len(expected) < 4 and (slot := table.next_after(moment)) is not None:
        expected.append(datetime.fromtimestamp(slot, UTC))
        moment = slot
    assert next_times(Schedule(cron=cron), CREATED, after, 4) == expected


@pytest.mark.parametrize("cron", ["0 0 12 * * 7", "0 0 12 L * *", " @daily", "0 0 12 * * 5#2", "@every 1d", "x" * 9999])
def test_what_only_other_readers_take_is_refused_in_few_words(cron: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        check_schedule(Schedule(cron=cron))
    assert refused.value.where == "schedule/cron"
    assert len(str(refused.value)) < 400
