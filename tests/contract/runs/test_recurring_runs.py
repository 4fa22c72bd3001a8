"""`/v1/recurring-runs`: made by names, changed in place, and never two at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter

from .conftest import SPEC

PATH = "/v1/recurring-runs"


@pytest.fixture(params=["2.17", "2.3.0", "engine"])
def anywhere(request: pytest.FixtureRequest, make_adapter: Callable[..., RunningAdapter]) -> Any:
    """An adapter in front of each kind of Kubeflow, with the pipeline `train`."""
    if request.param == "engine":
        adapter = make_adapter()
        assert adapter.http.post("/v1/pipelines", params={"name": "train"}, json=SPEC).status_code in (200, 201)
        yield adapter
        return
    with FakeKubeflow(wire=request.param) as server:
        server.add_pipeline("train", spec=SPEC)
        yield make_adapter(kubeflow_url=server.url)


def make(adapter: RunningAdapter, **more: Any) -> Any:
    body = {
        "name": "nightly",
        "pipeline": "train",
        "arguments": {"rate": "0.5"},
        "schedule": {"cron": "0 30 2 * * *"},
        "enabled": False,
        **more,
    }
    return adapter.http.post(PATH, json=body)


def test_made_by_names_with_arguments_that_fit(anywhere: RunningAdapter) -> None:
    answer = make(anywhere, enabled=True)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["pipeline_name"], made["enabled"]) == ("nightly", "train", True)
    assert made["arguments"] == {"rate": 0.5}
    assert made["time_zone"] == "UTC"
    assert all(at.endswith("T02:30:00Z") for at in made["next_times"])
    assert len(made["next_times"]) == 5
    assert anywhere.http.get(f"{PATH}/by-name/nightly").json()["recurring_run_id"] == made["recurring_run_id"]
    assert [one["name"] for one in anywhere.http.get(PATH).json()["recurring_runs"]] == ["nightly"]
    anywhere.http.post("/v1/pipelines", params={"name": "idle"}, json=SPEC)
    for pipeline, expected in (("train", ["nightly"]), (made["pipeline_id"], ["nightly"]), ("idle", [])):
        found = anywhere.http.get(PATH, params={"pipeline": pipeline}).json()["recurring_runs"]
        assert [one["name"] for one in found] == expected
    assert anywhere.http.get(PATH, params={"pipeline": "nobody"}).status_code == 404
    assert make(anywhere).status_code == 409
    refused = make(anywhere, name="other", arguments={"rate": "fast", "colour": "red"})
    assert {one["pointer"] for one in refused.json()["errors"]} == {"/arguments/rate", "/arguments/colour"}


@pytest.mark.parametrize(
    "schedule",
    [{}, {"cron": "* *"}, {"cron": "0 0 25 * * *"}, {"cron": "@never"}, {"cron": "0 0 2 * * *", "interval_seconds": 5}],
)
def test_a_schedule_that_cannot_be_followed_is_refused(adapter: RunningAdapter, schedule: dict[str, Any]) -> None:
    answer = make(adapter, schedule=schedule)
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:kfadapter:problem:bad-query"


@pytest.mark.parametrize(
    ("schedule", "rules"),
    [
        ({"cron": "* * * * * *"}, ["cron-each-second"]),
        ({"cron": "0 30 2 * *"}, ["cron-five-fields"]),
        ({"cron": "0 30 2 * * *"}, []),
        ({"interval_seconds": 5}, []),
    ],
)
def test_a_schedule_that_was_hardly_meant_is_remarked_on(
    adapter: RunningAdapter, schedule: dict[str, Any], rules: list[str]
) -> None:
    made = make(adapter, schedule=schedule).json()
    assert [one["rule"] for one in made["warnings"]] == rules


def test_fire_times_of_an_interval_keep_to_their_grid_and_end(anywhere: RunningAdapter) -> None:
    schedule = {"interval_seconds": 3600, "start": "2100-01-01T00:00:00Z", "end": "2100-01-01T03:00:00Z"}
    made = make(anywhere, schedule=schedule).json()
    times = anywhere.http.get(f"{PATH}/{made['recurring_run_id']}/fire-times", params={"count": 9}).json()["times"]
    assert times == [f"2100-01-01T0{hour}:00:00Z" for hour in (1, 2, 3)]


def test_switched_on_and_off_and_deleted(anywhere: RunningAdapter) -> None:
    made = make(anywhere).json()
    path = f"{PATH}/{made['recurring_run_id']}"
    assert anywhere.http.post(f"{path}:enable").json()["enabled"] is True
    assert anywhere.http.post(f"{path}:disable").json()["enabled"] is False
    assert anywhere.http.patch(path, json={"enabled": True}).json()["recurring_run_id"] == made["recurring_run_id"]
    assert anywhere.http.delete(path).status_code == 204
    for method, target in (("GET", path), ("DELETE", path), ("POST", f"{path}:enable"), ("GET", f"{path}/fire-times")):
        assert anywhere.http.request(method, target).status_code == 404


def test_changed_in_place_and_the_old_id_leads_to_the_new_one(anywhere: RunningAdapter) -> None:
    made = make(anywhere, enabled=True).json()
    path = f"{PATH}/{made['recurring_run_id']}"
    patch = {"schedule": {"interval_seconds": 60}, "arguments": {"epochs": "9"}}
    changed = anywhere.http.patch(path, json=patch)
    assert changed.status_code == 200, changed.text
    body = changed.json()
    assert body["arguments"] == {"epochs": 9, "rate": 0.5}
    assert body["schedule"]["interval_seconds"] == 60
    assert body["enabled"] is True
    assert body["name"] == "nightly"
    assert anywhere.http.get(path).json()["recurring_run_id"] == body["recurring_run_id"]
    assert len(anywhere.http.get(PATH).json()["recurring_runs"]) == 1
    refused = anywhere.http.patch(path, json={"arguments": {"rate": None}})
    assert refused.status_code == 400
    assert anywhere.http.get(path).json()["recurring_run_id"] == body["recurring_run_id"]


@pytest.mark.parametrize("fault", [Fault.close(), Fault.status(503), Fault.html()])
def test_a_lost_answer_makes_no_second_one(cluster: FakeKubeflow, adapter: RunningAdapter, fault: Fault) -> None:
    made = make(adapter, enabled=True).json()
    cluster.fail(fault, method="POST", path="/recurringruns$", after=True)
    changed = adapter.http.patch(f"{PATH}/{made['recurring_run_id']}", json={"description": "new"})
    assert changed.status_code == 200, changed.text
    with cluster.lock:
        [only] = cluster.world.recurring_runs.values()
    assert only.recurring_run_id == changed.json()["recurring_run_id"]
    assert only.is_enabled


def test_a_refused_change_leaves_the_old_one_as_it_was(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    made = make(adapter, enabled=True).json()
    cluster.fail(Fault.status(400, "no"), method="POST", path="/recurringruns$")
    assert adapter.http.patch(f"{PATH}/{made['recurring_run_id']}", json={"description": "new"}).status_code == 400
    with cluster.lock:
        [only] = cluster.world.recurring_runs.values()
    assert (only.recurring_run_id, only.is_enabled) == (made["recurring_run_id"], True)


def test_a_change_that_breaks_off_is_finished_later(cluster: FakeKubeflow, tmp_path: Path) -> None:
    with RunningAdapter(tmp_path / "data", kubeflow_url=cluster.url) as adapter:
        made = make(adapter, enabled=True).json()
        path = f"{PATH}/{made['recurring_run_id']}"
        cluster.fail(Fault.status(500), method="DELETE", path="/recurringruns", times=None)
        assert adapter.http.patch(path, json={"description": "new"}).status_code == 502
        with cluster.lock:
            old, new = cluster.world.recurring_runs.values()
        assert (old.is_enabled, new.is_enabled) == (True, False)
        assert adapter.http.get(path).json()["recurring_run_id"] == new.recurring_run_id
        assert len(adapter.http.get(PATH).json()["recurring_runs"]) == 1
        cluster.faults.clear()
        recurring = adapter.service.runs.recurring
        adapter.run(_aged(recurring))
    with cluster.lock:
        [only] = cluster.world.recurring_runs.values()
    assert (only.recurring_run_id, only.is_enabled) == (new.recurring_run_id, True)


async def _aged(recurring: Any) -> None:
    """Look after changes as the service does when they have been left alone for long enough."""
    await recurring.recover(left_for_seconds=0)


def test_a_change_that_broke_off_is_finished_before_the_next(cluster: FakeKubeflow, adapter: RunningAdapter) -> None:
    made = make(adapter, enabled=True).json()["recurring_run_id"]
    cluster.fail(Fault.status(400, "no"), method="DELETE", path="/recurringruns")
    wanted = {"schedule": {"interval_seconds": 60}}
    assert adapter.http.patch(f"{PATH}/{made}", json=wanted).status_code == 400
    again = adapter.http.patch(f"{PATH}/{made}", json=wanted)
    assert again.status_code == 200, again.text
    assert again.json()["enabled"] is True
    adapter.call(adapter.service.runs.recurring.recover(left_for_seconds=0))
    [left] = adapter.http.get(PATH).json()["recurring_runs"]
    assert (left["enabled"], left["recurring_run_id"]) == (True, again.json()["recurring_run_id"])
    assert len(cluster.world.recurring_runs) == 1


def test_what_was_deleted_meanwhile_does_not_hold_up_other_changes(
    cluster: FakeKubeflow, adapter: RunningAdapter
) -> None:
    made = make(adapter, enabled=True).json()["recurring_run_id"]
    cluster.fail(Fault.status(400, "no"), method="DELETE", path="/recurringruns")
    assert adapter.http.patch(f"{PATH}/{made}", json={"schedule": {"interval_seconds": 60}}).status_code == 400
    with cluster.lock:
        cluster.world.recurring_runs.clear()
    adapter.call(adapter.service.runs.recurring.recover(left_for_seconds=0))
    adapter.call(adapter.service.runs.recurring.recover(left_for_seconds=0))
