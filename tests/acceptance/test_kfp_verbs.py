"""Every verb of the kfp SDK's two clients and of its command line, driven against the engine.

What a class or a program offers is asked of it, so that a new release's new verb is missed here until it is driven.
"""

import asyncio
import importlib.util
import inspect
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from kfadapter.settings import installer_environment

# The SDK and the client generated for it warn of their own ways of using other libraries.
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:kfp"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PIPELINES = Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines"
HELLO, HOLD = (str(PIPELINES / f"{name}.yaml") for name in ("hello", "hold"))
PATIENCE_SECONDS = 120

PROGRAM = "from kfp.cli.__main__ import main; main()"
NOT_DRIVEN = {"set_user_namespace": "asks no server; it writes a file in the home directory"}
LOCAL_COMMANDS = {
    ("component", "build"): "builds a container image",
    ("diagnose-me",): "inspects this machine and a cluster",
    ("dsl", "compile"): "compiles a file; asks no server",
}


class Noted:
    """Passes calls on and notes which verbs were used."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.used: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.used.add(name)
        return getattr(self._client, name)


def verbs(client: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(client, callable) if not name.startswith("_")}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EngineServer]:
    server = EngineServer(EngineSettings(data_dir=tmp_path, installer_environment=installer_environment()))
    await server.start()
    yield server
    await server.stop(end_runs=True)


@pytest.fixture(scope="module")
def hello() -> Any:
    """The pipeline function that hello.yaml was compiled from."""
    found = importlib.util.spec_from_file_location("hello_pipeline", PIPELINES / "hello.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return next(value for name, value in vars(module).items() if type(value).__name__ == "GraphComponent")


async def test_every_verb_of_the_client(engine: EngineServer, hello: Any) -> None:
    def drive() -> set[str]:
        import kfp

        client = Noted(kfp.Client(host=engine.base_url))
        assert client.get_kfp_healthz().multi_user is False
        assert client.get_user_namespace() == ""
        _drive_pipelines(client, hello)
        _drive_experiments(client)
        _drive_runs(client, hello)
        _drive_recurring_runs(client)
        return verbs(kfp.Client) - client.used

    assert await asyncio.to_thread(drive) == set(NOT_DRIVEN)


def _drive_pipelines(client: Any, hello: Any) -> None:
    first = client.upload_pipeline(HELLO, pipeline_name="Grüße, 世界", description="says hello")
    second = client.upload_pipeline_from_pipeline_func(hello, pipeline_name="made", description="of a function")
    version = client.upload_pipeline_version(HELLO, "two", pipeline_name="Grüße, 世界", description="again")
    made = client.upload_pipeline_version_from_pipeline_func(hello, "three", pipeline_id=second.pipeline_id)
    assert client.get_pipeline(first.pipeline_id).description == "says hello"
    assert client.get_pipeline_id("made") == second.pipeline_id
    assert client.get_pipeline_version(first.pipeline_id, version.pipeline_version_id).description == "again"
    by_name = json.dumps({"predicates": [{"operation": 1, "key": "display_name", "string_value": "made"}]})
    assert [p.pipeline_id for p in client.list_pipelines(filter=by_name).pipelines] == [second.pipeline_id]
    listed = client.list_pipeline_versions(second.pipeline_id, sort_by="created_at desc").pipeline_versions
    assert listed[0].pipeline_version_id == made.pipeline_version_id
    for pipeline_id in (first.pipeline_id, second.pipeline_id):
        for each in client.list_pipeline_versions(pipeline_id).pipeline_versions:
            client.delete_pipeline_version(pipeline_id, each.pipeline_version_id)
        client.delete_pipeline(pipeline_id)
    assert client.list_pipelines().pipelines is None


def _drive_experiments(client: Any) -> None:
    made = client.create_experiment("trials", description="what if")
    assert client.get_experiment(experiment_name="trials").experiment_id == made.experiment_id
    assert {e.display_name for e in client.list_experiments(page_size=1, sort_by="name").experiments} == {"Default"}
    client.archive_experiment(made.experiment_id)
    client.unarchive_experiment(made.experiment_id)
    assert client.get_experiment(made.experiment_id).storage_state == "AVAILABLE"
    client.delete_experiment(made.experiment_id)


def _drive_runs(client: Any, hello: Any) -> None:
    experiment = client.create_experiment("runs")
    of_function = client.create_run_from_pipeline_func(hello, arguments={"word": "f"}, experiment_name="runs")
    of_package = client.create_run_from_pipeline_package(HELLO, enable_caching=False, run_name="package")
    long = client.run_pipeline(experiment.experiment_id, "long", pipeline_package_path=HOLD, params={"seconds": 60})
    client.terminate_run(long.run_id)
    for run_id, state in ((of_function.run_id, "SUCCEEDED"), (of_package.run_id, "SUCCEEDED"), (long.run_id, "FAILED")):
        assert client.wait_for_run_completion(run_id, PATIENCE_SECONDS, sleep_duration=1).state == state
    client.archive_run(long.run_id)
    assert client.get_run(long.run_id).storage_state == "ARCHIVED"
    client.unarchive_run(long.run_id)
    listed = client.list_runs(experiment_id=experiment.experiment_id, sort_by="name desc").runs
    assert {run.run_id for run in listed} == {of_function.run_id, long.run_id}
    for run_id in (of_function.run_id, of_package.run_id, long.run_id):
        client.delete_run(run_id)
    assert client.list_runs().runs is None


def _drive_recurring_runs(client: Any) -> None:
    experiment_id = client.get_experiment(experiment_name="runs").experiment_id
    each_second = client.create_recurring_run(
        experiment_id, "seconds", interval_second=1, pipeline_package_path=HELLO, params={"word": "w"}, no_catchup=True
    )
    nightly = client.create_recurring_run(
        experiment_id, "nightly", cron_expression="0 0 3 * * *", pipeline_package_path=HELLO, enabled=False
    )
    assert client.get_recurring_run(nightly.recurring_run_id).status == "DISABLED"
    client.enable_recurring_run(nightly.recurring_run_id)
    client.disable_job(nightly.recurring_run_id)
    client.enable_job(nightly.recurring_run_id)
    assert client.get_recurring_run(nightly.recurring_run_id).mode == "ENABLE"
    run = _first_run_of(client, each_second.recurring_run_id)
    client.disable_recurring_run(each_second.recurring_run_id)
    assert client.wait_for_run_completion(run.run_id, PATIENCE_SECONDS, sleep_duration=1).state == "SUCCEEDED"
    listed = client.list_recurring_runs(experiment_id=experiment_id).recurring_runs
    assert {each.display_name for each in listed} == {"seconds", "nightly"}
    client.delete_recurring_run(each_second.recurring_run_id)
    client.delete_job(nightly.recurring_run_id)
    assert client.list_recurring_runs().recurring_runs is None


def _first_run_of(client: Any, recurring_run_id: str) -> Any:
    """Asks until there is one; the pytest timeout ends a vain wait."""
    wanted = {"operation": 1, "key": "recurring_run_id", "string_value": recurring_run_id}
    while not (runs := client.list_runs(filter=json.dumps({"predicates": [wanted]})).runs):
        pass
    return runs[0]


async def test_every_verb_of_the_name_first_client(engine: EngineServer, hello: Any, tmp_path: Path) -> None:
    def drive() -> set[str]:
        from kfp.kubeflow_client import KubernetesBackendConfig, PipelinesClient

        client = Noted(PipelinesClient(KubernetesBackendConfig(base_url=engine.base_url)))
        uploaded = client.upload_pipeline(HELLO, name="greeting", version="v1", description="says hello")
        assert client.upload_pipeline(hello, name="greeting", version="v2").display_name == "v2"
        assert client.get_pipeline("greeting").description == "says hello"
        assert client.get_pipeline_version("greeting", "v2").pipeline_id == uploaded.pipeline_id
        assert len(client.list_pipelines().pipelines) == 1
        versions = client.list_pipeline_versions("greeting").pipeline_versions
        assert {each.display_name for each in versions} == {"v1", "v2"}
        assert client.create_experiment("trials", description="x").display_name == "trials"
        assert client.get_experiment("trials").description == "x"
        run = client.run("greeting", params={"word": "w"}, name="one", experiment="trials", version="v1")
        ended = client.wait_for_run_status(run.run_id, timeout=PATIENCE_SECONDS, polling_interval=1)
        assert ended.state == client.get_run(run.run_id).state == "SUCCEEDED"
        inline = client.run(HELLO)
        client.wait_for_run_status(inline, timeout=PATIENCE_SECONDS, polling_interval=1)
        found = client.list_runs(pipeline="greeting", experiment="trials", status="succeeded").runs
        assert [each.run_id for each in found] == [run.run_id]
        client.delete_pipeline("greeting", version="v1")
        client.upload_pipeline(HELLO, name="greeting", version="v3")
        client.delete_pipeline("greeting", force=True)
        client.delete_experiment("trials")
        assert {each.display_name for each in client.list_experiments().experiments} == {"Default"}
        assert client.kfp_client.list_pipelines().pipelines is None
        return verbs(PipelinesClient) - client.used

    assert await asyncio.to_thread(drive) == set()


class CommandLine:
    """The kfp program against one server."""

    def __init__(self, base_url: str, home: Path) -> None:
        self._base_url = base_url
        self._home = home
        self.used: set[tuple[str, ...]] = set()

    def __call__(self, *words: str, confirm: bool = False) -> Any:
        """Run a command; what it prints, as JSON where it is."""
        self.used.add(words[:2])
        command = [sys.executable, "-W", "ignore", "-c", PROGRAM, "--endpoint", self._base_url, "--output", "json"]
        done = subprocess.run(
            [*command, *words],
            input="y\n" if confirm else "",
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            env={**installer_environment(), "HOME": str(self._home)},
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        begins = min((done.stdout.find(mark) for mark in "[{" if mark in done.stdout), default=-1)
        if confirm or begins < 0:
            return done.stdout
        return json.JSONDecoder().raw_decode(done.stdout[begins:])[0]


def commands(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command below a click group; aliases of groups are left out."""
    seen: list[Any] = []
    for name, command in group.commands.items():
        if any(command is each for each in seen):
            continue
        seen.append(command)
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


