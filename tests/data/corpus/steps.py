"""Components that pipelines of the corpus share."""
from functools import partial

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

component = partial(dsl.component, base_image="python:3.11")


@component
def say(text: str) -> str:
    return text


@component
def count(number: int) -> int:
    if type(number) is not int:
        raise TypeError(f"{number!r} is no int")
    return number


@component
def half(number: float) -> float:
    return number / 2


@component
def decide(answer: bool) -> bool:
    return answer


@component
def add(one: int, other: int) -> int:
    return one + other


@component
def numbers(until: int) -> list:
    return list(range(until))


@component
def total(numbers: list) -> int:
    return sum(numbers)


@component
def join(texts: list, by: str = "+") -> str:
    return by.join(str(text) for text in texts)


@component
def show(value: list) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


@component
def show_table(value: dict) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@component
def fail(text: str = "as asked") -> str:
    raise RuntimeError(text)


@component
def report(status: dsl.PipelineTaskFinalStatus, note: str = "") -> str:
    text = f"{status.state}|{status.pipeline_task_name}|{note}|{'error' if status.error_message else 'no error'}"
    print(text)
    return text


@component
def write(text: str, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write(text)
    data.metadata["length"] = len(text)


@component
def read(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read()


@component
def train(text: str, model: Output[Model]):
    with open(model.path, "w") as file:
        file.write(text)
    model.metadata["text"] = text


@component
def use(model: Input[Model]) -> str:
    with open(model.path) as file:
        return file.read()
