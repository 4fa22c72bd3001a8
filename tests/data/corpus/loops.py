"""Loops over everything, in everything, and what is collected from them."""
from typing import List, NamedTuple

from kfp import dsl
from kfp.dsl import Collected, Dataset, Input, Model, Output

from expectations import expect
from steps import add, component, count, fail, join, numbers, read, say, show, show_table, total, train, write


@component
def read_all(data: Input[List[Dataset]]) -> list:
    return [open(one.path).read() for one in data]


@component
def read_models(models: Input[List[Model]]) -> str:
    return " ".join(f"{model.metadata['text']}:{open(model.path).read()}" for model in models)


@component
def cells() -> list:
    return [{"site": "s1", "ids": [1, 2], "load": 0.5}, {"site": "s2", "ids": [3], "load": 2}]


@component
def describe(site: str, load: float, number: str = "-") -> str:
    return f"{site}/{load}/{number}"


@expect(outputs={"Output": '["a", "ü", "it\'s", ""]'}, tasks=10)
@dsl.pipeline
def loop_over_texts() -> str:
    with dsl.ParallelFor(["a", "ü", "it's", ""]) as text:
        said = say(text=text)
    return show(value=Collected(said.output)).output


@expect(outputs={"Output": 60}, oracle="ints become floats in it")
@dsl.pipeline
def loop_over_whole_numbers() -> int:
    with dsl.ParallelFor([10, 20, 30]) as number:
        counted = count(number=number)
    return total(numbers=Collected(counted.output)).output


@expect(outputs={"Output": "a=1,b=2"}, oracle="ints become floats in it")
@dsl.pipeline
def loop_over_tables() -> str:
    with dsl.ParallelFor([{"site": "a", "size": 1}, {"site": "b", "size": 2}]) as item:
        said = say(text=f"{item.site}={item.size}")
    return join(texts=Collected(said.output), by=",").output


@expect(outputs={"Output": '{"a": 1, "b": [1, 2.5, {"c": 3}]}'}, oracle="ints become floats in it")
@dsl.pipeline
def loop_hands_on_whole_items() -> str:
    with dsl.ParallelFor([{"a": 1, "b": [1, 2.5, {"c": 3}]}]) as item:
        shown = show_table(value=item)
    return join(texts=Collected(shown.output)).output


@expect(given={"items": ["x", "y"]}, outputs={"Output": "x+y"})
@expect(given={"items": []}, outputs={"Output": ""}, oracle="it forgets loops over nothing")
@expect(given={"items": '["from", "text"]'}, outputs={"Output": "from+text"}, oracle="it does not read texts as lists")
@expect(given={}, outputs={"Output": "d"})
@dsl.pipeline
def loop_over_an_argument(items: list = ["d"]) -> str:
    with dsl.ParallelFor(items) as item:
        said = say(text=item)
    return join(texts=Collected(said.output)).output


@expect(given={"items": [{"site": "n", "size": 3}, {"site": "m", "size": 4}]}, outputs={"Output": 7}, oracle="ints become floats in it")
@dsl.pipeline
def loop_over_fields_of_an_argument(items: List[dict]) -> int:
    with dsl.ParallelFor(items) as item:
        say(text=item.site)
        counted = count(number=item.size)
    return total(numbers=Collected(counted.output)).output


@expect(given={"until": 12}, outputs={"Output": 66}, tasks=27, oracle="ints become floats in it")
@expect(given={"until": 0}, outputs={"Output": 0}, tasks=3, oracle="it forgets loops over nothing")
@dsl.pipeline
def loop_over_an_output(until: int) -> int:
    with dsl.ParallelFor(numbers(until=until).output, parallelism=3) as number:
        counted = count(number=number)
    return total(numbers=Collected(counted.output)).output


@expect(outputs={"Output": "1 after 0,2 after 1"}, oracle="ints become floats in it")
@dsl.pipeline
def loop_one_at_a_time() -> str:
    with dsl.ParallelFor([1, 2], parallelism=1) as number:
        before = add(one=number, other=-1)
        said = say(text=f"{number} after {before.output}")
    return join(texts=Collected(said.output), by=",").output


@expect(outputs={"Output": '[["a1", "a2"], ["b1", "b2"]]'}, oracle="ints become floats in it")
@dsl.pipeline
def loops_in_loops() -> str:
    with dsl.ParallelFor(["a", "b"]) as letter:
        with dsl.ParallelFor([1, 2]) as number:
            said = say(text=f"{letter}{number}")
    return show(value=Collected(said.output)).output


@expect(outputs={"Output": '[["s1/0.5/1", "s1/0.5/2"], ["s2/2/3"]]'}, oracle="sub-variables of loops in loops fail in it")
@dsl.pipeline
def loop_over_fields_of_items() -> str:
    with dsl.ParallelFor(cells().output) as cell:
        with dsl.ParallelFor(cell.ids) as number:
            described = describe(site=cell.site, load=cell.load, number=number)
    return show(value=Collected(described.output)).output


@expect(outputs={"Output": '[[["1.1.1"], ["1.2.1"]], [["2.1.1"], ["2.2.1"]]]'}, oracle="ints become floats in it")
@dsl.pipeline
def three_loops_deep() -> str:
    with dsl.ParallelFor([1, 2]) as one:
        with dsl.ParallelFor([1, 2]) as two:
            with dsl.ParallelFor([1]) as three:
                said = say(text=f"{one}.{two}.{three}")
    return show(value=Collected(said.output)).output


