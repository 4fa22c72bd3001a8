"""Specifications are fetched and parsed once, shared by digest, and kept within bounds."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from kfadapter.errors import KubeflowNotFound, PackageError
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.contents import Contents
from kfadapter.pipelines.description import PipelineDescription, describe
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow

NOWHERE = "00000000-0000-4000-8000-000000000000"


class Parser:
    """Parses for real, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, document: Any) -> PipelineDescription:
        self.calls += 1
        return describe(document)


def spec(name: str, padding: int = 0) -> dict[str, Any]:
    return {
        "pipelineInfo": {"name": name, "description": "x" * padding},
        "root": {"dag": {"tasks": {}}},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
    }


@pytest.fixture
def fake() -> Iterator[FakeKubeflow]:
    with FakeKubeflow() as server:
        yield server


@pytest.fixture
async def kubeflow(fake: FakeKubeflow) -> AsyncIterator[Kubeflow]:
    async with Kubeflow(fake.base_url) as client:
        yield client


async def test_those_who_ask_at_once_share_one_fetch_and_one_parse(fake: FakeKubeflow, kubeflow: Kubeflow) -> None:
    parser = Parser()
    contents = Contents(kubeflow.versions, parse=parser)
    pipeline_id = fake.add_pipeline("p", versions=())
    version_id = fake.add_version(pipeline_id, "v", spec=spec("a", 50_000))
    found = await asyncio.gather(*(contents.get(pipeline_id, version_id) for _ in range(20)))
    assert {one.description.name for one in found} == {"a"}
    assert (parser.calls, fake.count("GET", f"/versions/{version_id}")) == (1, 1)


async def test_equal_content_is_parsed_once(fake: FakeKubeflow, kubeflow: Kubeflow) -> None:
    parser = Parser()
    contents = Contents(kubeflow.versions, parse=parser)
    pipeline_id = fake.add_pipeline("p", versions=())
    ids = [fake.add_version(pipeline_id, name, spec=spec("same")) for name in "ab"]
    first, second = [await contents.get(pipeline_id, one) for one in ids]
    assert (first.digest, first.parsed) == (second.digest, second.parsed)
    assert parser.calls == 1


async def test_a_caller_who_leaves_does_not_end_it_for_the_others(fake: FakeKubeflow, kubeflow: Kubeflow) -> None:
    contents = Contents(kubeflow.versions)
    pipeline_id = fake.add_pipeline("p")
    version_id = (await kubeflow.versions.latest(pipeline_id)).pipeline_version_id
    fake.fail(Fault.delay(0.2), path=f"/versions/{version_id}")
    leaving = asyncio.create_task(contents.get(pipeline_id, version_id))
    staying = asyncio.create_task(contents.get(pipeline_id, version_id))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).version_id == version_id


async def test_a_failure_is_not_kept(fake: FakeKubeflow, kubeflow: Kubeflow) -> None:
    contents = Contents(kubeflow.versions)
    pipeline_id = fake.add_pipeline("p")
    version_id = (await kubeflow.versions.latest(pipeline_id)).pipeline_version_id
    with pytest.raises(KubeflowNotFound):
        await contents.get(pipeline_id, NOWHERE)
    with pytest.raises(KubeflowNotFound):
        await contents.get(NOWHERE, version_id)
    assert (await contents.get(pipeline_id, version_id)).description.name == "empty"
    with pytest.raises(KubeflowNotFound):
        await contents.get(NOWHERE, version_id)


async def test_entries_and_bytes_are_bounded_and_the_ones_used_last_stay(
    fake: FakeKubeflow, kubeflow: Kubeflow
) -> None:
    pipeline_id = fake.add_pipeline("p", versions=())
    ids = [fake.add_version(pipeline_id, f"v{number}", spec=spec(f"s{number}", 2_000)) for number in range(4)]
    few = Contents(kubeflow.versions, most_entries=2)
    small = Contents(kubeflow.versions, most_bytes=40_000)
    for contents in (few, small):
        for version_id in (ids[0], ids[1], ids[0], ids[2], ids[3]):
            await contents.get(pipeline_id, version_id)
        assert [contents.kept(one) is not None for one in ids] == [False, False, True, True]
    before = fake.count("GET")
    await few.get(pipeline_id, ids[0])
    assert fake.count("GET") == before + 1


async def test_what_cannot_be_read_says_why_and_spoils_nothing(fake: FakeKubeflow, kubeflow: Kubeflow) -> None:
    contents = Contents(kubeflow.versions)
    pipeline_id = fake.add_pipeline("old", spec={"kind": "Workflow", "root": 7})
    found = await contents.of(await kubeflow.versions.latest(pipeline_id))
    assert found.problem is not None
    with pytest.raises(PackageError):
        _ = found.description


async def test_a_deleted_version_and_a_deleted_pipeline_are_forgotten(fake: FakeKubeflow, kubeflow: Kubeflow) -> None:
    contents = Contents(kubeflow.versions)
    pipeline_id = fake.add_pipeline("p", versions=("a", "b"))
    versions = await kubeflow.versions.list_all(pipeline_id)
    for version in versions:
        await contents.of(version)
    contents.forget(versions[0].pipeline_version_id)
    assert contents.kept(versions[0].pipeline_version_id) is None
    contents.forget_pipeline(pipeline_id)
    assert contents.kept(versions[1].pipeline_version_id) is None
