"""Versions: their order, the newest one, their specs."""

from datetime import UTC, datetime, timedelta

import pytest

from kfadapter.errors import KubeflowMalformed, KubeflowNotFound, NameNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.versions import Versions
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import EMPTY_SPEC, FakeKubeflow

AT = datetime(2026, 1, 1, tzinfo=UTC)


async def test_versions_of_one_second_keep_a_sensible_order(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    names = ["10", "2", "qoe", "3", "beta"]
    pipeline_id = fake.add_pipeline("qoe", versions=names, created_at=AT)
    fake.add_version(pipeline_id, "1", created_at=AT + timedelta(seconds=1))
    versions = await kubeflow.versions.list_all(pipeline_id)
    assert [version.display_name for version in versions] == ["qoe", "2", "3", "10", "beta", "1"]
    assert (await kubeflow.versions.latest(pipeline_id)).display_name == "1"


@pytest.mark.parametrize("count", [2, 3, 4, 7, 40])
async def test_the_newest_of_one_second_is_the_one_numbered_last(
    kubeflow: Kubeflow, fake: FakeKubeflow, count: int
) -> None:
    names = ["qoe", *map(str, range(2, count + 1))]
    pipeline_id = fake.add_pipeline("qoe", versions=names, created_at=AT)
    assert (await kubeflow.versions.latest(pipeline_id)).display_name == str(count)


async def test_the_newest_usually_costs_one_call(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("qoe", created_at=AT)
    for number in range(2, 30):
        fake.add_version(pipeline_id, str(number), created_at=AT + timedelta(seconds=number))
    assert (await kubeflow.versions.latest(pipeline_id)).display_name == "29"
    assert len(fake.requests) == 1


async def test_250_versions_are_complete_and_ordered(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    names = ["qoe", *map(str, range(2, 251))]
    pipeline_id = fake.add_pipeline("qoe", versions=names, created_at=AT)
    assert [version.display_name for version in await kubeflow.versions.list_all(pipeline_id)] == names


async def test_a_pipeline_without_versions(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("qoe", versions=[])
    assert await kubeflow.versions.list_all(pipeline_id) == []
    with pytest.raises(NameNotFound) as caught:
        await kubeflow.versions.latest(pipeline_id)
    assert caught.value.kind == "pipeline version"


async def test_a_spec_is_fetched_once(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("qoe")
    version = await kubeflow.versions.latest(pipeline_id)
    before = len(fake.requests)
    for _ in range(3):
        assert await kubeflow.versions.spec(pipeline_id, version.pipeline_version_id) == EMPTY_SPEC
    assert len(fake.requests) == before + 1


async def test_only_the_specs_used_last_are_kept(fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("qoe", versions=[])
    ids = [fake.add_version(pipeline_id, str(number)) for number in range(3)]
    connection = Connection(fake.base_url)
    await connection.open()
    try:
        versions = Versions(connection, kept_specs=2)
        for version_id in (ids[0], ids[1], ids[0], ids[2], ids[0], ids[1]):
            await versions.spec(pipeline_id, version_id)
    finally:
        await connection.close()
    assert len(fake.requests) == 4


async def test_a_version_of_another_pipeline_is_not_found(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    mine, other = fake.add_pipeline("mine"), fake.add_pipeline("other", versions=[])
    version_id = (await kubeflow.versions.latest(mine)).pipeline_version_id
    with pytest.raises(KubeflowNotFound):
        await kubeflow.versions.get(other, version_id)
    with pytest.raises(KubeflowNotFound):
        await kubeflow.versions.get(mine, "00000000-0000-4000-8000-000000000000")


async def test_a_deleted_version_is_forgotten(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline_id = fake.add_pipeline("qoe")
    version_id = (await kubeflow.versions.latest(pipeline_id)).pipeline_version_id
    await kubeflow.versions.spec(pipeline_id, version_id)
    await kubeflow.versions.delete(pipeline_id, version_id)
    with pytest.raises(KubeflowNotFound):
        await kubeflow.versions.spec(pipeline_id, version_id)


@pytest.mark.parametrize("key", ["pipeline_version_id", "pipeline_id"])
async def test_answers_for_other_ids_are_malformed(kubeflow: Kubeflow, fake: FakeKubeflow, key: str) -> None:
    fake.fail(Fault.answer(200, f'{{"{key}": "another"}}', content_type="application/json"), times=None)
    with pytest.raises(KubeflowMalformed):
        await kubeflow.versions.get("p", "v")
    with pytest.raises(KubeflowMalformed):
        await kubeflow.pipelines.get("p")
