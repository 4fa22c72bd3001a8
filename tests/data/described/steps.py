"""Components that the pipelines are made of."""
from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

component = dsl.component(base_image="python:3.11")


@component
def say(text: str) -> str:
    return text


@component
def count(number: int) -> int:
    return number


@component
def total(numbers: list) -> int:
    return sum(numbers)


@component
def sites() -> list:
    return [{"site": "s1", "cells": [1, 2]}]


@component
def flip() -> bool:
    return True


@component
def prepare(rows: int, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write("x\n" * rows)


@component
def train(data: Input[Dataset], epochs: int, model: Output[Model]) -> float:
    return float(epochs)


@component
def evaluate(model: Input[Model], data: Input[Dataset], metrics: Output[Metrics]) -> float:
    metrics.log_metric("accuracy", 0.9)
    return 0.9


@component
def deploy(model: Input[Model], where: str = "staging"):
    print(where)


@component
def tidy(place: str = "everywhere"):
    print(place)


@component
def fetch(url: str, data: Output[Dataset]):
    open(data.path, "w").write(url)
