"""How long it takes to read, flatten and draw a pipeline of 300 tasks: `python benchmarks/pipelines.py [ROUNDS]`.

The specification comes as JSON, as Kubeflow's API gives it, and as YAML, as somebody uploads it. Each figure is the
median of the rounds; the target for parse + describe + SVG from JSON is 150 ms.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson
import yaml

from kfadapter.pipelines.description import describe
from kfadapter.pipelines.diff import diff
from kfadapter.pipelines.lint import lint
from kfadapter.pipelines.package import open_package
from kfadapter.pipelines.render.dot import to_dot
from kfadapter.pipelines.render.mermaid import to_mermaid
from kfadapter.pipelines.render.svg import to_svg
from kfadapter.pipelines.validation import validate

TASKS = 300
IN_A_LOOP = 15
PRELUDE = (
    "python3 -m pip install --quiet --no-warn-script-location 'kfp==2.17.0' '--no-deps' && "
    'python3 -m pip install --quiet --no-warn-script-location \'pandas==2.2.2\' && "$0" "$@"'
)
SOURCE = "\nimport kfp\nfrom kfp import dsl\n\ndef step(text: str) -> str:\n" + "    text = text.strip()\n" * 40


def specification() -> dict[str, Any]:
    """A pipeline of 300 lightweight components, some in loops, each fed by up to three others."""
    chance = random.Random(7)
    spec: dict[str, Any] = {
        "pipelineInfo": {"name": "large"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
        "components": {},
        "deploymentSpec": {"executors": {}},
        "root": {"dag": {"tasks": {}}},
    }
    for group in range(TASKS // IN_A_LOOP):
        names = [f"step-{group}-{number}" for number in range(IN_A_LOOP)]
        tasks = {name: _task(spec, chance, name, names[:number]) for number, name in enumerate(names)}
        if group % 2:
            spec["root"]["dag"]["tasks"].update(tasks)
        else:
            spec["components"][f"comp-for-loop-{group}"] = {"dag": {"tasks": tasks}}
            spec["root"]["dag"]["tasks"][f"for-loop-{group}"] = {
                "componentRef": {"name": f"comp-for-loop-{group}"},
                "taskInfo": {"name": f"for-loop-{group}"},
                "dependentTasks": [f"step-{group - 1}-14"] if group else [],
                "parameterIterator": {"itemInput": "item", "items": {"raw": '["a", "b"]'}},
            }
    return spec


def _task(spec: dict[str, Any], chance: random.Random, name: str, before: list[str]) -> dict[str, Any]:
    upstream = chance.sample(before, min(len(before), chance.choice([1, 1, 2, 3])))
    texts = {f"text{number}": {"parameterType": "STRING"} for number in range(len(upstream))}
    spec["components"][f"comp-{name}"] = {
        "executorLabel": f"exec-{name}",
        "inputDefinitions": {"parameters": texts},
        "outputDefinitions": {"parameters": {"Output": {"parameterType": "STRING"}}},
    }
    command = ["sh", "-c", PRELUDE, "sh", "-ec", "python3 -m kfp.dsl.executor_main", SOURCE]
    args = ["--executor_input", "{{$}}", "--function_to_execute", "step"]
    spec["deploymentSpec"]["executors"][f"exec-{name}"] = {
        "container": {"image": "python:3.11", "command": command, "args": args}
    }
    outputs = [{"taskOutputParameter": {"producerTask": one, "outputParameterKey": "Output"}} for one in upstream]
    return {
        "cachingOptions": {"enableCache": True},
        "componentRef": {"name": f"comp-{name}"},
        "dependentTasks": upstream,
        "inputs": {"parameters": dict(zip(texts, outputs, strict=True))},
        "taskInfo": {"name": name},
    }


def measured(work: Callable[[], object], rounds: int) -> float:
    """The median time of some work on the processor, in milliseconds: what else runs on the machine does not count."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    spec = specification()
    as_json, as_yaml = orjson.dumps(spec), yaml.dump(spec, Dumper=yaml.CSafeDumper).encode()
    description = describe(spec)
    graph = description.graph
    rows: list[tuple[str, Callable[[], object]]] = [
        ("parse JSON, describe, draw SVG", lambda: to_svg(describe(orjson.loads(as_json)).graph)),
        ("parse JSON and describe", lambda: describe(orjson.loads(as_json))),
        ("SVG", lambda: to_svg(graph)),
        ("Mermaid", lambda: to_mermaid(graph)),
        ("DOT", lambda: to_dot(graph)),
        ("description as JSON", lambda: orjson.dumps(describe(spec).to_json())),
        ("remarks", lambda: lint(description)),
        ("diff", lambda: diff(description, description)),
        ("open the YAML package", lambda: open_package(as_yaml)),
        ("check the YAML package", lambda: validate(as_yaml)),
    ]
    print(
        f"{len(graph.nodes)} nodes, {len(graph.edges)} edges, {len(as_json):,} bytes of JSON, {len(as_yaml):,} of YAML"
    )
    for name, work in rows:
        print(f"{name:32} {measured(work, rounds):8.1f} ms")


if __name__ == "__main__":
    main()
