"""Commands of images: by Docker's or Podman's command line, on the machine itself, and what can go wrong.

There is no daemon: the program is one of ours that runs the command for real and notes how it was called.
"""

# Components are written as their authors would: they print, open files, and have types that mypy does not follow.
# mypy: ignore-errors

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.running.processes import start_ticks
from kfadapter.engine.running.run_directory import RunDirectory
from support.programs import Programs

Compile = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path / "programs")


@pytest.fixture
def docker(start: Any, programs: Programs) -> Callable[..., Any]:
    """Starts an engine that uses the program."""

    async def start_it(name: str = "docker", **more: Any) -> Any:
        return await start(containers=name, container_environment=programs.settings, **more)

    return start_it


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that announces itself to nobody."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


@pytest.fixture
def copying(kfp: Any, compiled: Compile) -> dict[str, Any]:
    """A container component that takes a parameter and an artifact, and gives both."""
    dsl = kfp.dsl

    @dsl.component
    def write(word: str, text: dsl.Output[dsl.Dataset]):
        with open(text.path, "w") as file:
            file.write(word)

    @dsl.container_component
    def copy(word: str, given: dsl.Input[dsl.Dataset], made: dsl.Output[dsl.Dataset], length: dsl.OutputPath(int)):
        program = 'cat "$1" > "$2"; printf "%s" "$0" >> "$2"; printf "%s" "${#0}" > "$3"; echo "copied by $HOME"'
        return dsl.ContainerSpec(
            image="registry.example/copy:1", command=["sh", "-c", program], args=[word, given.path, made.path, length]
        )

    @dsl.component
    def read(made: dsl.Input[dsl.Dataset], length: int) -> str:
        with open(made.path) as file:
            return f"{file.read()} {length}"

    def pipeline(word: str) -> str:
        copied = copy(word=word, given=write(word=word).outputs["text"])
        return read(made=copied.outputs["made"], length=copied.outputs["length"]).output

    return compiled(pipeline)


@pytest.fixture
def waiting(kfp: Any, compiled: Compile) -> dict[str, Any]:
    dsl = kfp.dsl

    @dsl.container_component
    def wait(seconds: int):
        return dsl.ContainerSpec(
            image="busybox", command=["sh", "-c", 'trap "" TERM; sleep "$0" & wait'], args=[seconds]
        )

    def pipeline():
        wait(seconds=600)

    return compiled(pipeline)


@pytest.mark.parametrize("name", ["docker", "podman"])
async def test_parameters_and_artifacts_go_through_a_container(
    docker: Any, programs: Programs, copying: dict[str, Any], name: str
) -> None:
    engine = await docker(name)
    run_id, end = await engine.run(copying, parameters={"word": "two words"})
    assert end["outputs"]["parameters"] == {"Output": "two wordstwo words 9"}, end
    task_id = engine.rows.tasks(run_id)["copy"]["task_id"]
    directory = engine.directory(run_id)
    assert f"copied by {directory}/tasks/{task_id}/work" in engine.log(run_id, "copy")
    (words,) = programs.calls("run")
    assert "--rm" in words
    assert programs.options("--name") == [f"kfadapter-{task_id}-0"]
    assert programs.options("--label") == [f"kfadapter.run-id={run_id}", f"kfadapter.task-id={task_id}"]
    assert programs.options("--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert programs.options("--mount") == [
        f"type=bind,source={directory}/{part},target={directory}/{part}" for part in ("tasks", "workspace")
    ]
    assert words[words.index("--entrypoint") + 1 :][:3] == ["sh", "registry.example/copy:1", "-c"]
    assert not programs.containers
    row = engine.rows.tasks(run_id)["copy"]
    assert (row["usage"], row["attempts"]) == (None, 1)


