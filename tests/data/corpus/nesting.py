"""Pipelines in pipelines: inputs, defaults, outputs; components that come as files."""
from pathlib import Path
from typing import NamedTuple, Optional

from kfp import components, dsl
from kfp.dsl import Dataset, Input, Model, Output

from expectations import expect
from steps import add, component, count, fail, read, say, total, train, use, write

HERE = Path(__file__).parent


class Pair(NamedTuple):
    text: str
    number: int


class Results(NamedTuple):
    text: str
    model: Model


@component
def pair(text: str) -> NamedTuple("Pair", [("text", str), ("number", int)]):
    from collections import namedtuple

    return namedtuple("Pair", ["text", "number"])(text.upper(), len(text))


@component
def maybe(text: Optional[str] = None, number: Optional[int] = None, table: Optional[dict] = None) -> str:
    return f"{text!r} {number!r} {table!r}"


@dsl.pipeline
def greet(name: str, greeting: str = "hello") -> str:
    return say(text=f"{greeting}, {name}").output


@dsl.pipeline
def make_model(text: str) -> Results:
    trained = train(text=text)
    return Results(text=use(model=trained.outputs["model"]).output, model=trained.outputs["model"])


@dsl.pipeline
def pass_on(text: Optional[str] = None, number: Optional[int] = None) -> str:
    return maybe(text=text, number=number).output


@dsl.pipeline
def read_twice(data: Input[Dataset]) -> str:
    first = read(data=data)
    return say(text=f"{first.output} {first.output}").output


@expect(given={"name": "ada"}, outputs={"Output": "hello, ada"}, tasks=2)
@dsl.pipeline
def a_pipeline_with_a_default(name: str) -> str:
    return greet(name=name).output


@expect(outputs={"Output": "hello, hi, ada"}, tasks=4)
@dsl.pipeline
def a_pipeline_feeds_a_pipeline() -> str:
    return greet(name=greet(name="ada", greeting="hi").output).output


@expect(outputs={"text": "m", "model_text": "m"}, artifacts={"model": [{"type": "system.Model", "text": "m", "metadata": {"text": "m"}}]})
@dsl.pipeline
def parameters_and_artifacts_come_out() -> NamedTuple("Outputs", [("text", str), ("model", Model), ("model_text", str)]):
    made = make_model(text="m")
    again = use(model=made.outputs["model"])
    Outputs = NamedTuple("Outputs", [("text", str), ("model", Model), ("model_text", str)])
    return Outputs(text=made.outputs["text"], model=made.outputs["model"], model_text=again.output)


@expect(outputs={"Output": "t t"}, oracle="artifacts do not reach nested pipelines in it")
@dsl.pipeline
def artifacts_go_in() -> str:
    return read_twice(data=write(text="t").outputs["data"]).output


@expect(outputs={"Output": "None None None"}, oracle="an optional input without a value crashes it")
@expect(given={"text": "t"}, outputs={"Output": "'t' None None"}, oracle="an optional input without a value crashes it")
@expect(given={"text": None, "number": 3}, outputs={"Output": "None 3 None"}, oracle="an optional input without a value crashes it")
@dsl.pipeline
def optional_inputs(text: Optional[str] = None, number: Optional[int] = None) -> str:
    return maybe(text=text, number=number).output


@expect(outputs={"Output": "None None None"}, oracle="an optional input without a value crashes it")
@expect(given={"text": "t"}, outputs={"Output": "'t' None None"}, oracle="an optional input without a value crashes it")
@dsl.pipeline
def optional_inputs_of_a_nested_pipeline(text: Optional[str] = None) -> str:
    return pass_on(text=text).output


@expect(outputs={"Output": "None 5 None"}, oracle="an optional input without a value crashes it")
@dsl.pipeline
def nothing_is_handed_to_a_nested_pipeline() -> str:
    return pass_on(number=5).output


@expect(outputs={"Output": "ABC 3"}, oracle="ints become floats in it")
@dsl.pipeline
def named_outputs() -> str:
    made = pair(text="abc")
    return say(text=f"{made.outputs['text']} {made.outputs['number']}").output


@expect(outputs={"text": "ABC", "number": 3})
@dsl.pipeline
def named_outputs_of_a_pipeline() -> Pair:
    made = pair(text="abc")
    return Pair(text=made.outputs["text"], number=made.outputs["number"])


@dsl.pipeline
def failing_inside() -> str:
    first = say(text="x")
    return fail(text="inside").after(first).output


@expect(failed="failing-inside.fail", skipped="say", error="inside", tasks=4)
@dsl.pipeline
def a_nested_pipeline_fails() -> str:
    return say(text=failing_inside().output).output


@dsl.pipeline
def level_three(number: int) -> int:
    return add(one=number, other=100).output


@dsl.pipeline
def level_two(number: int) -> int:
    return add(one=level_three(number=number).output, other=10).output


@expect(outputs={"Output": 111}, tasks=5)
@dsl.pipeline
def three_levels() -> int:
    return level_two(number=count(number=1).output).output


@dsl.pipeline
def branch_inside(number: int) -> str:
    with dsl.If(number > 5):
        high = say(text="high")
    with dsl.Else():
        low = say(text="low")
    return dsl.OneOf(high.output, low.output)


@expect(outputs={"high": "high", "low": "low"}, skipped="branch-inside.condition-branches-1.condition-3 branch-inside-2.condition-branches-1.condition-2")
@dsl.pipeline
def branches_in_nested_pipelines() -> NamedTuple("Outputs", [("high", str), ("low", str)]):
    Outputs = NamedTuple("Outputs", [("high", str), ("low", str)])
    return Outputs(high=branch_inside(number=9).output, low=branch_inside(number=1).output)


shout = components.load_component_from_file(str(HERE / "components" / "shout.yaml"))
greeting = components.load_component_from_file(str(HERE / "components" / "greeting.yaml"))


@expect(outputs={"Output": "HEY!!!"})
@dsl.pipeline
def a_component_that_came_as_a_file() -> str:
    return shout(text="hey", marks=3).output


@expect(outputs={"Output": "good day, bob"})
@dsl.pipeline
def a_pipeline_that_came_as_a_file() -> str:
    return greeting(name="bob").output


@dsl.pipeline
def sums(numbers: list) -> int:
    with dsl.ParallelFor(numbers) as number:
        added = add(one=number, other=1)
    return total(numbers=dsl.Collected(added.output)).output


@expect(outputs={"Output": 9}, oracle="ints become floats in it")
@dsl.pipeline
def a_loop_in_a_nested_pipeline() -> int:
    return sums(numbers=[1, 2, 3]).output
