"""Pipelines made to cost time end in time: as a description, or with the package's error."""

import json
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from kfadapter.errors import PackageError
from kfadapter.pipelines.commands import read_installation
from kfadapter.pipelines.description import describe
from kfadapter.pipelines.diff import diff
from kfadapter.pipelines.lint import MAX_OF_A_RULE, lint
from kfadapter.pipelines.render.dot import to_dot
from kfadapter.pipelines.render.mermaid import to_mermaid
from kfadapter.pipelines.render.svg import to_svg
from kfadapter.pipelines.validation import validate_document

PATIENCE_SECONDS = 20.0
"""On the processor, for all there is to do with one pipeline; a loaded test machine takes some four."""


def task(component: str = "comp-x", **more: Any) -> dict[str, Any]:
    return {"componentRef": {"name": component}, **more}


def spec(tasks: dict[str, Any], components: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    return {
        "pipelineInfo": {"name": "p"},
        "schemaVersion": "2.1.0",
        "root": {"dag": {"tasks": tasks}},
        "components": {"comp-x": {"executorLabel": "exec-x"}, **(components or {})},
        "deploymentSpec": {"executors": {"exec-x": {"container": {"image": "i", **container}}}},
    }


def one_of_one_of(levels: int = 40) -> dict[str, Any]:
    """Each level takes its output from either of two uses of the next one."""
    output = {"outputDefinitions": {"parameters": {"o": {"parameterType": "STRING"}}}}
    components: dict[str, Any] = {f"comp-{levels}": {"executorLabel": "exec-x", **output}}
    for level in range(levels):
        selectors = [
            {"producerSubtask": "a", "outputParameterKey": "o"},
            {"producerSubtask": "b", "outputParameterKey": "o"},
        ]
        outputs = {"parameters": {"o": {"valueFromOneof": {"parameterSelectors": selectors}}}}
        component = f"comp-{level + 1}" if level < 6 else f"comp-{levels}"
        tasks = {"a": task(component), "b": task(component)}
        components[f"comp-{level}"] = {"dag": {"tasks": tasks, "outputs": outputs}, **output}
    return spec({"top": task("comp-0")}, components)


def constant(value: Any) -> dict[str, Any]:
    return {"inputs": {"parameters": {"x": {"runtimeValue": {"constant": value}}}}}


def chain(length: int) -> dict[str, Any]:
    return {f"t{n}": task(dependentTasks=[f"t{n - 1}"] if n else []) for n in range(length)}


def everything_after_everything(count: int = 450) -> dict[str, Any]:
    return {f"t{n}": task(dependentTasks=[f"t{k}" for k in range(n)]) for n in range(count)}


LIGHTWEIGHT = ["sh", "-ec", "python3 -m kfp.dsl.executor_main"]
FLOODS: dict[str, Callable[[], dict[str, Any]]] = {
    "many steps": lambda: spec({f"t{n}": task() for n in range(19_000)}),
    "a long chain": lambda: spec(chain(5_000)),
    "everything after everything": lambda: spec(everything_after_everything()),
    "a circle": lambda: spec({**chain(5_000), "t0": task(dependentTasks=["t4999"])}),
    "one of one of": one_of_one_of,
    "many inputs": lambda: spec(
        {"t": task(inputs={"parameters": {f"i{n}": {"componentInputParameter": f"i{n}"} for n in range(60_000)}})}
    ),
    "many items": lambda: spec(
        {"t": task("comp-g", parameterIterator={"itemInput": "i", "items": {"raw": json.dumps(list(range(100_000)))}})},
        {"comp-g": {"dag": {"tasks": {"a": task()}}}},
    ),
    "a long condition": lambda: spec(
        {"t": task(triggerPolicy={"condition": "inputs.parameter_values['a'] == '(' && " * 50_000})}
    ),
    "a long constant everywhere": lambda: spec({f"t{n}": task(**constant("{{" * 100_000)) for n in range(100)}),
    "what looks like tokens": lambda: spec({"t": task()}, args=["eyJ-" * 500_000, "ghp_" * 500_000]),
    "what looks like pins": lambda: spec(
        {"t": task()},
        command=["sh", "-c", "python3 -m pip install " + "==a" * 300_000 + '* && "$0" "$@"', *LIGHTWEIGHT, "x"],
    ),
    "many installations": lambda: spec(
        {"t": task()},
        command=["sh", "-c", "python3 -m pip install a && " * 20_000 + '"$0" "$@"', *LIGHTWEIGHT, "x"],
    ),
    "a very long source": lambda: spec({"t": task()}, command=[*LIGHTWEIGHT, "a = 1\n" * 1_000_000]),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_in_time(flood: str) -> None:
    document = FLOODS[flood]()
    start = time.process_time()
    validate_document(document, None)
    try:
        description = describe(document)
    except PackageError:
        pass
    else:
        orjson.dumps(description.to_json())
        lint(description)
        for draw in (to_svg, to_mermaid, to_dot):
            draw(description.graph)
        diff(description, describe(spec({"other": task()}))).to_json()
    assert time.process_time() - start < PATIENCE_SECONDS


def test_a_chain_of_installations_is_read_whole() -> None:
    prelude = " && ".join(f"python3 -m pip install --quiet 'p{n}==1'" for n in range(2_000)) + ' && "$0" "$@"'
    assert len(read_installation(["sh", "-c", prelude]).requirements) == 2_000


def test_remarks_of_one_rule_are_counted_beyond_a_hundred() -> None:
    remarks = [
        each for each in lint(describe(spec({f"t{n}": task() for n in range(150)}))) if each.rule == "no-timeout"
    ]
    assert len(remarks) == MAX_OF_A_RULE + 1
    assert remarks[-1].message == "100 places are listed; the same holds of 50 more"


def test_sources_beyond_the_limit_are_only_told_to_have_changed() -> None:
    def sources(word: str) -> dict[str, Any]:
        lines = "".join(f"{word} = {n}\n" for n in range(900))
        document = spec({f"t{n}": task(f"comp-{n}") for n in range(40)})
        for n in range(40):
            document["components"][f"comp-{n}"] = {"executorLabel": f"exec-{n}"}
            container = {"image": "i", "command": [*LIGHTWEIGHT, lines], "args": ["--function_to_execute", "f"]}
            document["deploymentSpec"]["executors"][f"exec-{n}"] = {"container": container}
        return document

    shown: Any = diff(describe(sources("a")), describe(sources("b"))).to_json()["changes"]
    diffs = [change["diff"] for change in shown["source"]]
    assert len(diffs) == 40
    assert diffs[0].startswith("--- ")
    assert diffs[-1] == ""