async def test_an_image_may_bring_its_own_command(docker: Any, programs: Programs, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def plain():
        return dsl.ContainerSpec(image="true")

    def pipeline():
        plain()

    engine = await docker()
    await engine.run(compiled(pipeline))
    (words,) = programs.calls("run")
    assert words[-1] == "true"
    assert "--entrypoint" not in words


async def test_a_containerised_python_component_runs_in_its_image(
    docker: Any, programs: Programs, kfp: Any, compiled: Compile
) -> None:
    dsl = kfp.dsl

    @dsl.component(base_image="python:3.11", target_image="registry.example/mine:1")
    def mine(word: str) -> str:
        return word

    def pipeline() -> str:
        return mine(word="x").output

    engine = await docker()
    _, end = await engine.run(compiled(pipeline))
    assert end["state"] == "FAILED"  # its source is in an image that there is not
    (words,) = programs.calls("run")
    assert "registry.example/mine:1" in words
    assert "kfp.dsl.executor_main" in " ".join(words)


async def test_variables_are_handed_over_unseen(docker: Any, programs: Programs, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def tell(said: dsl.OutputPath(str)):
        program = 'printf "%s|%s|%s" "$WORD" "$DOCKER_HOST" "${SECRET_OF_THE_ENGINE-none}" > "$0"'
        return dsl.ContainerSpec(image="busybox", command=["sh", "-c", program], args=[said])

    def pipeline() -> str:
        task = tell()
        task.set_env_variable("WORD", "two\nlines").set_env_variable("DOCKER_HOST", "mine")
        return task.outputs["said"]

    engine = await docker()
    assert await engine.outputs(compiled(pipeline)) == {"Output": "two\nlines|mine|none"}
    given = programs.options("--env")
    assert "WORD" in given
    assert "DOCKER_HOST=mine" in given
    assert not [word for word in programs.calls("run")[0] if "two\nlines" in word]


async def test_limits_are_handed_over(docker: Any, programs: Programs, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def nothing():
        return dsl.ContainerSpec(image="busybox", command=["true"])

    def pipeline(memory: str):
        task = nothing().set_cpu_limit("500m").set_memory_limit(memory)
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(2)

    engine = await docker()
    _, end = await engine.run(compiled(pipeline), parameters={"memory": "1Gi"})
    assert end["state"] == "SUCCEEDED", end["error"]
    assert [programs.options(name) for name in ("--cpus", "--memory", "--gpus")] == [["0.5"], [str(2**30)], ["2"]]
    _, end = await engine.run(compiled(pipeline), parameters={"memory": "much"})
    assert "'much' is no quantity" in end["error"]["message"]


async def test_a_failing_command_tells_its_code_and_is_tried_again(
    docker: Any, programs: Programs, kfp: Any, compiled: Compile
) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def fail():
        return dsl.ContainerSpec(image="busybox", command=["sh", "-c", "echo no such thing; exit 3"])

    def pipeline():
        fail().set_retry(num_retries=1)

    engine = await docker()
    _, end = await engine.run(compiled(pipeline))
    assert end["error"]["message"] == "task fail failed: exit code 3: no such thing"
    assert len(programs.calls("run")) == 2
    assert len(set(programs.options("--name", 0) + programs.options("--name", 1))) == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("away", "docker could not run the container: Cannot connect to the Docker daemon"), ("no-image", "pull access")],
)
async def test_a_program_that_cannot_says_why(
    docker: Any, programs: Programs, copying: dict[str, Any], fault: str, reason: str
) -> None:
    programs.fault(fault)
    engine = await docker()
    _, end = await engine.run(copying, parameters={"word": "x"})
    assert end["state"] == "FAILED"
    assert reason in end["error"]["message"]
    assert not programs.containers


async def test_a_program_that_is_not_there_is_named(start: Any, copying: dict[str, Any], tmp_path: Path) -> None:
    engine = await start(containers="docker", container_environment={"PATH": str(tmp_path)})
    _, end = await engine.run(copying, parameters={"word": "x"})
    assert end["error"]["code"] == 12
    assert "there is no program docker on the engine's PATH" in end["error"]["message"]


async def test_termination_leaves_no_container(docker: Any, programs: Programs, waiting: dict[str, Any]) -> None:
    engine = await docker()
    run_id = await engine.submit(waiting)
    await until(lambda: bool(programs.containers))
    pid = programs.pid()
    await engine.supervisor.terminate(run_id)
    assert (await engine.rows.end(run_id))["state"] == "CANCELED"
    assert not programs.containers
    assert start_ticks(pid) is None


async def test_a_deadline_ends_the_container(docker: Any, programs: Programs, waiting: dict[str, Any]) -> None:
    platform = {"deploymentSpec": {"executors": {"exec-wait": {"activeDeadlineSeconds": "1"}}}}
    engine = await docker()
    _, end = await engine.run(waiting, platform_spec={"platforms": {"kubernetes": platform}})
    assert "limit of 1 seconds" in end["error"]["message"]
    assert not programs.containers
    assert programs.calls("rm") == [["rm", "--force", programs.options("--name")[0]]]


async def test_a_lost_runner_leaves_no_container(docker: Any, programs: Programs, waiting: dict[str, Any]) -> None:
    engine = await docker()
    run_id = await engine.submit(waiting)
    await until(lambda: bool(programs.containers))
    pid = programs.pid()
    os.kill(RunDirectory(engine.directory(run_id)).living_runner().pid, signal.SIGKILL)
    assert (await engine.rows.end(run_id))["state"] == "FAILED"
    assert not programs.containers
    assert start_ticks(pid) is None


async def test_a_program_that_hangs_can_be_ended(docker: Any, programs: Programs, waiting: dict[str, Any]) -> None:
    programs.fault("hang")
    engine = await docker(container_answer_seconds=1)
    run_id = await engine.submit(waiting)
    await engine.rows.running(run_id, "wait")
    await until(lambda: bool(programs.calls("run")))
    begin = time.monotonic()
    await engine.supervisor.terminate(run_id)
    assert (await engine.rows.end(run_id))["state"] == "CANCELED"
    assert time.monotonic() - begin < 10
    assert "did not answer within 1 seconds" in engine.log(run_id, "wait")


async def test_python_components_need_no_container_unless_they_ask_for_one(
    docker: Any, programs: Programs, kfp: Any, compiled: Compile
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def say(word: str) -> str:
        return word

    def pipeline() -> str:
        return say(word="x").output

    def limited() -> str:
        return say(word="x").set_memory_limit("1G").output

    engine = await docker()
    assert await engine.outputs(compiled(pipeline)) == {"Output": "x"}
    assert not programs.calls("run")
    await engine.run(compiled(limited))
    (words,) = programs.calls("run")
    assert words[words.index("--memory") + 1] == str(10**9)
    assert "pip install" in " ".join(words)


async def test_on_the_host_the_command_runs_without_its_image_and_says_so(
    start: Any, copying: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    engine = await start(containers="host")
    assert "without their images" in "".join(capfd.readouterr())
    run_id, end = await engine.run(copying, parameters={"word": "x"})
    assert end["outputs"]["parameters"] == {"Output": "xx 1"}
    assert "WITHOUT its image registry.example/copy:1" in engine.log(run_id, "copy")
    (note,) = engine.rows.tasks(run_id)["copy"]["notes"]
    assert "registry.example/copy:1" in note


async def test_results_of_the_host_are_not_those_of_an_image(
    start: Any, docker: Any, programs: Programs, copying: dict[str, Any]
) -> None:
    first = await start(containers="host")
    await first.run(copying, parameters={"word": "x"})
    await first.supervisor.stop()
    second = await docker()
    run_id, _ = await second.run(copying, parameters={"word": "x"})
    cached = {path: row["cached"] for path, row in second.rows.tasks(run_id).items()}
    assert (cached["write"], cached["copy"]) == (True, False)
    assert len(programs.calls("run")) == 1
