"""Branches: every operator and type the compiler writes, nesting, and what flows out of them."""
from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Model

from expectations import edited, expect
from steps import add, count, decide, half, join, say, train, use

class Chosen(NamedTuple):
    Output: str
    again: str
    model: Model


INJECTION = "a' == 'a' || 'x"


@expect(given={"word": "yes"}, outputs={"Output": "yes"}, tasks=3)
@expect(given={"word": "no"}, outputs={"Output": "no"}, skipped="condition-1", tasks=2)
@expect(given={"word": INJECTION}, outputs={"Output": INJECTION}, skipped="condition-1", oracle="arguments decide in it")
@expect(given={"word": "' or True or '"}, outputs={"Output": "' or True or '"}, skipped="condition-1", oracle="arguments decide in it")
@dsl.pipeline
def if_text_equals(word: str) -> str:
    with dsl.If(word == "yes"):
        say(text="it does")
    return say(text=word).output


@expect(given={"word": "no"})
@expect(given={"word": "yes"}, skipped="condition-1")
@dsl.pipeline
def if_text_differs(word: str):
    with dsl.If(word != "yes"):
        say(text="it does")


@expect(given={"word": 'say "yes"'}, outputs={"Output": 'say "yes"'})
@expect(given={"word": "it's"}, outputs={"Output": "it's"}, skipped="condition-1", oracle="an apostrophe breaks its conditions")
@dsl.pipeline
def if_text_with_quotes(word: str) -> str:
    with dsl.If(word == 'say "yes"'):
        say(text="quotes")
    return say(text=word).output


@expect(given={"word": "it's"}, failed="condition-1", skipped="", error="condition", oracle="it takes the branch not to be wanted")
@dsl.pipeline
def a_condition_that_cannot_be_read(word: str):
    """The compiler does not escape apostrophes: the expression cannot be read, on a cluster neither."""
    with dsl.If(word == "it's"):
        say(text="apostrophe")


@expect(given={"word": "back\\slash"}, failed="condition-1", error="is not a character", oracle="it takes the branch not to be wanted")
@dsl.pipeline
def a_condition_with_an_escape_that_is_none(word: str):
    """Nor does it escape backslashes: silently comparing with something else would be worse."""
    with dsl.If(word == "back\\slash"):
        say(text="backslash")


@expect(given={"number": 5}, skipped="condition-1 condition-4 condition-6")
@expect(given={"number": 4}, skipped="condition-3 condition-4 condition-5")
@expect(given={"number": 6}, skipped="condition-1 condition-2 condition-5")
@dsl.pipeline
def if_whole_number(number: int):
    with dsl.If(number < 5):
        say(text="less")
    with dsl.If(number <= 5):
        say(text="at most")
    with dsl.If(number >= 5):
        say(text="at least")
    with dsl.If(number > 5):
        say(text="more")
    with dsl.If(number == 5):
        say(text="equal")
    with dsl.If(number != 5):
        say(text="different")


@expect(given={"number": 0.5}, skipped="condition-1 condition-3")
@expect(given={"number": 2}, skipped="condition-2")
@expect(given={"number": -1.25}, skipped="condition-1 condition-3")
@dsl.pipeline
def if_real_number(number: float):
    with dsl.If(number > 0.5):
        say(text="more")
    with dsl.If(number <= 0.5):
        say(text="at most")
    with dsl.If(number == 2.0):
        say(text="two")


@expect(given={"number": -3}, skipped="condition-2")
@expect(given={"number": 3}, skipped="condition-1")
@dsl.pipeline
def if_literal_stands_left(number: int):
    with dsl.If(-1 > number):
        say(text="below")
    with dsl.If(-1 < number):
        say(text="above")


@expect(given={"flag": True}, skipped="condition-2")
@expect(given={"flag": False}, skipped="condition-1")
@expect(given={"flag": "true"}, skipped="condition-2", oracle="it does not read texts as truth values")
@dsl.pipeline
def if_flag(flag: bool):
    with dsl.If(flag == True):
        say(text="on")
    with dsl.If(flag == False):
        say(text="off")


@expect(given={"number": 1}, outputs={"Output": "one"}, skipped="condition-branches-1.condition-3 condition-branches-1.condition-4")
@expect(given={"number": 2}, outputs={"Output": "two"}, skipped="condition-branches-1.condition-2 condition-branches-1.condition-4")
@expect(given={"number": 9}, outputs={"Output": "many"}, skipped="condition-branches-1.condition-2 condition-branches-1.condition-3")
@dsl.pipeline
def one_of_three(number: int) -> str:
    with dsl.If(number == 1):
        one = say(text="one")
    with dsl.Elif(number == 2):
        two = say(text="two")
    with dsl.Else():
        many = say(text="many")
    return dsl.OneOf(one.output, two.output, many.output)


@expect(given={"deep": True}, outputs={"Output": "deep", "again": "deep"}, skipped="condition-branches-1.condition-3",
        artifacts={"model": [{"type": "system.Model", "text": "deep", "metadata": {"text": "deep"}}]},
        oracle="OneOf of artifacts crashes it")
@expect(given={"deep": False}, outputs={"Output": "flat", "again": "flat"}, skipped="condition-branches-1.condition-2",
        artifacts={"model": [{"type": "system.Model", "text": "flat", "metadata": {"text": "flat"}}]},
        oracle="OneOf of artifacts crashes it")
