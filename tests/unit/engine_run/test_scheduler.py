"""The scheduler without processes: who runs when, and how ends spread."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.running.backoff import backoff_seconds
from kfadapter.engine.running.events import EventReader, EventWriter
from kfadapter.engine.running.ir import Pipeline
from kfadapter.engine.running.journal import History, Journal
from kfadapter.engine.running.nodes import Code, Failure, Node, State
from kfadapter.engine.running.scheduler import Outcome, Scheduler
from kfadapter.engine.running.tree import RunFacts, Tree
from kfadapter.engine.running.values import Values

RUN_ID = "7b1c1f0e-0000-4000-8000-000000000001"
ANYWAY = {"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}


class Bench:
    """A run whose attempts are ended by hand."""

    def __init__(self, directory: Path, tasks: Mapping[str, Any], components: Mapping[str, Any] | None = None) -> None:
        spec = {
            "pipelineInfo": {"name": "p"},
            "root": {"dag": {"tasks": {name: named(name, task) for name, task in tasks.items()}}},
            "components": {"leaf": LEAF, **(components or {})},
            "deploymentSpec": {"executors": {"exec": {"container": {}}}},
        }
        self.path = directory / "events.jsonl"
        self.writer = EventWriter(self.path)
        facts = RunFacts(run_id=RUN_ID, display_name="r", pipeline_root="", created_at="", workspace="")
        self.launched: dict[str, Node] = {}
        self.delays: list[float] = []
        pipeline = Pipeline(spec)
        self.scheduler = Scheduler(pipeline, Tree(pipeline, facts), Journal(self.writer, History()), self)

    def launch(self, node: Node, delay_seconds: float) -> None:
        self.launched[node.path.removeprefix("root.")] = node
        self.delays.append(delay_seconds)

    def cancel(self) -> list[Node]:
        """Everything launched is still waiting for a slot."""
        waiting, self.launched = list(self.launched.values()), {}
        return waiting

    def start(self, **arguments: Any) -> "Bench":
        self.scheduler.start(arguments)
        return self

    def end(self, path: str, state: State = State.SUCCEEDED, **outputs: Any) -> None:
        node = self.launched.pop(path)
        self.scheduler.attempt_started(node)
        failure = Failure(code=Code.UNKNOWN, message="broke") if state is State.FAILED else None
        values = Values(parameters=outputs or {"out": path})
        self.scheduler.attempt_ended(node, Outcome(state=state, outputs=values, failure=failure))

    def states(self) -> dict[str, str]:
        paths, states = {}, {}
        for event in EventReader(self.path):
            if event.type == "task.created":
                paths[event.data["task_id"]] = event.data["path"].removeprefix("root.")
            if event.type.startswith("task."):
                states[paths[event.data["task_id"]]] = event.data.get("state", "PENDING")
        return states

    @property
    def ended(self) -> str:
        return next((event.data["state"] for event in EventReader(self.path) if event.type == "run.finished"), "")


LEAF = {
    "executorLabel": "exec",
    "inputDefinitions": {"parameters": {"word": {"parameterType": "STRING", "isOptional": True}}},
    "outputDefinitions": {"parameters": {"out": {"parameterType": "STRING"}}},
}


def named(name: str, task: Mapping[str, Any]) -> dict[str, Any]:
    return {"componentRef": {"name": "leaf"}, "taskInfo": {"name": name}, **task}


def output_of(task: str) -> dict[str, Any]:
    reference = {"producerTask": task, "outputParameterKey": "out"}
    return {"inputs": {"parameters": {"word": {"taskOutputParameter": reference}}}}


def dag(tasks: Mapping[str, Any], out: str = "") -> dict[str, Any]:
    outputs = {"parameters": {"out": {"valueFromParameter": {"producerSubtask": out, "outputParameterKey": "out"}}}}
    return {
        "dag": {
            "tasks": {name: named(name, task) for name, task in tasks.items()},
            **({"outputs": outputs} if out else {}),
        },
        "inputDefinitions": {"parameters": {"item": {"parameterType": "STRING", "isOptional": True}}},
        "outputDefinitions": {"parameters": {"out": {"parameterType": "STRING"}}},
    }


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def make(tasks: Mapping[str, Any], components: Mapping[str, Any] | None = None) -> Bench:
        made.append(Bench(tmp_path, tasks, components))
        return made[-1]

    yield make
    for one in made:
        one.writer.close()


def test_producers_are_waited_for_even_when_not_listed(bench: Any) -> None:
    run = bench({"b": output_of("a"), "a": {}}).start()
    assert list(run.launched) == ["a"]
    run.end("a", out="x")
    assert run.launched["b"].inputs.parameters == {"word": "x"}
    run.end("b")
    assert run.ended == "SUCCEEDED"


def test_a_failure_skips_dependents_and_starts_nothing_new(bench: Any) -> None:
    run = bench({"a": {}, "b": {"dependentTasks": ["a"]}, "c": {}, "d": {"dependentTasks": ["c"]}}).start()
    assert set(run.launched) == {"a", "c"}
    run.end("a", State.FAILED)
    assert not run.ended
    run.end("c")
    assert run.states() == {"a": "FAILED", "b": "SKIPPED", "c": "SUCCEEDED", "d": "SKIPPED", "root": "FAILED"}
    assert run.ended == "FAILED"


def test_a_chain_of_any_length_is_skipped(bench: Any) -> None:
    tasks: dict[str, Any] = {"t0": {}} | {f"t{n}": {"dependentTasks": [f"t{n - 1}"]} for n in range(1, 3000)}
    run = bench(tasks).start()
    run.end("t0", State.FAILED)
    assert run.ended == "FAILED"


def test_a_task_that_ignores_failures_runs_without_the_missing_value(bench: Any) -> None:
    run = bench({"a": {}, "b": {**output_of("a"), **ANYWAY}, "c": {"dependentTasks": ["b"]}}).start()
    run.end("a", State.FAILED, other="x")
    assert run.launched["b"].inputs.parameters == {}
    run.end("b")
    assert run.states() == {"a": "FAILED", "b": "SUCCEEDED", "c": "SKIPPED", "root": "FAILED"}


def test_siblings_of_a_failed_dag_decide_for_themselves(bench: Any) -> None:
    inner = dag({"x": {}, "y": {"dependentTasks": ["x"]}})
    run = bench(
        {"one": {"componentRef": {"name": "inner"}}, "two": {"componentRef": {"name": "inner"}}}, {"inner": inner}
    )
    run.start()
    run.end("one.x", State.FAILED)
    run.end("two.x")
    run.end("two.y")
    states = run.states()
    assert (states["one"], states["two"], states["one.y"]) == ("FAILED", "SUCCEEDED", "SKIPPED")


def test_a_loop_keeps_its_limit_and_the_order_of_its_results(bench: Any) -> None:
    body = dag({"x": {}}, out="x")
    iterator = {"itemInput": "item", "items": {"raw": '["a", "b", "c"]'}}
    loop = {"componentRef": {"name": "body"}, "parameterIterator": iterator, "iteratorPolicy": {"parallelismLimit": 2}}
    run = bench({"loop": loop, "after": output_of("loop")}, {"body": body}).start()
    assert set(run.launched) == {"loop.0.x", "loop.1.x"}
    run.end("loop.1.x", out="second")
    assert set(run.launched) == {"loop.0.x", "loop.2.x"}
    run.end("loop.2.x", out="third")
    run.end("loop.0.x", out="first")
    assert run.launched["after"].inputs.parameters == {"word": '["first","second","third"]'}


def test_a_failed_iteration_starts_no_further_one(bench: Any) -> None:
    iterator = {"itemInput": "item", "items": {"raw": '["a", "b", "c"]'}}
    loop = {"componentRef": {"name": "body"}, "parameterIterator": iterator, "iteratorPolicy": {"parallelismLimit": 1}}
    run = bench({"loop": loop}, {"body": dag({"x": {}})}).start()
    run.end("loop.0.x", State.FAILED)
    assert run.ended == "FAILED"
    assert "loop.1" not in run.states()


def test_retries_wait_longer_each_time_and_end(bench: Any) -> None:
    retry = {"maxRetryCount": 2, "backoffDuration": "3s", "backoffFactor": 2, "backoffMaxDuration": "5s"}
    run = bench({"a": {"retryPolicy": retry}}).start()
    for _ in range(3):
        run.end("a", State.FAILED)
    assert run.delays == [0.0, 3.0, 5.0]
    assert run.ended == "FAILED"
    assert backoff_seconds({}, 1000) == 0.0


def test_stopping_cancels_everything_and_runs_no_exit_task(bench: Any) -> None:
    run = bench({"a": {}, "b": {"dependentTasks": ["a"]}, "exit": {"dependentTasks": ["a"], **ANYWAY}}).start()
    run.scheduler.stop(Failure(code=Code.CANCELED, message="asked"))
    assert run.states() == {"a": "CANCELED", "b": "CANCELED", "exit": "CANCELED", "root": "CANCELED"}
    assert run.ended == "CANCELED"


def test_an_input_without_a_value_fails_the_task_by_name(bench: Any) -> None:
    needy = {**LEAF, "inputDefinitions": {"parameters": {"must": {"parameterType": "STRING"}}}}
    run = bench({"a": {"componentRef": {"name": "needy"}}}, {"needy": needy}).start()
    assert run.ended == "FAILED"
    assert "'must' has no value" in run.scheduler.root.failure.message


@pytest.mark.parametrize(
    ("tasks", "circle"),
    [
        ({"a": {"dependentTasks": ["a"]}}, "a -> a"),
        ({"x": {}, "a": {"dependentTasks": ["c", "x"]}, "b": {"dependentTasks": ["a"]}, "c": output_of("b")}, "a -> "),
        ({"a": {"dependentTasks": ["b"], **ANYWAY}, "b": {"dependentTasks": ["a"]}}, "a -> b -> a"),
    ],
)
def test_tasks_that_wait_for_each_other_fail_at_once(bench: Any, tasks: dict[str, Any], circle: str) -> None:
    run = bench({"inner": {"componentRef": {"name": "inner"}}}, {"inner": dag(tasks)}).start()
    assert (run.ended, run.states(), run.launched) == ("FAILED", {"root": "FAILED", "inner": "FAILED"}, {})
    assert f"tasks wait for each other: {circle}" in run.scheduler.root.failure.message


def test_a_dependency_on_a_task_that_does_not_exist_fails(bench: Any) -> None:
    run = bench({"a": {"dependentTasks": ["ghost"]}}).start()
    assert "'ghost', which is no task" in run.scheduler.root.failure.message


def test_task_ids_are_the_same_in_every_round(bench: Any, tmp_path: Path) -> None:
    first = bench({"a": {}}).start().launched["a"].task_id
    assert bench({"a": {}}).start().launched["a"].task_id == first
