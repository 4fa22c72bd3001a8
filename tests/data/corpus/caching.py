"""Results that are used again: the expected runs of a pipeline here are run one after the other."""
from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from expectations import expect
from steps import add, component, fail, say


@component
def write(text: str, made: Output[Dataset]) -> int:
    with open(made.path, "w") as file:
        file.write(text)
    made.metadata["length"] = str(len(text))
    return len(text)


@component
def read(made: Input[Dataset]) -> str:
    with open(made.path) as file:
        return f"{file.read()} {made.metadata['length']}"


@component
def need(text: str, wanted: str) -> str:
    if text != wanted:
        raise ValueError(f"not {wanted}")
    return text


@expect(given={"text": "a"}, outputs={"Output": "a 1"}, artifacts={"made": [{"text": "a", "metadata": {"length": "1"}}]}, cached="")
@expect(given={"text": "a"}, outputs={"Output": "a 1"}, artifacts={"made": [{"text": "a", "metadata": {"length": "1"}}]}, cached="read write")
@expect(given={"text": "bc"}, outputs={"Output": "bc 2"}, artifacts={"made": [{"text": "bc", "metadata": {"length": "2"}}]}, cached="")
@dsl.pipeline
def the_same_again(text: str) -> NamedTuple("O", [("Output", str), ("made", Dataset)]):
    first = write(text=text)
    O = NamedTuple("O", [("Output", str), ("made", Dataset)])
    return O(Output=read(made=first.outputs["made"]).output, made=first.outputs["made"])


@expect(outputs={"Output": "x"}, cached="")
@expect(outputs={"Output": "x"}, cached="say-2")
@dsl.pipeline
def switched_off_for_a_task() -> str:
    say(text="x").set_caching_options(False)
    return say(text="x").output


@expect(given={"text": "a"}, outputs={"Output": "a"}, cached="")
@expect(given={"text": "b"}, outputs={"Output": "a"}, cached="say", oracle="it has no earlier results")
@dsl.pipeline
def a_key_of_ones_own(text: str) -> str:
    return say(text=text).set_caching_options(True, cache_key="mine").output


@expect(given={"items": [1, 2]}, outputs={"Output": [11, 12]}, cached="")
@expect(given={"items": [2, 3]}, outputs={"Output": [12, 13]}, cached="for-loop-1.0.add")
@dsl.pipeline
def items_of_a_loop(items: list) -> list:
    with dsl.ParallelFor(items) as item:
        task = add(one=item, other=10)
    return dsl.Collected(task.output)


@expect(given={"wanted": "y"}, failed="need", error="not y", cached="")
@expect(given={"wanted": "x"}, outputs={"Output": "x"}, cached="say")
@dsl.pipeline
def what_succeeded_before_a_failure(wanted: str) -> str:
    return need(text=say(text="x").output, wanted=wanted).output


@expect(failed="fail", error="broken", cached="")
@expect(failed="fail", error="broken", cached="")
@dsl.pipeline
def failures_are_not_kept():
    fail(text="broken")


@expect(outputs={"Output": "{run_id}"}, cached="", oracle="its runs have no id")
@expect(outputs={"Output": "{run_id}"}, cached="", oracle="its runs have no id")
@dsl.pipeline
def a_task_that_knows_its_run() -> str:
    return say(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER).output