@expect(outputs={"Output": "a:a b:b"})
@dsl.pipeline
def artifacts_are_collected() -> str:
    with dsl.ParallelFor(["a", "b"]) as text:
        trained = train(text=text)
    return read_models(models=Collected(trained.outputs["model"])).output


@expect(outputs={"Output": "a1:a1 a2:a2 b1:b1 b2:b2"}, oracle="lists of lists of artifacts crash it")
@dsl.pipeline
def artifacts_of_loops_in_loops_are_collected() -> str:
    with dsl.ParallelFor(["a", "b"]) as letter:
        with dsl.ParallelFor(["1", "2"]) as number:
            trained = train(text=f"{letter}{number}")
    return read_models(models=Collected(trained.outputs["model"])).output


@dsl.pipeline
def read_each(tables: List[Dataset]) -> list:
    with dsl.ParallelFor(items=tables) as table:
        text = read(data=table)
    return Collected(text.output)


@expect(outputs={"Output": '["x", "yy", "zzz"]'}, oracle="a list output of a nested loop is missing in it")
@dsl.pipeline
def loop_over_artifacts() -> str:
    with dsl.ParallelFor(["x", "yy", "zzz"]) as text:
        written = write(text=text)
    return show(value=read_each(tables=Collected(written.outputs["data"])).output).output


class Loops(NamedTuple):
    texts: list
    models: List[Model]


@expect(outputs={"texts": ["p", "q"]}, artifacts={"models": [
    {"type": "system.Model", "text": "p", "metadata": {"text": "p"}},
    {"type": "system.Model", "text": "q", "metadata": {"text": "q"}}]})
@dsl.pipeline
def collected_values_are_outputs() -> Loops:
    with dsl.ParallelFor(["p", "q"]) as text:
        said = say(text=text)
        trained = train(text=text)
    return Loops(texts=Collected(said.output), models=Collected(trained.outputs["model"]))


@expect(failed="for-loop-2.1.condition-3.fail", skipped="for-loop-2.0.condition-3 for-loop-2.2.condition-3 join", error="as asked")
@dsl.pipeline
def an_iteration_fails() -> str:
    with dsl.ParallelFor(["a", "b", "c"]) as text:
        said = say(text=text)
        with dsl.If(said.output == "b"):
            fail()
    return join(texts=Collected(said.output)).output


@expect(outputs={"Output": "[true, 1, 0.5, \"t\", [], {}]"}, oracle="ints become floats in it")
@dsl.pipeline
def constant_lists_keep_their_types() -> str:
    return show(value=[True, 1, 0.5, "t", [], {}]).output


@dsl.pipeline
def twice(number: int) -> int:
    one = count(number=number)
    return add(one=one.output, other=one.output).output


@expect(outputs={"Output": 12}, oracle="ints become floats in it")
@dsl.pipeline
def pipelines_in_a_loop() -> int:
    with dsl.ParallelFor([1, 2, 3]) as number:
        doubled = twice(number=number)
    return total(numbers=Collected(doubled.output)).output


@expect(given={"deep": True}, outputs={"Output": "end"})
@expect(given={"deep": False}, outputs={"Output": "end"}, skipped="condition-1")
@dsl.pipeline
def a_loop_in_a_branch(deep: bool) -> str:
    with dsl.If(deep == True):
        with dsl.ParallelFor(["a", "b"]) as text:
            say(text=text)
    return say(text="end").output


@expect(outputs={"Output": "before-a,before-b"}, oracle="it takes one value for the other")
@dsl.pipeline
def a_loop_uses_what_was_made_before() -> str:
    before = say(text="before")
    with dsl.ParallelFor(["a", "b"]) as text:
        said = say(text=f"{before.output}-{text}")
    return join(texts=Collected(said.output), by=",").output


@component
def cells() -> list:
    return [{"size": 1, "site": "north"}, {"size": 2, "site": "south"}]


@expect(outputs={"Output": '[["north1", "north2"], ["south1", "south2"]]'},
        skipped="for-loop-1.0.condition-2", oracle="it hands no fields down")
@dsl.pipeline
def fields_in_texts_of_inner_loops_and_branches() -> str:
    with dsl.ParallelFor(cells().output) as cell:
        with dsl.If(cell.size > 1):
            say(text=f"{cell.site} is large")
        with dsl.ParallelFor([1, 2]) as number:
            said = say(text=f"{cell.site}{number}")
    return show(value=Collected(said.output)).output


@expect(outputs={"Output": '[["north1", "north2"], ["south3"]]'}, oracle="it hands no fields down")
@dsl.pipeline
def fields_whose_types_the_compiler_takes_for_one() -> str:
    with dsl.ParallelFor([{"size": 1, "site": "north", "parts": [1, 2]},
                          {"size": 2, "site": "south", "parts": [3]}]) as cell:
        with dsl.ParallelFor(cell.parts) as part:
            said = say(text=f"{cell.site}{part}")
    return show(value=Collected(said.output)).output


@expect(given={"items": "no list"}, error="LIST")
@dsl.pipeline
def loop_over_no_list(items: list):
    with dsl.ParallelFor(items) as item:
        say(text=item)
