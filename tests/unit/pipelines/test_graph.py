"""The flattened graph: what leads to what, where values come from, and what small files may not unfold to."""

from typing import Any

import pytest

from kfadapter.errors import PackageError
from kfadapter.pipelines.conditions import in_words, inputs_of
from kfadapter.pipelines.description import describe
from kfadapter.pipelines.flattening import MAX_DEPTH, MAX_NODES
from kfadapter.pipelines.graph import Graph, NodeKind, ReasonKind
from support.described import described


def spec(tasks: dict[str, Any], components: dict[str, Any] | None = None, **root: Any) -> dict[str, Any]:
    return {
        "pipelineInfo": {"name": "p"},
        "schemaVersion": "2.1.0",
        "root": {"dag": {"tasks": tasks}, **root},
        "components": {"comp-x": {"executorLabel": "exec-x"}, **(components or {})},
        "deploymentSpec": {"executors": {"exec-x": {"container": {"image": "i"}}}},
    }


def task(component: str = "comp-x", **more: Any) -> dict[str, Any]:
    return {"componentRef": {"name": component}, **more}


def labels(graph: Graph, node: str) -> dict[str, str]:
    return {each.name: each.label for each in graph.by_id[node].inputs}


def reasons(graph: Graph) -> dict[tuple[str, str], list[tuple[str, str, str]]]:
    return {
        (edge.source, edge.target): [(why.kind.value, why.output, why.input) for why in edge.reasons]
        for edge in graph.edges
    }


def test_edges_say_why() -> None:
    found = reasons(described("artifact-chain").graph)
    assert found["train", "evaluate"] == [("artifact", "model", "model")]
    assert found["evaluate", "deploy"] == [("order", "", "")]
    assert found["train", "deploy"] == [("artifact", "model", "model")]


def test_a_value_that_decides_is_told_apart_from_one_that_is_used() -> None:
    assert reasons(described("if-elif-else").graph)["say", "condition-branches-1"] == [
        ("condition", "Output", "pipelinechannel--say-Output")
    ]
    assert {why.kind for edge in described("loops-in-loops").graph.edges for why in edge.reasons} == {
        ReasonKind.CONDITION
    }


def test_an_exit_task_knows_what_it_cleans_up() -> None:
    graph = described("exit-handler-with-status").graph
    assert graph.by_id["told"].cleans_up == "exit-handler-1"
    assert graph.by_id["tidy"].cleans_up == "exit-handler-2"
    assert reasons(graph)["exit-handler-1", "told"] == [("status", "", "status")]
    assert graph.by_id["told"].trigger is not None
    assert graph.by_id["told"].trigger.text == "after exit-handler-1, however that ended"


def test_values_are_traced_into_groups() -> None:
    graph = described("nested").graph
    assert labels(graph, "model-of.prepare") == {"rows": "input rows"}
    assert labels(graph, "model-of-2.train") == {"epochs": "9", "data": "model-of-2.prepare.data"}
    assert labels(graph, "model-of.train")["epochs"] == "3"


def test_values_are_traced_out_of_groups() -> None:
    assert labels(described("three-levels").graph, "deploy")["model"] == "two-levels.model-of.train.model"
    assert labels(described("collected-values").graph, "total") == {"numbers": "all for-loop-2.count.Output"}
    assert labels(described("one-of").graph, "deploy")["model"] == "outcome of condition-branches-1"


def test_an_output_of_branches_names_every_step_that_may_make_it() -> None:
    (output,) = described("one-of").graph.outputs
    assert [(source.node, source.name) for source in output.sources] == [
        ("condition-branches-1.condition-2.train", "model"),
        ("condition-branches-1.condition-3.train-2", "model"),
    ]


def test_items_of_loops_are_traced_with_their_fields() -> None:
    assert labels(described("loop-over-fields").graph, "for-loop-2.say")["text"] == (
        '"{for-loop-2.item.site} is {for-loop-2.item.size}"'
    )
    inner = described("loops-in-loops").graph.by_id["for-loop-1.for-loop-2"].iteration
    assert inner is not None
    assert inner.text == "for each item of for-loop-1.item.cells"


def test_loops_say_what_they_run_over() -> None:
    loop = described("loop-over-an-input").graph.by_id["for-loop-1"].iteration
    assert loop is not None
    assert (loop.over, loop.parallelism, loop.text) == ("parameter", 2, "for each item of input names, 2 at a time")
    constants = described("loop-over-constants").graph.by_id["for-loop-2"].iteration
    assert constants is not None
    assert constants.items == ("a", "b", "it's")


