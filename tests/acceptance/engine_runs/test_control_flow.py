"""Loops in loops, branches in loops, artifacts through branches, tasks that ignore failures."""

# Components are written as their authors would: they print, open files, and have types that mypy does not follow.
# mypy: ignore-errors
# ruff: noqa: SIM115, SIM117

from collections.abc import Callable
from typing import Any

import pytest

Compile = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")


async def test_loops_nest_and_collect(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def pair(left: str, right: int) -> str:
        return f"{left}{right}"

    @dsl.component
    def show(table: list) -> str:
        return str(table)

    def pipeline() -> str:
        with dsl.ParallelFor(["a", "b"]) as left:
            with dsl.ParallelFor([1, 2]) as right:
                made = pair(left=left, right=right)
        return show(table=dsl.Collected(made.output)).output

    assert await engine.outputs(compiled(pipeline)) == {"Output": "[['a1', 'a2'], ['b1', 'b2']]"}


async def test_a_loop_over_fields_of_a_loops_item(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def cells() -> list:
        return [{"site": "s1", "ids": [1, 2]}, {"site": "s2", "ids": [3]}]

    @dsl.component
    def show(site: str, number: str) -> str:
        return f"{site}/{number}"

    def pipeline():
        with dsl.ParallelFor(cells().output) as item:
            with dsl.ParallelFor(item.ids) as number:
                show(site=item.site, number=number)

    run_id, end = await engine.run(compiled(pipeline))
    assert end["state"] == "SUCCEEDED", end["error"]
    tasks = engine.rows.tasks(run_id)
    shown = [row["outputs"]["parameters"]["Output"] for path, row in tasks.items() if path.endswith(".show")]
    assert sorted(shown) == ["s1/1", "s1/2", "s2/3"]


async def test_branches_inside_a_loop(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def say(text: str) -> str:
        return text

    def pipeline():
        with dsl.ParallelFor([1, 5, 9]) as number:
            with dsl.If(number > 4):
                say(text=f"{number} is high")
            with dsl.Else():
                say(text=f"{number} is low")

    run_id, end = await engine.run(compiled(pipeline))
    assert end["state"] == "SUCCEEDED", end["error"]
    tasks = engine.rows.tasks(run_id)
    said = [
        row["outputs"]["parameters"]["Output"]
        for row in tasks.values()
        if row["kind"] == "container" and "usage" in row
    ]
    assert sorted(text for text in said if text) == ["1 is low", "5 is high", "9 is high"]


async def test_an_artifact_of_the_branch_that_ran_is_handed_on(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def make(text: str, model: dsl.Output[dsl.Model]):
        open(model.path, "w").write(text)

    @dsl.component
    def read(model: dsl.Input[dsl.Model]) -> str:
        return open(model.path).read()

    def pipeline(deep: bool) -> str:
        with dsl.If(deep == True):  # noqa: E712
            one = make(text="deep")
        with dsl.Else():
            two = make(text="flat")
        return read(model=dsl.OneOf(one.outputs["model"], two.outputs["model"])).output

    assert await engine.outputs(compiled(pipeline), parameters={"deep": True}) == {"Output": "deep"}
    assert await engine.outputs(compiled(pipeline), parameters={"deep": False}) == {"Output": "flat"}


async def test_a_loop_over_artifacts(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def make(number: int, table: dsl.Output[dsl.Dataset]):
        open(table.path, "w").write(str(number))

    @dsl.component
    def double(table: dsl.Input[dsl.Dataset]) -> int:
        return 2 * int(open(table.path).read())

    @dsl.component
    def total(numbers: list) -> int:
        return sum(numbers)

    @dsl.pipeline
    def each(tables: list[dsl.Dataset]) -> int:
        with dsl.ParallelFor(items=tables) as table:
            doubled = double(table=table)
        return total(numbers=dsl.Collected(doubled.output)).output

    def pipeline() -> int:
        with dsl.ParallelFor([1, 2, 3]) as number:
            made = make(number=number)
        return each(tables=dsl.Collected(made.outputs["table"])).output

    assert await engine.outputs(compiled(pipeline)) == {"Output": 12}


async def test_a_task_that_ignores_failures_gets_its_default(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def stumble() -> str:
        raise SystemExit("no")

    @dsl.component
    def tidy(word: str = "nothing came") -> str:
        return word

    def pipeline():
        tidy(word=stumble().output).ignore_upstream_failure()

    run_id, end = await engine.run(compiled(pipeline))
    assert end["state"] == "FAILED"
    tasks = engine.rows.tasks(run_id)
    assert tasks["tidy"]["outputs"]["parameters"] == {"Output": "nothing came"}
    assert engine.rows.states(run_id) == {"stumble": "FAILED", "tidy": "SUCCEEDED"}


async def test_what_cannot_run_but_is_not_reached_does_no_harm(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def image():
        return dsl.ContainerSpec(image="busybox", command=["echo", "hi"])

    @dsl.component
    def say() -> str:
        return "said"

    def pipeline(cluster: bool = False) -> str:
        with dsl.If(cluster == True):  # noqa: E712
            image()
        return say().output

    spec = compiled(pipeline)
    assert await engine.outputs(spec) == {"Output": "said"}
    run_id, end = await engine.run(spec, parameters={"cluster": True})
    assert (end["state"], end["error"]["code"]) == ("FAILED", 12)
    assert engine.rows.states(run_id)["condition-1.image"] == "FAILED"


async def test_a_workspace_is_shared_by_tasks(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def put(place: str) -> str:
        with open(f"{place}/note", "w") as file:
            file.write("kept")
        return place

    @dsl.component
    def get(place: str) -> str:
        return open(f"{place}/note").read()

    def pipeline() -> str:
        first = put(place=dsl.WORKSPACE_PATH_PLACEHOLDER)
        second = get(place=dsl.WORKSPACE_PATH_PLACEHOLDER).after(first)
        return second.output

    workspace = dsl.WorkspaceConfig(size="1Gi")
    spec = compiled(pipeline, pipeline_config=dsl.PipelineConfig(workspace=workspace))
    assert await engine.outputs(spec) == {"Output": "kept"}
