"""Command lines that a component's author had put together."""

import json

import pytest

from kfadapter.engine.running.command_lines import command_words
from kfadapter.engine.running.values import Placeholders, Values

INPUT = "{{$.inputs.parameters['name']}}"


def words(*structures: object, **parameters: object) -> list[str]:
    inputs = Values(parameters=parameters, artifacts={"data": [{"name": "data", "uri": "/d"}]})
    texts = [one if isinstance(one, str) else json.dumps(one) for one in structures]
    return command_words(texts, inputs, Placeholders({}, inputs))


def test_parts_are_joined_in_one_word() -> None:
    assert words({"Concat": ["--name=", INPUT, ";"]}, name="a b") == ["--name=a b;"]


@pytest.mark.parametrize(("given", "expected"), [({"name": "x"}, ["--name", "x"]), ({}, ["nobody"])])
def test_presence_decides_between_words(given: dict[str, object], expected: list[str]) -> None:
    choice = {"IfPresent": {"InputName": "name", "Then": ["--name", INPUT], "Else": "nobody"}}
    assert words(choice, **given) == expected


def test_nothing_is_left_when_nothing_is_said_for_absence() -> None:
    assert words("first", {"IfPresent": {"InputName": "name", "Then": "x"}}) == ["first"]


def test_an_artifact_can_be_present() -> None:
    assert words({"IfPresent": {"InputName": "data", "Then": "{{$.inputs.artifacts['data'].uri}}"}}) == ["/d"]


def test_structures_nest() -> None:
    inner = {"IfPresent": {"InputName": "name", "Then": {"Concat": ["<", INPUT, ">"]}}}
    assert words({"Concat": ["a", inner, "b"]}, name="x") == ["a<x>b"]
    assert words({"Concat": ["a", inner, "b"]}) == ["ab"]


def test_a_value_is_never_read_as_a_structure() -> None:
    value = '{"Concat": ["x", "y"]}'
    assert words(INPUT, name=value) == [value]
    assert words({"Concat": [INPUT, "!"]}, name=value) == [f"{value}!"]


def test_what_only_looks_like_one_stays() -> None:
    assert words('{"Concat": nonsense', '{"Concatenate": []}') == ['{"Concat": nonsense', '{"Concatenate": []}']
