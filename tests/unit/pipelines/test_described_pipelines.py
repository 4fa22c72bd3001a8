"""Everything the compiler makes is read, and says what we have checked by eye that it says."""

import json
from pathlib import Path
from typing import Any

import pytest

from kfadapter.pipelines.description import describe
from kfadapter.pipelines.diff import Verdict, diff
from kfadapter.pipelines.documents import load_documents
from kfadapter.pipelines.validation import validate
from support.described import COMPILED, DESCRIBED, described, description_of, golden_files, label


@pytest.mark.parametrize("compiled", DESCRIBED, ids=label)
def test_a_pipeline_is_described_as_agreed(compiled: Path) -> None:
    for path, text in golden_files(compiled).items():
        assert text == path.read_text(), f"{path.name} differs: see tests/data/described/golden.py"


def test_nothing_is_agreed_for_pipelines_that_are_gone() -> None:
    golden = DESCRIBED[0].parents[1] / "golden"
    expected = {path for compiled in DESCRIBED for path in golden_files(compiled)}
    assert {path for path in golden.rglob("*.*") if path.is_file()} == expected
    assert len(DESCRIBED) >= 40


@pytest.mark.parametrize("compiled", COMPILED, ids=label)
def test_what_the_compiler_makes_is_valid_and_has_no_unknown_field(compiled: Path) -> None:
    report = validate(compiled.read_bytes())
    assert report.problems == ()
    assert bool(report.notes) is (compiled.stem == "newer-fields")


@pytest.mark.parametrize("compiled", COMPILED, ids=label)
def test_every_node_edge_and_source_refers_to_something(compiled: Path) -> None:
    description = description_of(compiled)
    graph, nodes = description.graph, description.graph.by_id
    assert len(nodes) == len(graph.nodes)
    assert all(node.parent == "" or nodes[node.parent].is_group for node in graph.nodes)
    assert all(nodes[edge.source].parent == nodes[edge.target].parent for edge in graph.edges)
    sources = [each.source for node in graph.nodes for each in node.inputs]
    sources += [source for node in graph.nodes for output in node.outputs for source in output.sources]
    assert all(source.node in nodes for source in sources if source.node)
    assert all(node.executor in description.executors for node in graph.nodes if not node.is_group)
    names = {each.name for each in description.inputs.parameters} | {each.name for each in description.inputs.artifacts}
    assert {use.parameter for use in graph.uses} <= names


@pytest.mark.parametrize("compiled", DESCRIBED, ids=label)
def test_a_description_is_the_same_however_the_pipeline_is_written(compiled: Path) -> None:
    documents: list[Any] = load_documents(compiled.read_bytes())
    pair = {"pipeline_spec": documents[0], "platform_spec": documents[1] if len(documents) > 1 else None}
    turned = json.loads(json.dumps(pair), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    described_again = describe(turned)
    assert described_again.digest == description_of(compiled).digest
    assert diff(description_of(compiled), described_again).verdict is Verdict.IDENTICAL


def test_the_digest_tells_contents_apart() -> None:
    assert len({description_of(path).digest for path in DESCRIBED}) == len(DESCRIBED)


def test_fields_of_a_newer_compiler_are_kept_and_shown() -> None:
    description = described("newer-fields")
    assert description.unknown == {
        "signature": {"by": "somebody"},
        "components.comp-say.inputDefinitions.parameters.text.unit": "words",
        "root.dag.tasks.say.priority": 5,
        "deploymentSpec.executors.exec-say.container.sidecars": ["proxy"],
    }
    assert description.graph.by_id["say"].extra == {"priority": 5}
    assert description.executors["exec-say"].extra == {"sidecars": ["proxy"]}


def test_a_step_is_shown_whole() -> None:
    (step,) = described("settings-of-a-task").steps
    container: Any = step["container"]
    assert step["display_name"] == "Say it"
    assert step["caching"] == {"enabled": False, "key": None}
    assert step["retry"] == {
        "max_retries": 3,
        "backoff_seconds": 30.0,
        "backoff_factor": 2.0,
        "backoff_max_seconds": 600.0,
    }
    assert container["resources"] == {
        "cpu_request": "500m",
        "cpu_limit": "2",
        "memory_request": "1Gi",
        "memory_limit": "4G",
    }
    assert container["accelerator"] == {"type": "nvidia.com/gpu", "count": "2"}
    assert container["env"] == [{"name": "LOG_LEVEL", "value": "debug"}, {"name": "EMPTY", "value": ""}]
    assert container["source"]["function"] == "say"
    assert container["source"]["text"].startswith("def say(text: str) -> str:")


def test_quantities_of_older_compilers_are_kubernetes_quantities() -> None:
    (step,) = described("settings-of-a-task", "2.2").steps
    container: Any = step["container"]
    assert container["resources"] == {
        "cpu_request": "0.5",
        "cpu_limit": "2",
        "memory_request": "1.073741824G",
        "memory_limit": "4G",
    }


def test_counts_say_how_large_a_pipeline_is() -> None:
    counts = described("exit-handler-with-status").counts
    assert (counts.steps, counts.exit_handlers, counts.nodes, counts.depth, counts.parameters) == (5, 2, 7, 1, 1)
    assert described("if-elif-else").counts.conditions == 3


def test_a_summary_is_a_part_of_the_whole() -> None:
    description = described("described-inputs")
    whole = description.to_json()
    assert description.summary().items() <= whole.items()
    assert whole["display_name"] == "Cell model"
    assert [p["description"] for p in whole["parameters"]] == [  # type: ignore[index, union-attr, call-overload]
        "How often the data is gone through.",
        "Rows of data; more is better.",
    ]
    json.dumps(whole)