async def test_every_command_of_the_program(engine: EngineServer, tmp_path: Path) -> None:
    def drive() -> set[tuple[str, ...]]:
        from kfp.cli.cli import cli

        kfp = CommandLine(engine.base_url, tmp_path)
        pipeline_id, version_id = _command_pipelines(kfp)
        experiment_id = _command_experiments(kfp)
        _command_runs(kfp, pipeline_id, version_id, experiment_id)
        _command_recurring_runs(kfp, experiment_id)
        kfp("pipeline", "delete-version", pipeline_id, version_id, confirm=True)
        other = kfp("pipeline", "list-versions", pipeline_id)[0]["pipeline_version_id"]
        kfp("pipeline", "delete-version", pipeline_id, other, confirm=True)
        kfp("pipeline", "delete", pipeline_id, confirm=True)
        kfp("experiment", "delete", experiment_id, confirm=True)
        return set(commands(cli)) - kfp.used

    assert await asyncio.to_thread(drive) == set(LOCAL_COMMANDS)


Say = Callable[..., Any]


def _command_pipelines(kfp: Say) -> tuple[str, str]:
    made = kfp("pipeline", "create", "--pipeline-name", "greeting", "--description", "says hello", HELLO)
    pipeline_id = str(made.get("pipeline_id") or made["Pipeline"]["pipeline_id"])
    kfp("pipeline", "create-version", "--pipeline-version", "two", "--pipeline-id", pipeline_id, HELLO)
    assert kfp("pipeline", "get", pipeline_id)["display_name"] == "greeting"
    assert [each["display_name"] for each in kfp("pipeline", "list", "--max-size", "5")] == ["greeting"]
    versions = kfp("pipeline", "list-versions", pipeline_id)
    version_id = next(each["pipeline_version_id"] for each in versions if each["display_name"] == "two")
    assert kfp("pipeline", "get-version", pipeline_id, version_id)["display_name"] == "two"
    return pipeline_id, version_id


