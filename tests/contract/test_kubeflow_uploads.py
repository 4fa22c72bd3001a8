"""Uploads: what Kubeflow is sent, and its reasons when it refuses."""

from pathlib import Path

import pytest

from kfadapter.errors import KubeflowConflict, KubeflowError, KubeflowInvalid, KubeflowTimeout
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow

PACKAGES = Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines"
HELLO = (PACKAGES / "hello.yaml").read_bytes()
NO_PIPELINE = b"name: not-a-pipeline\nsteps: []\n"


async def test_a_new_pipeline_and_a_further_version(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    pipeline = await kubeflow.pipelines.upload("qoe + 1%", "pipeline.yaml", HELLO, description="Größe & more")
    assert (pipeline.display_name, pipeline.description) == ("qoe + 1%", "Größe & more")
    version = await kubeflow.versions.upload(pipeline.pipeline_id, "2", "pipeline.yaml", HELLO, "second")
    assert (version.display_name, version.description, version.pipeline_id) == ("2", "second", pipeline.pipeline_id)
    names = {version.display_name for version in await kubeflow.versions.list_all(pipeline.pipeline_id)}
    assert names == {"qoe + 1%", "2"}
    assert await kubeflow.versions.spec(pipeline.pipeline_id, version.pipeline_version_id) == version.pipeline_spec


async def test_two_documents_stay_two(kubeflow: Kubeflow) -> None:
    content = (PACKAGES / "two_documents.yaml").read_bytes()
    pipeline = await kubeflow.pipelines.upload("two", "pipeline.yaml", content)
    version = await kubeflow.versions.latest(pipeline.pipeline_id)
    assert version.pipeline_spec is not None
    assert set(version.pipeline_spec) == {"pipeline_spec", "platform_spec"}


async def test_the_file_arrives_byte_for_byte(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    content = HELLO + "# \r\n# --boundary\r\n# größe\n\n\n".encode()
    await kubeflow.pipelines.upload("bytes", "pipeline.yaml", content)
    assert content in fake.requests[-1].body
    assert b'name="uploadfile"; filename="pipeline.yaml"' in fake.requests[-1].body


async def test_a_large_file_arrives(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    content = HELLO + b"# padding\n" * 400_000
    await kubeflow.pipelines.upload("large", "pipeline.yaml", content)
    assert len(fake.requests[-1].body) > len(content)


async def test_a_taken_name_is_named(kubeflow: Kubeflow) -> None:
    pipeline = await kubeflow.pipelines.upload("qoe", "pipeline.yaml", HELLO)
    with pytest.raises(KubeflowConflict, match="qoe"):
        await kubeflow.pipelines.upload("qoe", "pipeline.yaml", HELLO)
    await kubeflow.versions.upload(pipeline.pipeline_id, "2", "pipeline.yaml", HELLO)
    with pytest.raises(KubeflowConflict, match="named 2"):
        await kubeflow.versions.upload(pipeline.pipeline_id, "2", "pipeline.yaml", HELLO)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (NO_PIPELINE, "unknown template format"),
        (HELLO.replace(b"schemaVersion: 2.1.0", b"schemaVersion: 9.9.9"), "9.9.9"),
        (HELLO.replace(b"name: hello", b"name: Hello World"), "lowercase alphanumeric"),
    ],
)
async def test_a_refused_package_has_a_reason_without_a_stack(kubeflow: Kubeflow, content: bytes, reason: str) -> None:
    with pytest.raises(KubeflowInvalid) as caught:
        await kubeflow.pipelines.upload("bad", "pipeline.yaml", content)
    assert reason in caught.value.reason
    assert "github.com" not in caught.value.reason
    assert "InputError" not in caught.value.reason


async def test_a_file_without_extension_is_refused(kubeflow: Kubeflow) -> None:
    with pytest.raises(KubeflowInvalid):
        await kubeflow.pipelines.upload("bad", "file", HELLO)


async def test_an_old_server_never_answers_a_syntax_error() -> None:
    with FakeKubeflow(wire="2.3.0") as fake:
        async with Kubeflow(fake.base_url, timeout_seconds=0.5) as kubeflow:
            with pytest.raises(KubeflowTimeout):
                await kubeflow.pipelines.upload("bad", "pipeline.yaml", b"a: [\n")


async def test_an_empty_file_is_an_error_inside_kubeflow(kubeflow: Kubeflow) -> None:
    with pytest.raises(KubeflowError) as caught:
        await kubeflow.pipelines.upload("bad", "pipeline.yaml", b"")
    assert caught.value.status == 500


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.cut(), Fault.status(503), Fault.html()])
async def test_an_upload_is_sent_once(kubeflow: Kubeflow, fake: FakeKubeflow, fault: Fault) -> None:
    fake.fail(fault, method="POST", times=None, after=True)
    with pytest.raises(KubeflowError):
        await kubeflow.pipelines.upload("qoe", "pipeline.yaml", HELLO)
    assert fake.count("POST") == 1
    assert len(fake.world.pipelines) == 1
