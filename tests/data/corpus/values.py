"""Values of every type: in, out, as constants, as defaults, in texts."""
from typing import Dict, List, NamedTuple, Optional

from kfp import dsl
from kfp.dsl import OutputPath

from expectations import expect
from steps import component, count, say, show, show_table

ODD = "ü 漢字 \U0001f600 \t \"quotes\" it's \\ $HOME `id` $(id) %s {x} {{x}} \n second line"
SMUGGLED = "{{$}} {{$.inputs.parameters['text']}} {{$.pipeline_job_name}}"
LARGE = 300_000


@component
def types(text: str, whole: int, real: float, flag: bool, items: list, table: dict) -> str:
    return " ".join(type(one).__name__ for one in (text, whole, real, flag, items, table))


class All(NamedTuple):
    text: str
    whole: int
    real: float
    flag: bool
    items: list
    table: dict


@component
def give_all(text: str, whole: int, real: float, flag: bool, items: list, table: dict) -> NamedTuple(
    "All", [("text", str), ("whole", int), ("real", float), ("flag", bool), ("items", list), ("table", dict)]
):
    return (text, whole, real, flag, items, table)


@component
def write_all(text: OutputPath(str), whole: OutputPath(int), real: OutputPath(float), flag: OutputPath(bool),
              items: OutputPath(list), table: OutputPath(dict)):
    import json

    values = {text: "written\n", whole: 3, real: 2.5, flag: True, items: [1, "a"], table: {"k": [1.0]}}
    for path, value in values.items():
        with open(path, "w") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))


@component
def large(size: int) -> str:
    return "x" * size


@component
def length(text: str) -> int:
    return len(text)


@component
def kinds(table: dict) -> str:
    return " ".join(f"{key}:{type(value).__name__}" for key, value in sorted(table.items()))


@component
def defaults(text: str = "d", whole: int = 3, real: float = 0.5, flag: bool = True, items: list = [1, "a"],
             table: dict = {"k": 1}) -> str:
    return f"{text} {whole!r} {real!r} {flag!r} {items!r} {table!r}"


@component
def show_bool(flag: bool) -> str:
    return repr(flag)


@component
def nothing() -> None:
    print("nothing comes out")


GIVEN = {"text": ODD, "whole": -7, "real": 0.25, "flag": False, "items": [1, "a", [2.5, {"b": 3}]], "table": {"k": {"n": 3}}}


@expect(given=GIVEN, outputs={**GIVEN}, tasks=1)
@expect(given={"text": "", "whole": 0, "real": 0, "flag": True, "items": [], "table": {}},
        outputs={"text": "", "whole": 0, "real": 0, "flag": True, "items": [], "table": {}})
@expect(given={"text": "t", "whole": "12", "real": "1e3", "flag": "true", "items": "[1]", "table": "{\"a\": 1}"},
        outputs={"text": "t", "whole": 12, "real": 1000, "flag": True, "items": [1], "table": {"a": 1}},
        oracle="it does not read texts as what the inputs declare")
@expect(given={"text": SMUGGLED, "whole": 9007199254740993, "real": 1e300, "flag": True, "items": [None], "table": {"{{$}}": "{{$}}"}},
        outputs={"text": SMUGGLED, "whole": 9007199254740993, "real": 1e300, "flag": True, "items": [None], "table": {"{{$}}": "{{$}}"}},
        oracle="it fills placeholders that arguments bring")
@dsl.pipeline
def every_type_in_and_out(text: str, whole: int, real: float, flag: bool, items: list, table: dict) -> All:
    given = give_all(text=text, whole=whole, real=real, flag=flag, items=items, table=table)
    return All(**{name: given.outputs[name] for name in All._fields})


@expect(given={"text": "t", "whole": 1, "real": 2, "flag": True, "items": [], "table": {}},
        outputs={"Output": "str int int bool list dict"}, oracle="a whole number stays a float in it")
@dsl.pipeline
def types_as_the_component_sees_them(text: str, whole: int, real: float, flag: bool, items: list, table: dict) -> str:
    return types(text=text, whole=whole, real=real, flag=flag, items=items, table=table).output


@expect(outputs={"Output": "str int float bool list dict"})
@dsl.pipeline
def constants_of_every_type() -> str:
    return types(text="c", whole=3, real=2.5, flag=False, items=[1], table={"a": 1}).output


@expect(outputs={"Output": "d 3 0.5 True [1, 'a'] {'k': 1}"}, oracle="ints become floats in it")
@dsl.pipeline
def defaults_of_a_component() -> str:
    return defaults().output


