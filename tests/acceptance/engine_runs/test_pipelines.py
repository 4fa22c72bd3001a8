"""What pipelines compute when they are run: end states and output values."""

# Components are written as their authors would: they print, open files, and have types that mypy does not follow.
# mypy: ignore-errors
# ruff: noqa: T201, SIM115

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Compile = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")


async def test_hello_says_hello(engine: Any, conformance: Callable[[str], dict[str, Any]]) -> None:
    run_id, end = await engine.run(conformance("hello"), parameters={"word": "radio"})
    assert end["state"] == "SUCCEEDED", end["error"]
    assert end["outputs"]["parameters"] == {"Output": "hello, radio"}
    assert engine.rows.states(run_id) == {"greet": "SUCCEEDED"}


async def test_artifacts_pass_between_tasks(engine: Any, conformance: Callable[[str], dict[str, Any]]) -> None:
    run_id, end = await engine.run(conformance("artifacts"), parameters={"rows": 4})
    tasks = engine.rows.tasks(run_id)
    assert end["state"] == "SUCCEEDED", end["error"]
    assert set(engine.rows.states(run_id).values()) == {"SUCCEEDED"}
    assert tasks["fit"]["outputs"]["parameters"] == {"Output": 3.5}
    assert tasks["summarise"]["outputs"]["parameters"] == {"low": 2.5, "high": 4.5}
    model = end["outputs"]["artifacts"]["Output"][0]
    assert model["type"]["schemaTitle"] == "system.Model"
    assert model["metadata"] == {"kind": "constant"}
    assert Path(model["uri"]).read_text() == "3.5"
    metrics = tasks["fit"]["outputs"]["artifacts"]
    assert metrics["numbers"][0]["metadata"] == {"mean": 3.5}
    assert metrics["quality"][0]["metadata"]["confusionMatrix"]["annotationSpecs"] == [
        {"displayName": "yes"},
        {"displayName": "no"},
    ]
    assert Path(tasks["report"]["outputs"]["artifacts"]["notes"][0]["uri"]).read_text() == "# 2 tables\n"


async def test_branches_loops_nesting_and_an_exit_handler(
    engine: Any, conformance: Callable[[str], dict[str, Any]]
) -> None:
    run_id, end = await engine.run(conformance("control_flow"), parameters={"seed": 2, "names": ["x", "y", "z"]})
    assert end["state"] == "SUCCEEDED", end["error"]
    body = "exit-handler-1"
    states = engine.rows.states(run_id)
    assert states[f"{body}.condition-branches-2.condition-3"] == "SUCCEEDED"
    assert states[f"{body}.condition-branches-2.condition-4"] == "SKIPPED"
    assert states[f"{body}.condition-branches-2.condition-5"] == "SKIPPED"
    tasks = engine.rows.tasks(run_id)
    assert tasks[f"{body}.join"]["outputs"]["parameters"] == {"Output": "x y z"}
    assert tasks[f"{body}.say-4"]["outputs"]["parameters"] == {"Output": "won"}
    assert "COMPLETE" in engine.log(run_id, "farewell")


async def test_a_failure_skips_what_depends_on_it(engine: Any, conformance: Callable[[str], dict[str, Any]]) -> None:
    run_id, end = await engine.run(conformance("failing"))
    assert end["state"] == "FAILED"
    assert "failing as asked, although ready" in end["error"]["message"]
    assert engine.rows.states(run_id) == {"prepare": "SUCCEEDED", "stumble": "FAILED"}
    assert engine.rows.tasks(run_id)["stumble"]["exit_code"] == 1


