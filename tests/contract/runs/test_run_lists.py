"""`GET /v1/runs`: every run of this Kubeflow, by what people ask for, in pages that are right."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.eventually import eventually

SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "train"},
    "root": {
        "dag": {"tasks": {}},
        "inputDefinitions": {
            "parameters": {"epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3.0, "isOptional": True}}
        },
    },
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.17.0",
}


def listed(adapter: RunningAdapter, **query: Any) -> dict[str, Any]:
    answer = adapter.http.get("/v1/runs", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(adapter: RunningAdapter, **query: Any) -> list[str]:
    return [run["run_id"] for run in listed(adapter, **query)["runs"]]


@pytest.fixture
def indexed(fake: FakeKubeflow, make_adapter: Callable[..., RunningAdapter]) -> RunningAdapter:
    """An adapter that meets a Kubeflow with a past: 450 runs of two pipelines."""
    train = fake.add_pipeline("train", spec=SPEC)
    other = fake.add_pipeline("other", spec=SPEC)
    version = fake.add_version(train, "2", spec=SPEC)
    with fake.lock:
        first = next(one.pipeline_version_id for one in fake.world.versions_of(train) if one.name == "train")
        second = fake.world.versions_of(other)[0].pipeline_version_id
    fake.add_runs(200, pipeline_id=train, pipeline_version_id=first)
    fake.add_runs(200, pipeline_id=other, pipeline_version_id=second, state="FAILED")
    fake.add_runs(50, pipeline_id=train, pipeline_version_id=version)
    adapter = make_adapter(kubeflow_url=fake.url)
    eventually(lambda: listed(adapter)["index"]["complete"])
    return adapter


def test_all_runs_are_met_once_over_all_pages(fake: FakeKubeflow, indexed: RunningAdapter) -> None:
    met: list[str] = []
    token = ""
    while True:
        page = listed(indexed, page_size=70, page_token=token)
        met += [run["run_id"] for run in page["runs"]]
        token = page["next_page_token"]
        if not token:
            break
    assert len(met) == len(set(met)) == 450
    assert set(met) == set(fake.run_ids)


def test_runs_of_a_pipeline_and_version_by_names_with_names(indexed: RunningAdapter) -> None:
    page = listed(indexed, pipeline="train", version="2", page_size=200)
    assert len(page["runs"]) == 50
    assert {run["pipeline_name"] for run in page["runs"]} == {"train"}
    assert {run["pipeline_version_name"] for run in page["runs"]} == {"2"}
    assert {run["experiment_name"] for run in page["runs"]} == {"Default"}
    by_id = listed(indexed, pipeline=page["runs"][0]["pipeline_id"], page_size=200)
    assert len(by_id["runs"]) == 200
    assert by_id["next_page_token"]


def test_filters_go_together(indexed: RunningAdapter) -> None:
    assert ids(indexed, pipeline="train", state="FAILED") == []
    assert len(ids(indexed, state="failed,canceled", page_size=200)) == 200
    wanted = {"predicates": [{"operation": "EQUALS", "key": "display_name", "string_value": "run-7"}]}
    assert len(ids(indexed, filter=json.dumps(wanted))) == 3
    assert len(ids(indexed, filter=json.dumps(wanted), pipeline="other")) == 1
    assert len(ids(indexed, name="run-7")) == 3
    assert len(ids(indexed, text="RUN-19", page_size=200)) == 11 + 11 + 1
    assert ids(indexed, pipeline="nobody's") == []


def test_listing_costs_kubeflow_nothing(fake: FakeKubeflow, indexed: RunningAdapter) -> None:
    fake.outage()
    page = listed(indexed, pipeline="train", sort_by="name", page_size=5)
    assert [run["name"] for run in page["runs"]] == ["run-0", "run-0", "run-1", "run-1", "run-10"]


def test_a_token_belongs_to_its_query(indexed: RunningAdapter) -> None:
    token = listed(indexed, page_size=5)["next_page_token"]
    for query in ({"state": "FAILED"}, {"sort_by": "name"}, {"page_token": token + "x"}, {"page_token": "?"}):
        answer = indexed.http.get("/v1/runs", params={"page_token": token, **query})
        assert answer.status_code == 400
        assert answer.json()["type"] == "urn:kfadapter:problem:bad-page-token"


@pytest.mark.parametrize(
    "query",
    [
        {"sort_by": "weight"},
        {"sort_by": "name sideways"},
        {"filter": "{"},
        {"filter": '{"predicates":[{"operation":"LIKES","key":"name","string_value":"x"}]}'},
        {"filter": '{"predicates":[{"operation":"EQUALS","key":"colour","string_value":"x"}]}'},
        {"filter": '{"predicates":[{"operation":"EQUALS","key":"created_at","string_value":"x"}]}'},
        {"created_after": "yesterday"},
        {"state": "RUNING"},
        {"state": "failed,broken"},
        {"label": "=x"},
    ],
)
def test_what_cannot_be_asked_is_named(adapter: RunningAdapter, query: dict[str, str]) -> None:
    answer = adapter.http.get("/v1/runs", params=query)
    assert answer.status_code == 400
    body = answer.json()
    kind = "bad-filter" if "filter" in query else "bad-query"
    assert body["type"] == f"urn:kfadapter:problem:{kind}"
    assert body["errors"][0]["pointer"].startswith("/query/" + next(iter(query)))


def test_what_happens_behind_our_back_is_noticed(fake: FakeKubeflow, indexed: RunningAdapter) -> None:
    [new] = fake.add_runs(1, state="RUNNING")
    eventually(lambda: ids(indexed, state="RUNNING") == [new])
    fake.finish(new, "FAILED", error="it broke")
    eventually(lambda: [run["error"] for run in listed(indexed, id_prefix=new)["runs"]] == ["it broke"])
    gone, archived = fake.run_ids[3], fake.run_ids[5]
    fake.forget_run(gone)
    with fake.lock:
        fake.world.runs[archived].storage_state = "ARCHIVED"
    eventually(lambda: ids(indexed, id_prefix=gone) == [])
    eventually(lambda: ids(indexed, archived=True) == [archived])


def test_a_run_that_goes_is_noticed_among_hundreds_of_the_same_second(
    fake: FakeKubeflow, make_adapter: Callable[..., RunningAdapter]
) -> None:
    train = fake.add_pipeline("train", spec=SPEC)
    fake.add_runs(450, pipeline_id=train)
    adapter = make_adapter(kubeflow_url=fake.url, poll_seconds=0.01)
    eventually(lambda: listed(adapter)["index"]["complete"])
    in_order = sorted(fake.run_ids)
    gone = [in_order[at] for at in (2, 60, 225, 390, 447)]
    for run_id in gone:
        fake.forget_run(run_id)
    eventually(lambda: not any(ids(adapter, id_prefix=run_id) for run_id in gone))
    assert len(ids(adapter, page_size=200, state="SUCCEEDED")) == 200


def test_filling_goes_on_after_a_restart(fake: FakeKubeflow, tmp_path: Path) -> None:
    fake.add_runs(1500)
    with RunningAdapter(tmp_path / "data", kubeflow_url=fake.url, poll_seconds=0.5) as adapter:
        eventually(lambda: listed(adapter)["index"]["indexed_back_to"])
    with RunningAdapter(tmp_path / "data", kubeflow_url=fake.url) as again:
        eventually(lambda: listed(again)["index"]["complete"])
        met: set[str] = set()
        token = "-"
        while token:
            page = listed(again, page_size=200, page_token=token.strip("-"))
            met |= {run["run_id"] for run in page["runs"]}
            token = page["next_page_token"]
        assert met == set(fake.run_ids)


def test_an_index_that_is_not_complete_says_how_far_it_is(fake: FakeKubeflow, tmp_path: Path) -> None:
    fake.add_runs(5)
    fake.fail(Fault.status(503), path="/runs", times=None)
    with RunningAdapter(tmp_path / "data", kubeflow_url=fake.url) as adapter:
        page = listed(adapter)
        assert page["runs"] == []
        assert page["index"] == {"complete": False, "indexed_back_to": None, "fresh_at": None}
        fake.faults.clear()
        eventually(lambda: listed(adapter)["index"]["complete"])
        assert len(ids(adapter)) == 5


def test_the_index_of_another_kubeflow_is_dropped(fake: FakeKubeflow, tmp_path: Path) -> None:
    fake.add_runs(3)
    with RunningAdapter(tmp_path / "data", kubeflow_url=fake.url) as adapter:
        eventually(lambda: len(ids(adapter)) == 3)
    with FakeKubeflow() as other:
        [only] = other.add_runs(1)
        with RunningAdapter(tmp_path / "data", kubeflow_url=other.url) as again:
            eventually(lambda: ids(again) == [only])