@dsl.pipeline
def one_of_artifacts(deep: bool) -> Chosen:
    with dsl.If(deep == True):
        one = train(text="deep")
    with dsl.Else():
        two = train(text="flat")
    model = dsl.OneOf(one.outputs["model"], two.outputs["model"])
    used = use(model=model)
    again = use(model=model)
    return Chosen(Output=used.output, again=again.output, model=model)


@expect(given={"number": 1}, outputs={"Output": 11}, skipped="condition-branches-1.condition-3 condition-4")
@expect(given={"number": 8}, outputs={"Output": 80}, skipped="condition-branches-1.condition-2")
@dsl.pipeline
def one_of_decides_the_next_condition(number: int) -> int:
    with dsl.If(number < 5):
        low = add(one=number, other=10)
    with dsl.Else():
        high = add(one=number, other=72)
    chosen = dsl.OneOf(low.output, high.output)
    with dsl.If(chosen > 50):
        say(text="high")
    return count(number=chosen).output


@expect(given={"number": 7, "word": "b"}, skipped="condition-1.condition-2")
@expect(given={"number": 7, "word": "a"}, skipped="condition-1.condition-4")
@expect(given={"number": 1, "word": "a"}, skipped="condition-1")
@dsl.pipeline
def conditions_in_conditions(number: int, word: str):
    with dsl.If(number > 5):
        with dsl.If(word == "a"):
            with dsl.If(number < 10):
                say(text="a")
        with dsl.If(word == "b"):
            say(text="b")


@expect(given={"number": 3, "flag": True, "real": 5.0, "word": "go"}, skipped="condition-4")
@expect(given={"number": 4, "flag": False, "real": 1.0, "word": "stop"}, skipped="condition-1 condition-2 condition-3")
@dsl.pipeline
def if_a_tasks_output(number: int, flag: bool, real: float, word: str):
    with dsl.If(count(number=number).output == 3):
        say(text="three")
    with dsl.If(decide(answer=flag).output == True):
        say(text="flag")
    with dsl.If(half(number=real).output > 2):
        say(text="much")
    with dsl.If(say(text=word).output != "go"):
        say(text="not going")


@expect(given={"one": 3, "other": 3}, skipped="condition-2")
@expect(given={"one": 3, "other": 5}, skipped="condition-1")
@dsl.pipeline
def if_two_outputs_are_alike(one: int, other: int):
    left = count(number=one)
    right = count(number=other)
    with dsl.If(left.output == right.output):
        say(text="alike")
    with dsl.If(left.output < right.output):
        say(text="less")


@expect(given={"word": "no"}, skipped="condition-1 say-2 say-3", outputs={"Output": "always"},
        oracle="it does not skip what comes after")
@expect(given={"word": "yes"}, outputs={"Output": "always"})
@dsl.pipeline
def what_comes_after_a_skipped_branch_is_skipped(word: str) -> str:
    with dsl.If(word == "yes"):
        say(text="inside")
    first = say(text="after")
    say(text=first.output)
    return say(text="always").output


@edited(what_comes_after_a_skipped_branch_is_skipped)
def _(spec):
    """Earlier compilers let a task come after a branch."""
    spec["root"]["dag"]["tasks"]["say-2"]["dependentTasks"] = ["condition-1"]


@expect(outputs={"Output": "low,high,high"},
        skipped="for-loop-2.0.condition-branches-3.condition-5 for-loop-2.1.condition-branches-3.condition-4 for-loop-2.2.condition-branches-3.condition-4")
@dsl.pipeline
def branches_in_a_loop_are_collected() -> str:
    with dsl.ParallelFor([1, 5, 9]) as number:
        with dsl.If(number < 4):
            low = say(text="low")
        with dsl.Else():
            high = say(text="high")
        chosen = say(text=dsl.OneOf(low.output, high.output))
    return join(texts=dsl.Collected(chosen.output), by=",").output


@expect(given={"word": "yes"}, outputs={"Output": "again"})
@expect(given={"word": None}, skipped="condition-1", outputs={"Output": "again"})
@expect(given={}, skipped="condition-1", outputs={"Output": "again"})
@dsl.pipeline
def if_text_has_a_default(word: str = "no") -> str:
    with dsl.If(word == "yes"):
        say(text=word)
    return say(text="again").output


@expect(given={"kind": "a", "size": 1}, outputs={"Output": "a small"}, skipped="condition-branches-1.condition-6 condition-branches-1.condition-5.condition-branches-2.condition-4")
@expect(given={"kind": "a", "size": 9}, outputs={"Output": "a large"}, skipped="condition-branches-1.condition-6 condition-branches-1.condition-5.condition-branches-2.condition-3")
@expect(given={"kind": "b", "size": 9}, outputs={"Output": "b"}, skipped="condition-branches-1.condition-5")
@dsl.pipeline
def one_of_in_one_of(kind: str, size: int) -> str:
    with dsl.If(kind == "a"):
        with dsl.If(size < 5):
            small = say(text="a small")
        with dsl.Else():
            large = say(text="a large")
        inner = say(text=dsl.OneOf(small.output, large.output))
    with dsl.Else():
        other = say(text="b")
    return dsl.OneOf(inner.output, other.output)