async def test_every_type_goes_in_and_comes_out(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def echo(
        text: str, whole: int, real: float, flag: bool, items: list, table: dict, maybe: str = "absent"
    ) -> str:  # fmt: skip
        import json

        return json.dumps([text, whole, type(whole).__name__, real, flag, items, table, maybe])

    def pipeline(text: str, whole: int, real: float, flag: bool, items: list, table: dict, maybe: str = None) -> str:  # noqa: RUF013
        task = echo(text=text, whole=whole, real=real, flag=flag, items=items, table=table, maybe=maybe)
        return task.output

    given = {
        "text": 'it\'s {{$}} "quoted" \n ü',
        "whole": 7.0,
        "real": 0.5,
        "flag": False,
        "items": [1.0, "a", [2.5]],
        "table": {"k": {"n": 3.0}},
    }
    import json

    found = json.loads((await engine.outputs(compiled(pipeline), parameters=given))["Output"])
    assert found == [given["text"], 7, "int", 0.5, False, [1, "a", [2.5]], {"k": {"n": 3}}, "absent"]


async def test_texts_of_arguments_become_what_the_inputs_declare(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def add(whole: int, real: float, flag: bool, items: list) -> float:
        return whole + real + flag + sum(items)

    def pipeline(whole: int, real: float, flag: bool, items: list) -> float:
        return add(whole=whole, real=real, flag=flag, items=items).output

    given = {"whole": "1", "real": "0.5", "flag": "true", "items": "[1, 2]"}
    assert await engine.outputs(compiled(pipeline), parameters=given) == {"Output": 5.5}


async def test_named_tuples_output_paths_and_constants(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl
    from typing import NamedTuple

    @dsl.component
    def split(text: str, rest: dsl.OutputPath(int), held: dsl.OutputPath(list)) -> NamedTuple(
        "Parts", [("one", str), ("many", list)]
    ):
        import json
        from collections import namedtuple

        open(rest, "w").write(str(len(text)))
        open(held, "w").write(json.dumps([text]))
        return namedtuple("Parts", "one many")(text[0], list(text))

    @dsl.component
    def join(one: str, many: list, rest: int, held: list, label: str) -> str:
        return f"{one}|{many}|{rest + 1}|{held}|{label}"

    def pipeline(name: str = "ada") -> str:
        parts = split(text="abc")
        outputs = parts.outputs
        task = join(
            one=outputs["one"],
            many=outputs["many"],
            rest=outputs["rest"],
            held=outputs["held"],
            label=f"of {name} and {outputs['one']}: {outputs['rest']}",
        )
        return task.output

    assert await engine.outputs(compiled(pipeline)) == {"Output": "a|['a', 'b', 'c']|4|['abc']|of ada and a: 3"}


async def test_pipelines_nest_with_inputs_outputs_and_defaults(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def write(text: str, table: dsl.Output[dsl.Dataset]):
        open(table.path, "w").write(text)

    @dsl.component
    def read(table: dsl.Input[dsl.Dataset], suffix: str) -> str:
        return open(table.path).read() + suffix

    @dsl.pipeline
    def inner(text: str, suffix: str = "!") -> dsl.Dataset:
        first = write(text=text)
        again = read(table=first.outputs["table"], suffix=suffix)
        return write(text=again.output).outputs["table"]

    def pipeline(text: str = "hi") -> str:
        one = inner(text=text)
        two = inner(text="there", suffix="?")
        first = read(table=one.output, suffix=" ").output
        return read(table=two.output, suffix=first).output

    assert await engine.outputs(compiled(pipeline)) == {"Output": "there?hi! "}


async def test_lists_of_artifacts_are_collected_from_loops(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def make(number: int, table: dsl.Output[dsl.Dataset]) -> int:
        open(table.path, "w").write(str(number))
        return number * number

    @dsl.component
    def total(tables: dsl.Input[list[dsl.Dataset]], squares: list) -> str:
        return "+".join(open(table.path).read() for table in tables) + f"={sum(squares)}"

    def pipeline(numbers: list = [1, 2, 3]) -> str:  # noqa: B006
        with dsl.ParallelFor(items=numbers, parallelism=2) as number:
            made = make(number=number)
        tables, squares = dsl.Collected(made.outputs["table"]), dsl.Collected(made.outputs["Output"])
        return total(tables=tables, squares=squares).output

    assert await engine.outputs(compiled(pipeline)) == {"Output": "1+2+3=14"}


async def test_a_loop_over_nothing_gives_nothing(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def square(number: int) -> int:
        return number * number

    @dsl.component
    def count(squares: list) -> int:
        return len(squares)

    def pipeline(numbers: list) -> int:
        with dsl.ParallelFor(items=numbers) as number:
            made = square(number=number)
        return count(squares=dsl.Collected(made.output)).output

    assert await engine.outputs(compiled(pipeline), parameters={"numbers": []}) == {"Output": 0}


async def test_loop_items_have_fields(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def show(name: str, size: str) -> str:
        return f"{name}:{size}"

    @dsl.component
    def join(texts: list) -> str:
        return " ".join(texts)

    def pipeline() -> str:
        with dsl.ParallelFor(items=[{"cell": "a", "users": 1}, {"cell": "b", "users": 2}]) as item:
            shown = show(name=item.cell, size=item.users)
        return join(texts=dsl.Collected(shown.output)).output

    assert await engine.outputs(compiled(pipeline)) == {"Output": "a:1 b:2"}


@pytest.mark.parametrize(("score", "said"), [(0.9, "good"), (0.5, "fair"), (0.1, "poor")])
async def test_one_branch_of_several_is_taken(
    engine: Any, kfp: Any, compiled: Compile, score: float, said: str
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def say(text: str) -> str:
        return text

    def pipeline(score: float) -> str:
        with dsl.If(score > 0.8):
            one = say(text="good")
        with dsl.Elif(score >= 0.5):
            two = say(text="fair")
        with dsl.Else():
            three = say(text="poor")
        return say(text=dsl.OneOf(one.output, two.output, three.output)).output

    assert await engine.outputs(compiled(pipeline), parameters={"score": score}) == {"Output": said}


async def test_an_argument_cannot_turn_a_condition(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def launch():
        print("launched")

    def pipeline(word: str):
        with dsl.If(word == "go"):
            launch()

    for word in ("' or 'a' == 'a", "it's", "{{$.inputs.parameters['pipelinechannel--word']}}"):
        run_id, end = await engine.run(compiled(pipeline), parameters={"word": word})
        assert end["state"] == "SUCCEEDED", end["error"]
        assert engine.rows.states(run_id)["condition-1"] == "SKIPPED"


async def test_an_importer_hands_on_an_address_and_metadata(
    engine: Any, kfp: Any, compiled: Compile, tmp_path: Any
) -> None:
    dsl = kfp.dsl
    (tmp_path / "table.csv").write_text("a,b\n")

    @dsl.component
    def read(table: dsl.Input[dsl.Dataset]) -> str:
        return open(table.path).read() + table.metadata["origin"]

    def pipeline(place: str, origin: str = "here") -> str:
        imported = dsl.importer(artifact_uri=place, artifact_class=dsl.Dataset, metadata={"origin": origin})
        return read(table=imported.output).output

    given = {"place": str(tmp_path / "table.csv")}
    assert await engine.outputs(compiled(pipeline), parameters=given) == {"Output": "a,b\nhere"}


async def test_order_without_data_is_kept(engine: Any, kfp: Any, compiled: Compile, tmp_path: Any) -> None:
    dsl = kfp.dsl

    @dsl.component
    def note(text: str, place: str):
        with open(place, "a") as file:
            file.write(text)

    def pipeline(place: str):
        last = note(text="c", place=place)
        middle = note(text="b", place=place)
        first = note(text="a", place=place)
        middle.after(first)
        last.after(middle)

    await engine.run(compiled(pipeline), parameters={"place": str(tmp_path / "notes")})
    assert (tmp_path / "notes").read_text() == "abc"


async def test_an_exit_task_runs_after_a_failed_body_and_sees_it(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def stumble():
        raise SystemExit("no luck")

    @dsl.component
    def after():
        print("never")

    @dsl.component
    def tell(status: dsl.PipelineTaskFinalStatus):
        print("seen", status.state, status.pipeline_task_name, status.error_message)

    def pipeline():
        told = tell()
        with dsl.ExitHandler(told):
            first = stumble()
            after().after(first)

    run_id, end = await engine.run(compiled(pipeline))
    assert end["state"] == "FAILED"
    assert engine.rows.states(run_id) == {
        "exit-handler-1": "FAILED",
        "exit-handler-1.stumble": "FAILED",
        "exit-handler-1.after": "SKIPPED",
        "tell": "SUCCEEDED",
    }
    assert "seen FAILED exit-handler-1" in engine.log(run_id, "tell")
    assert "no luck" in engine.log(run_id, "tell")


async def test_a_task_is_tried_again_in_the_same_working_directory(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def third_time() -> int:
        import os

        tries = len(os.listdir("."))
        open(f"try-{tries}", "w").close()
        if tries < 2:
            raise SystemExit(f"try {tries}")
        return tries

    def pipeline() -> int:
        task = third_time()
        task.set_retry(num_retries=3, backoff_duration="0s")
        return task.output

    run_id, end = await engine.run(compiled(pipeline))
    row = engine.rows.tasks(run_id)["third-time"]
    assert end["outputs"]["parameters"] == {"Output": 2}
    assert row["history"] == ["PENDING", "RUNNING", "PENDING", "RUNNING", "PENDING", "RUNNING", "SUCCEEDED"]
    assert (row["attempts"], row["attempt"]) == (3, 2)
    assert "try 1" in (engine.directory(run_id) / "tasks" / row["task_id"] / "attempt-1" / "log.txt").read_text()


async def test_placeholders_tell_of_the_run(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def join(name: str, uuid: str, task: str) -> str:
        return f"{name} {uuid} {task}"

    def pipeline() -> str:
        task = join(
            name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
            uuid=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            task=dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
        )
        return task.output

    run_id, end = await engine.run(compiled(pipeline))
    assert end["outputs"]["parameters"] == {"Output": f"a run {run_id} join"}


async def test_values_beyond_a_command_lines_room_pass(engine: Any, kfp: Any, compiled: Compile) -> None:
    dsl = kfp.dsl

    @dsl.component
    def make(size: int) -> str:
        return "x" * size

    @dsl.component
    def measure(text: str) -> int:
        return len(text)

    def pipeline(size: int) -> int:
        return measure(text=make(size=size).output).output

    run_id, end = await engine.run(compiled(pipeline), parameters={"size": 3_000_000})
    assert end["outputs"]["parameters"] == {"Output": 3_000_000}
    assert (engine.directory(run_id) / "events.jsonl").stat().st_size < 400_000


@pytest.fixture
def other_python() -> Path:
    """A Python of another version than this one, where the machine has one."""
    for minor in (13, 12, 11, 10):
        path = shutil.which(f"python3.{minor}")
        if minor != sys.version_info.minor and path:
            done = subprocess.run([path, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True)
            if done.returncode == 0:
                return Path(done.stdout.strip())
    pytest.skip("there is no other Python here")


async def test_an_image_may_stand_for_another_python(
    start: Any, kfp: Any, compiled: Compile, other_python: Path
) -> None:
    dsl = kfp.dsl

    @dsl.component(base_image="python:0.0-special")
    def tell() -> str:
        import sys

        return sys.base_prefix

    def pipeline() -> str:
        return tell().output

    engine = await start(interpreters={"python:0.0*": str(other_python)})
    base = Path((await engine.outputs(compiled(pipeline)))["Output"]).resolve()
    assert other_python.resolve().is_relative_to(base)
    assert base != Path(sys.base_prefix).resolve()
