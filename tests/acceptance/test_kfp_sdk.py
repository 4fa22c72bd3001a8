"""The kfp SDK's Client works against the engine as against a cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from kfadapter.settings import installer_environment

# The SDK and the client generated for it warn of their own ways of using other libraries.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:kfp"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:kfp_server_api"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:google"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:urllib3"),
    pytest.mark.filterwarnings("ignore::FutureWarning:kfp"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PIPELINES = Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines"
HELLO, HOLD, FAILING = (str(PIPELINES / f"{name}.yaml") for name in ("hello", "hold", "failing"))
PATIENCE_SECONDS = 120
T = TypeVar("T")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EngineServer]:
    server = EngineServer(EngineSettings(data_dir=tmp_path, installer_environment=installer_environment()))
    await server.start()
    yield server
    await server.stop(end_runs=True)


async def with_client(engine: EngineServer, use: Callable[[Any], T]) -> T:
    """Run blocking SDK calls beside the server."""

    def run() -> T:
        import kfp

        return use(kfp.Client(host=engine.base_url))

    return await asyncio.to_thread(run)


async def test_pipelines_are_uploaded_found_listed_and_deleted(engine: EngineServer) -> None:
    def use(client: Any) -> None:
        uploaded = client.upload_pipeline(HELLO, pipeline_name="greeting", description="says hello")
        version = client.upload_pipeline_version(HELLO, "two", pipeline_id=uploaded.pipeline_id)
        assert client.get_pipeline_id("greeting") == uploaded.pipeline_id
        assert client.get_pipeline(uploaded.pipeline_id).description == "says hello"
        assert [p.display_name for p in client.list_pipelines(page_size=10).pipelines] == ["greeting"]
        versions = client.list_pipeline_versions(uploaded.pipeline_id, sort_by="created_at desc").pipeline_versions
        assert [v.display_name for v in versions] == ["two", "greeting"]
        spec = client.get_pipeline_version(uploaded.pipeline_id, version.pipeline_version_id).pipeline_spec
        assert spec["pipelineInfo"]["name"] == "hello"
        for each in versions:
            client.delete_pipeline_version(uploaded.pipeline_id, each.pipeline_version_id)
        client.delete_pipeline(uploaded.pipeline_id)
        assert client.list_pipelines().pipelines is None

    await with_client(engine, use)


async def test_a_run_succeeds_and_is_waited_for(engine: EngineServer) -> None:
    def use(client: Any) -> None:
        run = client.create_run_from_pipeline_package(HELLO, arguments={"word": "you"}, run_name="one")
        ended = client.wait_for_run_completion(run.run_id, PATIENCE_SECONDS, sleep_duration=1)
        assert ended.state == "SUCCEEDED"
        assert ended.finished_at >= ended.created_at
        assert {task.state for task in ended.run_details.task_details} == {"SUCCEEDED"}
        assert [r.run_id for r in client.list_runs(sort_by="created_at desc").runs] == [run.run_id]

    await with_client(engine, use)


async def test_a_run_of_a_version_fails_with_the_reason_in_its_task(engine: EngineServer) -> None:
    def use(client: Any) -> None:
        uploaded = client.upload_pipeline(FAILING, pipeline_name="stumbles")
        experiment = client.create_experiment("trials")
        version = client.list_pipeline_versions(uploaded.pipeline_id).pipeline_versions[0]
        run = client.run_pipeline(
            experiment.experiment_id,
            "doomed",
            pipeline_id=uploaded.pipeline_id,
            version_id=version.pipeline_version_id,
        )
        ended = client.wait_for_run_completion(run.run_id, PATIENCE_SECONDS, sleep_duration=1)
        assert ended.state == "FAILED"
        reasons = [task.error.message for task in ended.run_details.task_details if task.error]
        assert any(reasons)

    await with_client(engine, use)


async def test_a_run_is_terminated_archived_restored_and_deleted(engine: EngineServer) -> None:
    def use(client: Any) -> None:
        run = client.create_run_from_pipeline_package(HOLD, arguments={"seconds": 120}, run_name="long")
        client.terminate_run(run.run_id)
        ended = client.wait_for_run_completion(run.run_id, PATIENCE_SECONDS, sleep_duration=1)
        assert ended.state == "FAILED"
        client.archive_run(run.run_id)
        assert client.get_run(run.run_id).storage_state == "ARCHIVED"
        client.unarchive_run(run.run_id)
        assert client.get_run(run.run_id).storage_state == "AVAILABLE"
        client.delete_run(run.run_id)
        assert client.list_runs().runs is None

    await with_client(engine, use)


async def test_experiments_are_created_found_archived_and_deleted(engine: EngineServer) -> None:
    def use(client: Any) -> None:
        name = f"trials {uuid4()}"
        made = client.create_experiment(name, description="what if")
        assert client.create_experiment(name).experiment_id == made.experiment_id
        assert client.get_experiment(experiment_name=name).description == "what if"
        names = [e.display_name for e in client.list_experiments(sort_by="created_at").experiments]
        assert names == ["Default", name]
        client.archive_experiment(made.experiment_id)
        assert client.get_experiment(made.experiment_id).storage_state == "ARCHIVED"
        client.unarchive_experiment(made.experiment_id)
        client.delete_experiment(made.experiment_id)
        with pytest.raises(ValueError, match="No experiment is found"):
            client.get_experiment(experiment_name=name)

    await with_client(engine, use)


async def test_recurring_runs_are_created_listed_switched_and_deleted(engine: EngineServer) -> None:
    def use(client: Any) -> None:
        experiment = client.create_experiment("nightly")
        made = client.create_recurring_run(
            experiment.experiment_id,
            "every night",
            cron_expression="0 0 3 * * *",
            start_time="2099-01-01T00:00:00Z",
            pipeline_package_path=HELLO,
            params={"word": "you"},
        )
        client.disable_recurring_run(made.recurring_run_id)
        assert client.get_recurring_run(made.recurring_run_id).status == "DISABLED"
        client.enable_recurring_run(made.recurring_run_id)
        listed = client.list_recurring_runs(experiment_id=experiment.experiment_id).recurring_runs
        assert [(r.display_name, r.status) for r in listed] == [("every night", "ENABLED")]
        client.delete_recurring_run(made.recurring_run_id)
        assert client.list_recurring_runs().recurring_runs is None

    await with_client(engine, use)
