"""Logs and artifacts, which the UI's server in front of the API has."""

import time

import pytest

from kfadapter.errors import (
    KubeflowError,
    KubeflowInterrupted,
    KubeflowInvalid,
    KubeflowMalformed,
    KubeflowNotFound,
    KubeflowTimeout,
)
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.parts import Part
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow


@pytest.fixture
def door() -> object:
    with FakeKubeflow(prefix="/pipeline") as fake:
        yield fake


async def test_a_log_comes_in_blocks(door: FakeKubeflow) -> None:
    text = b"epoch 1\n" * 50_000
    door.add_log("pod-1", text)
    async with Kubeflow(door.base_url, namespace="team") as kubeflow:
        blocks = [block async for block in kubeflow.pods.log("pod-1", "run-1", created_on="2026-01-31")]
    assert b"".join(blocks) == text
    assert len(blocks) > 1
    asked = door.requests[-1].query
    assert (asked["podname"], asked["runid"], asked["podnamespace"]) == (["pod-1"], ["run-1"], ["team"])


async def test_a_server_that_knows_no_ranges_sends_the_whole_log(door: FakeKubeflow) -> None:
    door.add_log("pod-1", b"0123456789")
    part = Part("bytes=3-")
    async with Kubeflow(door.base_url) as kubeflow:
        blocks = [block async for block in kubeflow.pods.log("pod-1", "run-1", part=part)]
    assert (b"".join(blocks), part.content_range, part.is_beyond) == (b"0123456789", "", False)


async def test_a_pod_is_found_that_is_told_by_the_name_of_argos_node(door: FakeKubeflow) -> None:
    pod = "train-x7f2k-system-container-impl-1234567890"
    door.add_log(pod, b"epoch 1\n")
    door.add_pod(pod, {"status": {"phase": "Pending"}}, [{"reason": "FailedScheduling"}])
    async with Kubeflow(door.base_url) as kubeflow:
        node = "train-x7f2k-1234567890"
        assert [block async for block in kubeflow.pods.log(node, "run-1")] == [b"epoch 1\n"]
        assert (await kubeflow.pods.describe(node))["status"] == {"phase": "Pending"}
        assert await kubeflow.pods.events(node) == [{"reason": "FailedScheduling"}]
        with pytest.raises(KubeflowNotFound, match="pod not found"):
            await anext(aiter(kubeflow.pods.log("train-x7f2k-7777777777", "run-1")))
        assert await kubeflow.pods.events("train-x7f2k-7777777777") == []


async def test_an_artifact_comes_as_it_is(door: FakeKubeflow) -> None:
    content = bytes(range(256)) * 1000
    door.add_artifact("mlpipeline", "v2/artifacts/a b/model", content)
    async with Kubeflow(door.base_url) as kubeflow:
        got = [block async for block in kubeflow.artifacts.get("minio://mlpipeline/v2/artifacts/a b/model")]
    assert b"".join(got) == content


async def test_what_is_not_there(door: FakeKubeflow) -> None:
    async with Kubeflow(door.base_url) as kubeflow:
        with pytest.raises(KubeflowNotFound, match="pod not found"):
            await anext(aiter(kubeflow.pods.log("pod-1", "run-1")))
        with pytest.raises(KubeflowNotFound):
            await anext(aiter(kubeflow.artifacts.get("s3://bucket/key")))


@pytest.mark.parametrize("uri", ["", "model", "ftp://a/b", "minio://bucket", "minio:///key", "file:///etc/passwd"])
async def test_an_address_of_another_kind(door: FakeKubeflow, uri: str) -> None:
    async with Kubeflow(door.base_url) as kubeflow:
        with pytest.raises(KubeflowInvalid):
            kubeflow.artifacts.get(uri)


@pytest.mark.parametrize("wire", ["2.17", "2.3.0"])
async def test_the_bare_api_server_has_no_front_door(wire: str) -> None:
    with FakeKubeflow(wire=wire) as bare:
        async with Kubeflow(bare.base_url) as kubeflow:
            with pytest.raises(KubeflowNotFound):
                await anext(aiter(kubeflow.pods.log("pod-1", "run-1")))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.html(), KubeflowMalformed),
        (Fault.redirect("/login"), KubeflowMalformed),
        (Fault.hang(), KubeflowTimeout),
        (Fault.reset(), KubeflowInterrupted),
        (Fault.cut(), KubeflowInterrupted),
        (Fault.status(500, "Unable to retrieve logs"), KubeflowError),
    ],
)
async def test_a_log_that_fails_says_why(door: FakeKubeflow, fault: Fault, kind: type[KubeflowError]) -> None:
    door.add_log("pod-1", b"x" * 1000)
    door.fail(fault, path="/k8s/pod/logs", times=None)
    async with Kubeflow(door.base_url, timeout_seconds=0.5) as kubeflow:
        begun = time.monotonic()
        with pytest.raises(KubeflowError) as caught:
            async for _ in kubeflow.pods.log("pod-1", "run-1"):
                pass
        assert time.monotonic() - begun < 2
    assert type(caught.value) is kind


async def test_a_reader_that_leaves_ends_the_connection(door: FakeKubeflow) -> None:
    door.fail(Fault.flood(), path="/k8s/pod/logs")
    async with Kubeflow(door.base_url) as kubeflow:
        log = kubeflow.pods.log("pod-1", "run-1")
        assert await anext(aiter(log))
        await log.aclose()
        await kubeflow.ping()
