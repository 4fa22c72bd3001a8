"""Lists: every page, every row once, also while others write."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from kfadapter.errors import BadPageToken, KubeflowInvalid, KubeflowMalformed
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.filters import Filter
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 250, 500])
async def test_a_list_is_complete(kubeflow: Kubeflow, fake: FakeKubeflow, count: int) -> None:
    expected = [fake.add_pipeline(f"p{number}", versions=[], created_at=AT) for number in range(count)]
    pipelines = await kubeflow.pipelines.list_all()
    assert sorted(pipeline.pipeline_id for pipeline in pipelines) == sorted(expected)
    assert fake.count("GET", "/pipelines$") == max(1, -(-count // 200))


@pytest.mark.parametrize("count", [0, 1, 250])
async def test_experiments_and_runs_are_complete_too(kubeflow: Kubeflow, fake: FakeKubeflow, count: int) -> None:
    for number in range(count):
        fake.add_experiment(f"e{number}")
    runs = fake.add_runs(count)
    assert len(await kubeflow.experiments.list_all()) == count + 1
    assert {run.run_id for run in await kubeflow.runs.list_all()} == set(runs)


async def test_a_page_passes_kubeflows_own_token_on(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    fake.add_runs(5)
    first = await kubeflow.runs.list(page_size=3)
    second = await kubeflow.runs.list(page_size=3, page_token=first.next_page_token)
    assert (len(first.items), len(second.items), second.next_page_token) == (3, 2, "")
    assert first.total_size == 5
    assert not {run.run_id for run in first.items} & {run.run_id for run in second.items}


async def test_a_token_that_is_none_of_kubeflows_is_refused(kubeflow: Kubeflow) -> None:
    with pytest.raises(BadPageToken):
        await kubeflow.pipelines.list(page_token="broken!")


async def test_a_good_token_is_not_blamed_for_another_mistake(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    for number in range(3):
        await kubeflow.experiments.create(f"number {number}")
    token = (await kubeflow.experiments.list(page_size=1)).next_page_token
    with pytest.raises(KubeflowInvalid, match="nonsense"):
        await kubeflow.experiments.list(page_token=token, sort_by="nonsense")


async def test_rows_are_met_once_while_others_write(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    """Rows of one second, in pages, while a thread adds and deletes others of the same second."""
    stay = {fake.add_pipeline(f"stay{number}", versions=[], created_at=AT) for number in range(450)}
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            one = fake.add_pipeline("comes and goes", versions=[], created_at=AT)
            with fake.lock:
                fake.world.delete_pipeline(one)
                for number in range(3):
                    fake.world.add_pipeline(f"late{number}", created_at=AT + timedelta(days=1))
            stop.wait(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            ids = [pipeline.pipeline_id for pipeline in await kubeflow.pipelines.list_all()]
            assert len(ids) == len(set(ids))
            assert stay <= set(ids)
    finally:
        stop.set()
        writer.join()


async def test_a_list_survives_a_stumble_in_the_middle(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    fake.add_runs(450)
    fake.fail(Fault.delay(0.0), path="/runs$")
    fake.fail(Fault.cut(), path="/runs$")
    assert len(await kubeflow.runs.list_all()) == 450


@pytest.mark.parametrize(
    "body",
    [
        '{"runs": [{"run_id": "a"}], "next_page_token": "again"}',
        '{"next_page_token": "again"}',
    ],
)
async def test_pages_that_lead_in_a_circle_are_detected(kubeflow: Kubeflow, fake: FakeKubeflow, body: str) -> None:
    fake.fail(Fault.answer(200, body, content_type="application/json"), path="/runs$", times=None)
    with pytest.raises(KubeflowMalformed, match="circle"):
        await kubeflow.runs.list_all()


async def test_filters_are_read_alike_by_both_servers(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    names = ["50% off", "a+b", "größe", 'a "quoted" one', "plain"]
    for name in names:
        fake.add_pipeline(name)
    for name in names:
        found = await kubeflow.pipelines.list_all(filter=Filter.equals("display_name", name))
        assert [pipeline.display_name for pipeline in found] == [name]


async def test_orders_are_passed_on(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    for number, name in enumerate("bca"):
        fake.add_pipeline(name, created_at=AT + timedelta(seconds=number))
    assert [one.name for one in await kubeflow.pipelines.list_all()] == ["b", "c", "a"]
    assert [one.name for one in await kubeflow.pipelines.list_all(sort_by="name desc")] == ["c", "b", "a"]


async def test_things_by_their_ids(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    runs = fake.add_runs(320)
    unknown = "00000000-0000-4000-8000-000000000000"
    found = await kubeflow.runs.by_ids([*runs, unknown, runs[0], ""])
    assert set(found) == set(runs)
    assert fake.count("GET", "/runs$") == 3
    assert max(len(request.target) for request in fake.requests) < 8000
    assert await kubeflow.runs.by_ids([]) == {}
    pipelines = [fake.add_pipeline(f"p{number}") for number in range(3)]
    assert set(await kubeflow.pipelines.by_ids(pipelines[:2])) == set(pipelines[:2])


async def test_a_namespace_is_sent_only_where_one_was_given(fake: FakeKubeflow) -> None:
    async with Kubeflow(fake.base_url, namespace="team") as kubeflow:
        await kubeflow.pipelines.list()
        await kubeflow.runs.list()
        await kubeflow.experiments.create("x")
    assert [request.query.get("namespace") for request in fake.requests[:2]] == [["team"], ["team"]]
    assert fake.requests[2].json()["namespace"] == "team"
    async with Kubeflow(fake.base_url) as kubeflow:
        await kubeflow.pipelines.list()
        await kubeflow.experiments.create("y")
    assert all("namespace" not in request.target for request in fake.requests[3:])
    assert "namespace" not in fake.requests[4].json()
