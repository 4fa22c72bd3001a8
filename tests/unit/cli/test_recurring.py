"""`kfadapter recurring` against written answers."""

import json
from typing import Any

from unit.cli.conftest import Run, ScriptedAdapter

ID = "0d9c5f4e-6b1a-4f0e-8a68-3d2b1c0f9e8d"
PATH = "/v1/recurring-runs"


def one(**more: Any) -> dict[str, Any]:
    return {
        "recurring_run_id": ID,
        "name": "nightly",
        "description": None,
        "enabled": True,
        "schedule": {"cron": "0 30 2 * * *", "interval_seconds": None, "start": None, "end": None},
        "time_zone": "UTC",
        "time_zone_note": None,
        "next_times": ["2030-01-02T02:30:00Z"],
        "max_concurrency": 1,
        "catchup": False,
        "pipeline_id": "p",
        "pipeline_name": "qoe",
        "pipeline_version_id": None,
        "experiment_id": "e",
        "arguments": {"epochs": 3},
        **more,
    }


def test_list_shows_every_page(adapter: ScriptedAdapter, run: Run) -> None:
    pages = (("", "more", "nightly"), ("more", "", "hourly"))
    for token, following, name in pages:
        adapter.answer(
            f"GET {PATH}?page_size=200&page_token={token}",
            {"recurring_runs": [one(name=name)], "next_page_token": following},
        )
    lines = run("recurring", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "nightly", "hourly"]
    assert "2030-01-02 02:30:00" in lines[1]


def test_create_sends_texts_and_shows_what_was_made(adapter: ScriptedAdapter, run: Run) -> None:
    remark = {"rule": "cron-often", "message": "it starts a run each minute", "advice": "start less often"}
    adapter.answer(f"POST {PATH}", one(warnings=[remark]), status=201)
    ended = run("recurring", "create", "nightly", "--pipeline", "qoe", "--every", "60", "--arg", "epochs=3", "--off")
    assert ended.code == 0
    assert "the newest each time" in ended.out
    assert "! it starts a run each minute; start less often (cron-often)" in ended.out
    sent = json.loads(adapter.requests[0][2])
    assert sent["schedule"] == {"cron": None, "interval_seconds": 60}
    assert (sent["arguments"], sent["enabled"]) == ({"epochs": "3"}, False)


def test_change_by_name_sends_only_what_is_different(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET {PATH}/by-name/nightly", one())
    adapter.answer(f"PATCH {PATH}/{ID}", one(max_concurrency=2))
    assert run("recurring", "change", "nightly", "--concurrency", "2").code == 0
    assert json.loads(adapter.requests[-1][2]) == {"max_concurrency": 2}
    assert run("recurring", "change", "nightly").code == 2


def test_next_says_what_is_not_known_of_the_zone(adapter: ScriptedAdapter, run: Run) -> None:
    told = {"recurring_run_id": ID, "enabled": False, "time_zone": "UTC", "time_zone_note": "it may differ"}
    adapter.answer(f"GET {PATH}/{ID}/fire-times?count=10", {**told, "times": ["2030-01-02T02:30:00Z"]})
    ended = run("recurring", "next", ID)
    assert ended.out == "2030-01-02 02:30:00 UTC\n"
    assert "it may differ" in ended.err
    assert "switched off" in ended.err


def test_switching_and_deleting(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"POST {PATH}/{ID}:disable", one(enabled=False))
    adapter.answer(f"DELETE {PATH}/{ID}", b"", status=204)
    assert "off" in run("recurring", "disable", ID).out
    assert run("recurring", "delete", ID).out == f"{ID} is deleted\n"