def _command_experiments(kfp: Say) -> str:
    experiment_id = str(kfp("experiment", "create", "--description", "what if", "trials")["experiment_id"])
    assert kfp("experiment", "get", experiment_id)["display_name"] == "trials"
    assert {each["display_name"] for each in kfp("experiment", "list")} == {"Default", "trials"}
    kfp("experiment", "archive", "--experiment-name", "trials")
    kfp("experiment", "unarchive", "--experiment-id", experiment_id)
    return experiment_id


def _command_runs(kfp: Say, pipeline_id: str, version_id: str, experiment_id: str) -> None:
    source = ("--pipeline-id", pipeline_id, "--version", version_id)
    ended = kfp("run", "create", "-e", "trials", "-r", "one", *source, "-t", str(PATIENCE_SECONDS), "word=w")
    run_id = ended["run_id"]
    assert ended["state"] == kfp("run", "get", run_id)["state"] == "SUCCEEDED"
    kfp("run", "archive", run_id)
    kfp("run", "unarchive", run_id)
    assert [each["run_id"] for each in kfp("run", "list", "--experiment-id", experiment_id)] == [run_id]
    kfp("run", "delete", run_id, confirm=True)


def _command_recurring_runs(kfp: Say, experiment_id: str) -> None:
    made = kfp(
        "recurring-run",
        "create",
        *("--cron-expression", "0 0 3 * * *", "--experiment-id", experiment_id, "--job-name", "nightly"),
        *("--pipeline-package-path", HELLO, "--start-time", "2099-01-01T00:00:00Z", "--no-catchup", "word=w"),
    )
    recurring_run_id = made["recurring_run_id"]
    kfp("recurring-run", "disable", recurring_run_id)
    kfp("recurring-run", "enable", recurring_run_id)
    assert kfp("recurring-run", "get", recurring_run_id)["status"] == "ENABLED"
    listed = kfp("recurring-run", "list", "--experiment-id", experiment_id)
    assert [each["recurring_run_id"] for each in listed] == [recurring_run_id]
    kfp("recurring-run", "delete", recurring_run_id, confirm=True)