def test_inputs_know_the_steps_that_they_reach() -> None:
    uses = {(use.parameter, use.node, use.input) for use in described("artifact-chain").graph.uses}
    assert uses == {("rows", "prepare", "rows"), ("epochs", "train", "epochs")}
    only = {(use.parameter, use.node) for use in described("only-if").graph.uses}
    assert only == {("score", "condition-1")}


def test_branches_are_told_apart_from_nested_pipelines() -> None:
    kinds = {node.id: node.kind for node in described("if-elif-else").graph.nodes}
    assert kinds["condition-branches-1"] is NodeKind.BRANCHES
    assert kinds["condition-branches-1.condition-4"] is NodeKind.CONDITION
    assert described("nested").graph.by_id["model-of"].kind is NodeKind.PIPELINE


def test_steps_come_after_what_they_wait_for() -> None:
    order = [node.id for node in described("wide-and-back").graph.nodes]
    assert order[0] == "prepare"
    assert order[-1] == "say"


def test_a_dot_in_a_name_does_not_look_like_a_group() -> None:
    graph = describe(spec({"a.b%": task()})).graph
    assert [node.id for node in graph.nodes] == ["a%2Eb%25"]


def test_tasks_that_wait_for_each_other_are_shown_all_the_same() -> None:
    graph = describe(spec({"a": task(dependentTasks=["b"]), "b": task(dependentTasks=["a"]), "c": task()})).graph
    assert [node.id for node in graph.nodes] == ["c", "a", "b"]
    assert len(graph.edges) == 2


def test_a_component_that_nobody_knows_is_shown_as_unknown() -> None:
    node = describe(spec({"a": task("comp-missing")})).graph.by_id["a"]
    assert (node.kind, node.executor) == (NodeKind.UNKNOWN, "")


def test_a_component_that_contains_itself_is_refused() -> None:
    loop = {"comp-a": {"dag": {"tasks": {"b": task("comp-b")}}}, "comp-b": {"dag": {"tasks": {"a": task("comp-a")}}}}
    with pytest.raises(PackageError, match="contains itself"):
        describe(spec({"a": task("comp-a")}, loop))


def test_a_small_file_that_unfolds_without_end_is_refused() -> None:
    components: dict[str, Any] = {
        f"comp-{n}": {"dag": {"tasks": {f"t{k}": task(f"comp-{n + 1}") for k in range(10)}}} for n in range(30)
    }
    with pytest.raises(PackageError, match=f"more than {MAX_NODES:,} steps"):
        describe(spec({"a": task("comp-0")}, components | {"comp-30": {"executorLabel": "exec-x"}}))


def test_groups_in_groups_without_end_are_refused() -> None:
    components: dict[str, Any] = {
        f"comp-{n}": {"dag": {"tasks": {"t": task(f"comp-{n + 1}")}}} for n in range(MAX_DEPTH + 10)
    }
    with pytest.raises(PackageError, match="nested deeper"):
        describe(spec({"a": task("comp-0")}, components))


def test_a_large_value_that_is_repeated_without_end_is_refused() -> None:
    big = task(inputs={"parameters": {"x": {"runtimeValue": {"constant": "x" * 5_000_000}}}})
    components: dict[str, Any] = {"comp-big": {"dag": {"tasks": {"b": big}}}}
    with pytest.raises(PackageError, match="unfolds to more than 64 MB"):
        describe(spec({f"t{n}": task("comp-big") for n in range(20)}, components))


def test_long_names_in_each_other_are_refused() -> None:
    name = "n" * 1_500
    components: dict[str, Any] = {"comp-a": {"dag": {"tasks": {name: task()}}}}
    with pytest.raises(PackageError, match="longer than 2,000 characters"):
        describe(spec({name: task("comp-a")}, components))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("inputs.parameter_values['x'] == 'a'", "X == 'a'"),
        ("int(inputs.parameter_values['x']) >= 10", "X >= 10"),
        ("!(inputs.parameter_values['x'] == true)", "not (X == true)"),
        (
            "!(inputs.parameter_values['x'] == 'a') && !(inputs.parameter_values['x'] == 'b')",
            "not (X == 'a') and not (X == 'b')",
        ),
        ("inputs.parameter_values['x'] == '&& !(int(x)'", "X == '&& !(int(x)'"),
        ("(inputs.parameter_values['x'] != 'a')", "X != 'a'"),
        ("((a) || (b))", "(a) or (b)"),
        ("'unended", "'unended"),
    ],
)  # fmt: skip
def test_conditions_are_put_in_words(condition: str, words: str) -> None:
    assert in_words(condition, str.upper) == words


def test_the_inputs_of_a_condition_are_known() -> None:
    assert inputs_of("int(inputs.parameter_values['a']) > 1 || inputs.parameter_values[\"b\"] == ''") == {"a", "b"}
