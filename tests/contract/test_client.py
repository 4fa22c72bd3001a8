"""`kfadapter.Client` and `AsyncClient` against a running adapter."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from kfp.client import Client as KFPClient

import kfadapter
from contract.test_v1_pipelines import PIPELINES
from kfadapter import AsyncClient, Client
from kfadapter.client import ClientError, Conflict, KubeflowAway, NoAnswer, NotAnAdapter, NotFound
from kfadapter.testing.faults import LOGIN_PAGE, Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.loopback import LoopbackServer
from support.adapter import RunningAdapter

HELLO = str(PIPELINES / "hello.yaml")
FLOW = str(PIPELINES / "control_flow.yaml")
OPERATIONS = (
    "create_run_from_pipeline_func",
    "create_run_from_pipeline_package",
    "upload_pipeline",
    "upload_pipeline_version",
    "get_pipeline_id",
    "get_pipeline",
    "list_pipelines",
    "get_pipeline_version",
    "list_pipeline_versions",
    "delete_pipeline",
    "delete_pipeline_version",
)


@pytest.fixture
def fake_kubeflow() -> Iterator[FakeKubeflow]:
    with FakeKubeflow(wire="2.3.0", prefix="/pipeline") as server:
        yield server


@pytest.fixture
def running(fake_kubeflow: FakeKubeflow, make_adapter: Callable[..., RunningAdapter]) -> RunningAdapter:
    return make_adapter(kubeflow_url=fake_kubeflow.url)


@pytest.fixture
def client(running: RunningAdapter) -> Iterator[Client]:
    with Client(running.url) as made:
        yield made


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_fields_operations_have_the_same_arguments(kind: Any, name: str) -> None:
    def arguments(method: Any) -> list[tuple[str, Any]]:
        return [(one.name, one.default) for one in inspect.signature(method).parameters.values()]

    assert arguments(getattr(kind, name)) == arguments(getattr(KFPClient, name))


def test_a_script_of_kfps_works(client: Client) -> None:
    assert client.get_pipeline_id("hello") is None
    assert client.list_pipelines().pipelines is None
    made = client.upload_pipeline(HELLO, "hello", "greets")
    assert (made.display_name, made.description) == ("hello", "greets")
    with pytest.raises(Conflict):
        client.upload_pipeline(HELLO, "hello")
    assert client.get_pipeline_id("hello") == made.pipeline_id
    assert client.get_pipeline(made.pipeline_id) == made
    version = client.upload_pipeline_version(FLOW, "two", pipeline_name="hello", description="flows")
    assert version.display_name == "two"
    read = client.get_pipeline_version(made.pipeline_id, version.pipeline_version_id)
    assert read.pipeline_spec is not None
    assert read.pipeline_spec["pipelineInfo"]["name"] == "control-flow"
    listed = client.list_pipeline_versions(made.pipeline_id, page_size=1, sort_by="created_at desc")
    assert listed.pipeline_versions is not None
    assert len(listed.pipeline_versions) == 1
    assert listed.next_page_token
    assert client.delete_pipeline_version(made.pipeline_id, version.pipeline_version_id) == {}
    assert client.delete_pipeline(made.pipeline_id) == {}
    with pytest.raises(NotFound):
        client.get_pipeline(made.pipeline_id)


def test_wrong_arguments_are_refused_as_kfp_does(client: Client) -> None:
    with pytest.raises(ValueError, match="Either pipeline_id or pipeline_name"):
        client.upload_pipeline_version(HELLO, "v")
    with pytest.raises(ValueError, match="both experiment_name and experiment_id"):
        client.create_run_from_pipeline_package(HELLO, experiment_name="a", experiment_id="b")


def test_a_package_runs_without_being_uploaded(client: Client, fake_kubeflow: FakeKubeflow) -> None:
    fake_kubeflow.auto_finish(0.0)
    result = client.create_run_from_pipeline_package(
        HELLO, {"word": "hi"}, experiment_name="new", enable_caching=False, pipeline_root="s3://here"
    )
    run = fake_kubeflow.run(result.run_id)
    assert run["runtime_config"]["parameters"] == {"word": "hi"}
    tasks = run["pipeline_spec"]["root"]["dag"]["tasks"]
    assert all(task["cachingOptions"] == {"enableCache": False} for task in tasks.values())
    assert result.run_info.experiment_id == client.experiments.by_name("new").experiment_id
    assert result.wait_for_run_completion(timeout=30).state == "SUCCEEDED"
    assert client.list_pipelines().pipelines is None


@dsl.component(base_image="python:3.11")  # type: ignore[untyped-decorator]
def double(number: int) -> int:
    return 2 * number


@dsl.pipeline(name="doubling")  # type: ignore[untyped-decorator]
def doubling(number: int = 2) -> None:
    double(number=number)


def test_a_function_is_compiled_and_run(client: Client, fake_kubeflow: FakeKubeflow) -> None:
    result = client.create_run_from_pipeline_func(doubling, {"number": "4"})
    run = fake_kubeflow.run(result.run_id)
    assert run["runtime_config"]["parameters"] == {"number": 4}
    assert run["display_name"].startswith("doubling ")


def test_a_canceled_run_has_ended_and_one_that_goes_on_times_out(client: Client, fake_kubeflow: FakeKubeflow) -> None:
    result = client.create_run_from_pipeline_package(HELLO, {"word": "x"})
    with pytest.raises(TimeoutError):
        client.wait_for_run_completion(result.run_id, timeout=0.02, sleep_duration=0.01)
    fake_kubeflow.finish(result.run_id, "CANCELED")
    assert client.wait_for_run_completion(result.run_id).state == "CANCELED"


def test_what_a_pipeline_says_is_typed(client: Client) -> None:
    made = client.pipelines.upload(FLOW, name="flow", version="one", if_changed=True)
    assert (made.created, client.pipelines.upload(FLOW, name="flow", if_changed=True).unchanged) == (True, True)
    shown = client.pipelines.by_name("flow")
    assert shown.matched_by == "display_name"
    assert shown.latest_version is not None
    assert [one.type for one in shown.parameters] == ["LIST", "NUMBER_INTEGER"]
    assert shown.latest_version.images[0].name == "python:3.11"
    pipeline_id = shown.pipeline_id
    assert client.versions.check_arguments(pipeline_id, {"seed": "3"}).passed == {"seed": 3}
    assert client.versions.schema(pipeline_id)["type"] == "object"
    assert client.versions.graph(pipeline_id)["nodes"]
    assert client.versions.download(pipeline_id).startswith(b"components:")
    assert client.pipelines.validate(FLOW).valid
    client.versions.upload(pipeline_id, HELLO, name="two")
    changed = client.pipelines.diff(pipeline_id, "one", "two")
    assert (changed.from_.name, changed.to.name, changed.verdict) == ("one", "two", "breaking")
    assert client.versions.preflight(pipeline_id).asked == "release"
    assert client.server().kubeflow.version == "2.3.0"


def test_iterators_read_every_page(client: Client, fake_kubeflow: FakeKubeflow) -> None:
    for number in range(5):
        fake_kubeflow.add_pipeline(f"p{number}")
    assert len(list(client.pipelines.iterate(page_size=2))) == 5
    assert [one.version_count for one in client.pipelines.iterate(page_size=3, view="FULL")] == [1] * 5
    assert [one.display_name for one in client.experiments.iterate()] == ["Default"]


def test_errors_carry_what_the_adapter_said(
    client: Client, running: RunningAdapter, fake_kubeflow: FakeKubeflow
) -> None:
    with pytest.raises(NotFound) as missing:
        client.pipelines.by_name("nobody")
    assert (missing.value.status, missing.value.type) == (404, "urn:kfadapter:problem:name-not-found")
    fake_kubeflow.fail(Fault.status(503), times=None)
    with pytest.raises(KubeflowAway):
        client.pipelines.list()
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(NoAnswer):
        nobody.server()


def test_an_answer_that_comes_in_crumbs_is_given_up_in_time() -> None:
    async def ask(url: str) -> None:
        async with AsyncClient(url, timeout_seconds=0.3) as client:
            await client.server()

    with FakeKubeflow() as crumbs:
        crumbs.fail(Fault.trickle(), times=None)
        with Client(crumbs.url, timeout_seconds=0.3) as client, pytest.raises(NoAnswer, match=r"within 0\.3 s"):
            client.server()
        with pytest.raises(NoAnswer, match=r"within 0\.3 s"):
            asyncio.run(asyncio.wait_for(ask(crumbs.url), 10))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_is_no_address_is_an_error_of_the_client(kind: Any) -> None:
    with pytest.raises(
        ClientError, match=r"^host must be an address such as http://127\.0\.0\.1:5001, not adapter:5001$"
    ):
        kind("adapter:5001")


def test_something_else_that_answers_is_told_apart() -> None:
    async def login(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": LOGIN_PAGE})

    with (
        LoopbackServer(login) as server,
        Client(f"http://{server.host}:{server.port}") as client,
        pytest.raises(NotAnAdapter),
    ):
        client.pipelines.list()


async def test_the_client_for_asyncio_does_the_same(running: RunningAdapter, fake_kubeflow: FakeKubeflow) -> None:
    fake_kubeflow.auto_finish(0.0)
    async with AsyncClient(running.url) as client:
        made = await client.upload_pipeline(HELLO, "hello")
        version = await client.upload_pipeline_version(FLOW, "two", pipeline_id=made.pipeline_id)
        assert await client.get_pipeline_id("hello") == made.pipeline_id
        assert (await client.get_pipeline(made.pipeline_id)).name == "hello"
        read = await client.get_pipeline_version(made.pipeline_id, version.pipeline_version_id)
        assert read.pipeline_spec
        names = [one.display_name async for one in client.versions.iterate(made.pipeline_id, page_size=1)]
        assert sorted(names) == ["hello", "two"]
        several = await asyncio.gather(*(client.pipelines.get(made.pipeline_id) for _ in range(5)))
        assert {one.version_count for one in several} == {2}
        result = await client.create_run_from_pipeline_func(doubling, {"number": 1})
        assert (await result.wait_for_run_completion(30)).state == "SUCCEEDED"
        assert await client.delete_pipeline(made.pipeline_id) == {}
        with pytest.raises(NotFound):
            await client.pipelines.get(made.pipeline_id)


def test_the_public_names_are_the_documented_ones() -> None:
    page = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
    assert kfadapter.__all__ == ["AsyncClient", "Client", "__version__"]
    for name in kfadapter.client.__all__:
        assert f"`{name}`" in page, name
    for name in OPERATIONS:
        assert f"`{name}`" in page, name


def test_importing_the_package_loads_no_client() -> None:
    code = "import sys, kfadapter; print(sorted({'httpx', 'pydantic', 'kfadapter.client'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[]"
