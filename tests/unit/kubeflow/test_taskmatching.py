"""Executions of ML Metadata find their tasks; what is doubtful is left open."""

from typing import Any

from kfadapter.kubeflow.executions import Execution
from kfadapter.kubeflow.resources import TaskDetail
from kfadapter.kubeflow.taskmatching import matched, parents
from kfadapter.kubeflow.tasks import Values

NOTHING = Values(parameters={}, artifacts={})


def task(task_id: str, name: str, parent: str = "", *pods: str) -> TaskDetail:
    return TaskDetail.from_json(
        {
            "task_id": task_id,
            "display_name": name,
            "parent_task_id": parent,
            "child_tasks": [{"pod_name": pod} for pod in pods],
        }
    )


def ran(id_: int, name: str, parent: int = 0, **more: Any) -> Execution:
    given = {"kind": "container", "pod_name": "", "iteration_index": None, **more}
    return Execution(
        id=id_,
        names=frozenset({name}),
        parent_id=parent,
        is_cached=False,
        inputs=NOTHING,
        outputs=NOTHING,
        **given,
    )


def ids(details: list[TaskDetail], *executions: Execution) -> dict[str, int]:
    return {key: one.id for key, one in matched(details, {one.id: one for one in executions}).items()}


def test_a_name_that_is_there_once_is_enough() -> None:
    assert ids([task("a", "train"), task("b", "test")], ran(7, "test"), ran(8, "train")) == {"a": 8, "b": 7}


def test_of_several_attempts_at_one_place_the_last_counts() -> None:
    assert ids([task("a", "train")], ran(7, "train"), ran(9, "train"), ran(8, "train")) == {"a": 9}


def test_the_pod_decides_between_tasks_of_one_name() -> None:
    details = [task("a", "train", "", "w-1"), task("b", "train", "", "w-2")]
    assert ids(details, ran(7, "train", pod_name="w-2"), ran(8, "train", pod_name="w-1")) == {"a": 8, "b": 7}


def test_a_pod_is_known_by_the_hash_in_either_form_of_its_name() -> None:
    details = [task("a", "train", "", "wf-x7f2k-1234567890"), task("b", "train", "", "wf-x7f2k-987654321")]
    one = ran(7, "train", pod_name="wf-x7f2k-system-container-impl-987654321")
    other = ran(8, "train", pod_name="wf-x7f2k-system-container-impl-1234567890")
    assert ids(details, one, other) == {"a": 8, "b": 7}


def test_a_group_does_not_take_the_execution_of_what_runs_in_it() -> None:
    details = [task("g", "condition-1", "", "w-1"), task("a", "train", "", "w-1")]
    assert ids(details, ran(7, "train", pod_name="w-1")) == {"a": 7}


def test_groups_and_iterations_decide_where_the_server_tells_them() -> None:
    details = [
        task("loop", "for-loop-1"),
        task("i0", "iteration-iterations(0:0)", "loop"),
        task("i1", "iteration-iterations(1:1)", "loop"),
        task("t0", "train", "i0"),
        task("t1", "train", "i1"),
        task("top", "train"),
    ]
    loop = ran(2, "for-loop-1", kind="loop")
    first = ran(3, "for-loop-1", 2, kind="iteration", iteration_index=0)
    second = ran(4, "for-loop-1", 2, kind="iteration", iteration_index=1)
    trains = (ran(5, "train", 4, iteration_index=1), ran(6, "train", 3, iteration_index=0), ran(7, "train"))
    everything = (loop, first, second, *trains)
    assert ids(details, *everything) == {"loop": 2, "i0": 3, "i1": 4, "t1": 5, "t0": 6, "top": 7}
    executions = {one.id: one for one in everything}
    assert parents(matched(details, executions), executions) == {"i0": "loop", "i1": "loop", "t0": "i0", "t1": "i1"}


def test_names_in_several_places_without_groups_are_not_guessed() -> None:
    group = ran(2, "sub", kind="dag")
    assert ids([task("a", "train"), task("b", "train")], group, ran(3, "train", 2), ran(4, "train")) == {}
    assert ids([task("a", "train")], group, ran(3, "train", 2), ran(4, "train")) == {}


def test_iterations_of_the_only_loop_are_known_by_their_numbers() -> None:
    details = [task("i0", "iteration-iterations(0:0)"), task("i1", "iteration-iterations(1:1)")]
    loop, other = ran(2, "for-loop-1", kind="loop"), ran(5, "for-loop-2", kind="loop")
    each = [ran(3 + at, "for-loop-1", 2, kind="iteration", iteration_index=at) for at in (0, 1)]
    assert ids(details, loop, *each) == {"i0": 3, "i1": 4}
    assert ids(details, loop, *each, other, ran(6, "for-loop-2", 5, kind="iteration", iteration_index=0)) == {"i1": 4}


def test_groups_that_lead_in_a_circle_end() -> None:
    assert ids([task("a", "train")], ran(2, "x", 3, kind="dag"), ran(3, "y", 2, kind="dag"), ran(4, "train", 2)) == {
        "a": 4
    }
