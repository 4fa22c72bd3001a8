"""What tasks may see, what the engine refuses, and how it ends what goes wrong."""

# Components are written as their authors would: they print, open files, and have types that mypy does not follow.
# mypy: ignore-errors
# ruff: noqa: T201, SIM115

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Compile = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")


async def test_tasks_see_nothing_of_the_services_environment(
    start: Any, settings: Any, kfp: Any, compiled: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def look() -> dict:
        import os
        import stat
        import sys

        mode = stat.S_IMODE(os.stat(os.environ["TMPDIR"]).st_mode)
        open("made", "w").close()
        return {
            "variables": dict(os.environ),
            "input": sys.stdin.read(),
            "prefix": sys.prefix,
            "cwd": os.getcwd(),
            "mode": mode,
            "made": stat.S_IMODE(os.stat("made").st_mode),
        }

    def pipeline() -> dict:
        task = look()
        task.set_env_variable("OWN", "mine")
        return task.output

    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@host/db")
    installer = {**settings.installer_environment, "UV_SECRET_TOKEN": "hush"}
    engine = await start(task_environment={"PASSED": "on"}, installer_environment=installer)
    run_id, end = await engine.run(compiled(pipeline))
    seen = end["outputs"]["parameters"]["Output"]
    task = str(engine.directory(run_id) / "tasks" / engine.rows.tasks(run_id)["look"]["task_id"])
    extra = {"SHLVL", "PWD", "OLDPWD", "_", "_KFP_RUNTIME", "LC_CTYPE"}
    assert set(seen["variables"]) - extra == {
        *("PATH", "HOME", "TMPDIR", "LANG", "VIRTUAL_ENV", "PYTHONUNBUFFERED", "OWN", "PASSED"),
        *("KFADAPTER_RUN_ID", "KFADAPTER_TASK_ID"),
    }
    assert seen["variables"]["HOME"].startswith(task)
    assert seen["variables"]["TMPDIR"].startswith(task)
    assert seen["cwd"].startswith(task)
    assert os.path.realpath(seen["prefix"]) == os.path.realpath(seen["variables"]["VIRTUAL_ENV"])
    assert (seen["variables"]["OWN"], seen["variables"]["PASSED"], seen["input"]) == ("mine", "on", "")
    assert (seen["mode"], seen["made"]) == (0o700, 0o600)
    held = b"".join(path.read_bytes() for path in engine.directory(run_id).rglob("*") if path.is_file())
    assert b"hush" not in held


async def test_a_task_that_leaves_out_an_output_fails(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def forget(number: dsl.OutputPath(int)):
        print("forgot")

    def pipeline():
        forget()

    run_id, end = await engine.run(compiled(pipeline))
    assert end["state"] == "FAILED"
    assert "ended without its output parameter 'number' (NUMBER_INTEGER)" in end["error"]["message"]
    assert engine.rows.tasks(run_id)["forget"]["exit_code"] == 0


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("{oh no", "executor_output.json is not JSON"),
        ("[1]", "is not an executor's output"),
        ('{"parameterValues": {"number": [1]}}', "output parameter 'number' must be NUMBER_INTEGER, but is [1]"),
        ('{"parameterValues": {"number": "x"}}', "output parameter 'number' must be NUMBER_INTEGER, but is 'x'"),
        ('{"parameterValues": {"number": 1}, "artifacts": {"table": 5}}', "not described as an artifact"),
    ],
)
async def test_an_answer_that_cannot_be_read_fails_the_task(
    engine: Any, kfp: Any, compiled: Compile, written: str, reason: str
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def garble(written: str, number: dsl.OutputPath(int), table: dsl.Output[dsl.Dataset]):
        import os

        place = os.path.join(os.path.dirname(os.path.dirname(number)), "executor_output.json")
        open(place, "w").write(written)
        os._exit(0)

    def pipeline(written: str):
        garble(written=written)

    _, end = await engine.run(compiled(pipeline), parameters={"written": written})
    assert end["state"] == "FAILED"
    assert reason in end["error"]["message"]


async def test_a_flood_of_output_is_cut_in_the_middle(start: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def flood():
        import os

        os.write(1, b"first line\n")
        for _ in range(640):
            os.write(1, b"x" * 65535 + b"\n")
        os.write(1, b"last line\n")

    def pipeline():
        flood()

    engine = await start(log_limit_bytes=100_000)
    run_id, end = await engine.run(compiled(pipeline))
    log, row = engine.log(run_id, "flood"), engine.rows.tasks(run_id)["flood"]
    assert end["state"] == "SUCCEEDED", end["error"]
    assert row["log"]["truncated"]
    assert row["log"]["bytes"] == len(log.encode()) < 101_000
    assert "first line" in log
    assert "last line" in log
    assert "bytes of the log are left out here" in log


async def test_a_tasks_own_deadline_ends_it(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def sleep():
        import time

        time.sleep(600)

    def pipeline():
        sleep()

    platform = {"deploymentSpec": {"executors": {"exec-sleep": {"activeDeadlineSeconds": "1"}}}}
    run_id, end = await engine.run(compiled(pipeline), platform_spec={"platforms": {"kubernetes": platform}})
    row = engine.rows.tasks(run_id)["sleep"]
    assert (row["state"], row["reason"], row["error"]["code"]) == ("FAILED", "timeout", 4)
    assert "limit of 1 seconds" in end["error"]["message"]


@pytest.mark.parametrize(
    ("setting", "of_pipeline", "limit"), [(0.7, {}, "0.7"), (60, {"activeDeadlineSeconds": 1}, "1")]
)
async def test_a_run_is_ended_after_the_shorter_of_its_limits(
    start: Any, kfp: Any, compiled: Compile, setting: float, of_pipeline: dict[str, int], limit: str
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def sleep():
        import time

        time.sleep(600)

    def pipeline():
        sleep()

    engine = await start(run_timeout_seconds=setting)
    platform = {"platforms": {"kubernetes": {"pipelineConfig": of_pipeline}}}
    run_id, end = await engine.run(compiled(pipeline), platform_spec=platform)
    assert (end["state"], end["error"]["code"]) == ("FAILED", 4)
    assert f"its limit of {limit} seconds" in end["error"]["message"]
    assert engine.rows.states(run_id) == {"sleep": "CANCELED"}


async def test_what_cannot_be_run_is_refused_before_anything_runs(
    engine: Any, conformance: Callable[[str], dict[str, Any]]
) -> None:
    run_id, end = await engine.run(conformance("imports"))
    assert (end["state"], end["error"]["code"]) == ("FAILED", 12)
    assert "task count-lines" in end["error"]["message"]
    assert "busybox:1.36" in end["error"]["message"]
    assert engine.rows.states(run_id) == {}


async def test_a_package_that_does_not_exist_fails_the_task_with_the_installers_words(
    start: Any, settings: Any, kfp: Any, compiled: Compile
) -> None:
    dsl = kfp.dsl

    @dsl.component(packages_to_install=["no-such-package-here-at-all==1.0"])
    def need():
        print("never")

    def pipeline():
        need()

    offline = {**settings.installer_environment, "UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    engine = await start(installer_environment=offline)
    run_id, end = await engine.run(compiled(pipeline))
    assert end["state"] == "FAILED"
    assert "cannot install no-such-package-here-at-all==1.0" in end["error"]["message"]
    assert "no-such-package-here-at-all" in engine.log(run_id, "need")
    assert [event.type for event in engine.rows.events[run_id] if event.type.startswith("env.")] == [
        "env.preparing",
        "env.failed",
    ]


async def test_a_command_that_installs_by_itself_gets_a_pip_of_its_own(
    engine: Any, kfp: Any, compiled: Compile, environments: Path
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def say() -> str:
        return "installed"

    def pipeline() -> str:
        return say().output

    spec = compiled(pipeline)
    await engine.run(spec)
    container = spec["deploymentSpec"]["executors"]["exec-say"]["container"]
    site = next(environments.glob("*/lib/python3*/site-packages/kfp")).parent
    container["command"][2] = f'python3 -m pip --version && export PYTHONPATH={site} && echo odd && "$0" "$@"'
    run_id, end = await engine.run(spec)
    assert end["outputs"]["parameters"] == {"Output": "installed"}
    assert engine.log(run_id, "say").startswith("Preparing")


async def test_numbers_that_json_does_not_have_do_no_harm(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def measure(metrics: dsl.Output[dsl.Metrics]) -> float:
        metrics.log_metric("loss", float("nan"))
        metrics.log_metric("steps", 10.0)
        return float("inf")

    @dsl.component
    def check(loss: float) -> bool:
        return loss == float("inf")

    def pipeline() -> bool:
        return check(loss=measure().outputs["Output"]).output

    run_id, end = await engine.run(compiled(pipeline))
    assert end["outputs"]["parameters"] == {"Output": True}
    metrics = engine.rows.tasks(run_id)["measure"]["outputs"]["artifacts"]["metrics"][0]
    assert metrics["metadata"] == {"loss": "NaN", "steps": 10}


@pytest.mark.parametrize("version", ["2.2.0", "2.7.0"])
async def test_pipelines_of_older_sdks_run_with_their_own_executor(
    engine: Any, conformance: Callable[[str], dict[str, Any]], version: str
) -> None:
    spec = conformance("artifacts")
    for executor in spec["deploymentSpec"]["executors"].values():
        command = executor["container"]["command"]
        command[2] = command[2].replace("kfp==2.17.0", f"kfp=={version}")
    run_id, end = await engine.run(spec)
    assert end["state"] == "SUCCEEDED", end["error"]
    assert engine.rows.tasks(run_id)["summarise"]["outputs"]["parameters"] == {"low": 27.5, "high": 29.5}