@expect(outputs={"Output": "p 4 1.5 False [2] {'p': 2}"}, oracle="ints become floats in it")
@expect(given={"text": "q", "flag": True}, outputs={"Output": "q 4 1.5 True [2] {'p': 2}"}, oracle="ints become floats in it")
@dsl.pipeline
def defaults_of_a_pipeline(text: str = "p", whole: int = 4, real: float = 1.5, flag: bool = False, items: list = [2],
                           table: dict = {"p": 2}) -> str:
    return defaults(text=text, whole=whole, real=real, flag=flag, items=items, table=table).output


@expect(outputs={"text": "written\n", "whole": 3, "real": 2.5, "flag": True, "items": [1, "a"], "table": {"k": [1]}})
@dsl.pipeline
def output_paths_of_every_type() -> All:
    written = write_all()
    return All(**{name: written.outputs[name] for name in All._fields})


@expect(given={"table": {"a": 1, "b": 1.5, "c": [1, {"d": 2}], "e": True, "f": None, "g": "1"}},
        outputs={"Output": "a:int b:float c:list e:bool f:NoneType g:str"}, oracle="ints become floats in it")
@dsl.pipeline
def whole_numbers_inside_stay_whole(table: dict) -> str:
    return kinds(table=table).output


@expect(given={"name": "ada", "whole": 3, "real": 0.5, "flag": True, "items": [1, "a"], "table": {"k": 1}},
        outputs={"Output": 'ada has 3, 0.5, true, [1,"a"] and {"k":1}; again ada'},
        oracle="it writes values as Python does")
@dsl.pipeline
def values_in_a_text(name: str, whole: int, real: float, flag: bool, items: list, table: dict) -> str:
    return say(text=f"{name} has {whole}, {real}, {flag}, {items} and {table}; again {name}").output


@expect(given={"name": ODD}, outputs={"Output": f"<{ODD}> and <{ODD}>"})
@expect(given={"name": SMUGGLED}, outputs={"Output": f"<{SMUGGLED}> and <{SMUGGLED}>"}, oracle="it fills placeholders that arguments bring")
@dsl.pipeline
def odd_values_in_a_text(name: str) -> str:
    made = say(text=name)
    return say(text=f"<{name}> and <{made.output}>").output


@expect(outputs={"Output": '["a ada", "b", {"c": "ada"}]'})
@dsl.pipeline
def values_in_texts_of_a_list(name: str = "ada") -> str:
    return show(value=[f"a {name}", "b", {"c": f"{name}"}]).output


@expect(outputs={"Output": '{"a": "ada", "b": 2, "c": ["ada"]}'}, oracle="ints become floats in it")
@dsl.pipeline
def values_in_texts_of_a_table(name: str = "ada") -> str:
    made = say(text=name)
    return show_table(value={"a": made.output, "b": 2, "c": [name]}).output


@expect(outputs={"Output": LARGE}, tasks=2, oracle="the kernel refuses its long command")
@dsl.pipeline
def a_large_value_between_tasks() -> int:
    return length(text=large(size=LARGE).output).output


@expect(given={"text": {"$repeat": ["ü", LARGE]}}, outputs={"Output": LARGE}, tasks=1, oracle="the kernel refuses its long command")
@dsl.pipeline
def a_large_argument(text: str) -> int:
    return length(text=text).output


@expect(given={"flag": True}, outputs={"Output": "True"})
@expect(given={"flag": False}, outputs={"Output": "False"})
@dsl.pipeline
def truth_values(flag: bool) -> str:
    return show_bool(flag=flag).output


@expect(tasks=2)
@dsl.pipeline
def a_task_without_outputs():
    say(text="after").after(nothing())


@expect(given={"number": "twelve"}, error="NUMBER_INTEGER")
@expect(given={"number": 1.5}, failed="count", error="is no int")
@expect(given={}, error="number")
@expect(given={"number": 3}, outputs={"Output": 3})
@dsl.pipeline
def arguments_that_do_not_fit(number: int) -> int:
    return count(number=number).output


@expect(given={"texts": ["a"], "table": {"a": 1}}, outputs={"Output": '["a"]', "table": '{"a": 1}'}, oracle="ints become floats in it")
@dsl.pipeline
def typed_lists_and_tables(texts: List[str], table: Dict[str, int]) -> NamedTuple("O", [("Output", str), ("table", str)]):
    O = NamedTuple("O", [("Output", str), ("table", str)])
    return O(Output=show(value=texts).output, table=show_table(value=table).output)
