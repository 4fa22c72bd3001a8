"""Deleting pipelines with their versions on servers that help with it and on those that do not."""

import pytest

from kfadapter.errors import KubeflowError, KubeflowInterrupted, KubeflowNotFound, KubeflowUnavailable
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def pipeline_with(fake: FakeKubeflow, versions: int) -> str:
    return fake.add_pipeline("qoe", versions=[str(number) for number in range(versions)])


@pytest.mark.parametrize("versions", [0, 1, 5, 250])
async def test_a_pipeline_goes_with_its_versions(kubeflow: Kubeflow, fake: FakeKubeflow, versions: int) -> None:
    other = fake.add_pipeline("other")
    pipeline_id = pipeline_with(fake, versions)
    await kubeflow.pipelines.delete(pipeline_id)
    assert set(fake.world.pipelines) == {other}
    assert len(fake.world.versions) == 1


@pytest.mark.parametrize("pipeline_id", [UNKNOWN, "nonsense", "..", "a/b", ""])
async def test_an_unknown_pipeline(kubeflow: Kubeflow, pipeline_id: str) -> None:
    with pytest.raises(KubeflowNotFound):
        await kubeflow.pipelines.delete(pipeline_id)


async def test_a_second_deletion_finds_nothing(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = pipeline_with(fake, 2)
    await kubeflow.pipelines.delete(pipeline_id)
    with pytest.raises(KubeflowNotFound):
        await kubeflow.pipelines.delete(pipeline_id)


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.status(503), Fault.cut()])
async def test_an_interrupted_deletion_is_finished_by_the_next(
    kubeflow: Kubeflow, fake: FakeKubeflow, fault: Fault
) -> None:
    pipeline_id = pipeline_with(fake, 20)
    path = "/versions/" if fake.wire.is_old else "/pipelines/"
    fake.fail(fault, method="DELETE", path=path)
    with pytest.raises((KubeflowInterrupted, KubeflowUnavailable)):
        await kubeflow.pipelines.delete(pipeline_id)
    assert pipeline_id in fake.world.pipelines
    await kubeflow.pipelines.delete(pipeline_id)
    assert pipeline_id not in fake.world.pipelines
    assert not fake.world.versions


async def test_versions_that_vanish_meanwhile_do_not_matter(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = pipeline_with(fake, 3)
    gone = Fault.answer(404, '{"code":5,"message":"x","details":[{"message":"gone"}]}', content_type="application/json")
    fake.fail(gone, method="DELETE", path="/versions/", after=True)
    await kubeflow.pipelines.delete(pipeline_id)
    assert pipeline_id not in fake.world.pipelines


@pytest.mark.parametrize("tag", ["", "master", "kfadapter-engine 0.1.0"])
async def test_a_server_that_does_not_say_what_it_is_gets_both_ways(tag: str) -> None:
    for wire in ("2.17", "2.3.0"):
        with FakeKubeflow(wire=wire, tag_name=tag) as fake:
            pipeline_id = pipeline_with(fake, 3)
            async with Kubeflow(fake.base_url) as kubeflow:
                await kubeflow.pipelines.delete(pipeline_id)
            assert not fake.world.pipelines


async def test_an_old_server_is_not_asked_for_what_it_does_not_know() -> None:
    with FakeKubeflow(wire="2.3.0") as fake:
        pipeline_id = pipeline_with(fake, 3)
        async with Kubeflow(fake.base_url) as kubeflow:
            await kubeflow.pipelines.delete(pipeline_id)
        assert not [request for request in fake.requests if "cascade" in request.target]


async def test_a_kubeflow_that_is_away_keeps_the_pipeline(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = pipeline_with(fake, 1)
    fake.outage()
    with pytest.raises(KubeflowError):
        await kubeflow.pipelines.delete(pipeline_id)
    fake.restore()
    assert (await kubeflow.pipelines.get(pipeline_id)).pipeline_id == pipeline_id
