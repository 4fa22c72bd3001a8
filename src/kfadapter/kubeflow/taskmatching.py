"""Which execution in ML Metadata belongs to which task that the API tells of. Pure.

The pod decides where there is one. Else it is the name, together with the groups and iterations around it where
several have that name. What stays doubtful is not guessed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kfadapter.kubeflow.executions import Execution
from kfadapter.kubeflow.resources import TaskDetail
from kfadapter.kubeflow.tasks import iteration_of

# Argo's pods end in the hash of their node's name, whichever way they are named.
POD_HASH = re.compile(r"-(\d{7,})$")

Element = frozenset[str] | int
Path = tuple[Element, ...]


def matched(details: Sequence[TaskDetail], executions: Mapping[int, Execution]) -> dict[str, Execution]:
    """The executions by the ids of the tasks they belong to; of several attempts the last."""
    found = _by_pods(details, executions.values())
    taken = {one.id for one in found.values()}
    paths = {one.id: _path(one, executions) for one in executions.values() if one.id not in taken}
    by_name = _by_innermost(paths)
    by_id = {one.task_id: one for one in details}
    namesakes = Counter(one.display_name for one in details)
    are_groups_told = any(one.parent_task_id for one in details)
    for detail in details:
        if detail.task_id in found:
            continue
        fitting = by_name.get(_element(detail), [])
        if len({paths[one] for one in fitting}) > 1 or namesakes[detail.display_name] > 1:
            place = _place(detail, by_id) if are_groups_told else ()
            fitting = [one for one in fitting if _is_at(paths[one], place)]
        if fitting:
            found[detail.task_id] = executions[max(fitting)]
    return _undoubted(found)


def parents(found: Mapping[str, Execution], executions: Mapping[int, Execution]) -> dict[str, str]:
    """The task each task is in, by their ids, as far as the groups around it belong to tasks."""
    tasks = {execution.id: task_id for task_id, execution in found.items()}
    inside = {}
    for task_id, execution in found.items():
        around = (one.id for one in _around(execution, executions))
        parent = next((tasks[one] for one in around if one in tasks and tasks[one] != task_id), "")
        if parent:
            inside[task_id] = parent
    return inside


def _by_pods(details: Sequence[TaskDetail], executions: Iterable[Execution]) -> dict[str, Execution]:
    by_pod = {key: one for one in sorted(executions, key=_order) if one.pod_name for key in _pod_keys(one.pod_name)}
    found: dict[str, Execution] = {}
    for detail in details:
        ran = (by_pod.get(key) for pod in detail.pod_names for key in _pod_keys(pod))
        own = [one for one in ran if one is not None and detail.display_name in one.names]
        if own:
            found[detail.task_id] = max(own, key=_order)
    return _undoubted(found)


def _undoubted(found: Mapping[str, Execution]) -> dict[str, Execution]:
    """Without those that several tasks claim."""
    claims = Counter(one.id for one in found.values())
    return {task_id: one for task_id, one in found.items() if claims[one.id] == 1}


def _order(execution: Execution) -> int:
    return execution.id


def _pod_keys(pod_name: str) -> list[str]:
    hashed = POD_HASH.search(pod_name)
    return [pod_name, hashed[1]] if hashed else [pod_name]


def _by_innermost(paths: Mapping[int, Path]) -> dict[str | int, list[int]]:
    """The ids of executions by each of their own names, or by their number if they are iterations."""
    found: dict[str | int, list[int]] = {}
    for id_, path in paths.items():
        own = path[-1]
        for name in own if isinstance(own, frozenset) else (own,):
            found.setdefault(name, []).append(id_)
    return found


def _path(execution: Execution, executions: Mapping[int, Execution]) -> Path:
    """The names of the groups around an execution, outermost first, and its own; iterations by their number."""
    around = [*reversed(_around(execution, executions)), execution]
    return tuple(
        one.iteration_index if one.kind == "iteration" and one.iteration_index is not None else one.names
        for one in around
    )


def _around(execution: Execution, executions: Mapping[int, Execution]) -> list[Execution]:
    """The groups around an execution, innermost first."""
    found: list[Execution] = []
    at = executions.get(execution.parent_id)
    while at is not None and at not in found:
        found.append(at)
        at = executions.get(at.parent_id)
    return found


def _place(detail: TaskDetail, by_id: Mapping[str, TaskDetail]) -> tuple[str | int, ...]:
    """The same of a task that the API tells of, as far as it tells what is around it."""
    found: list[str | int] = []
    seen: set[str] = set()
    at: TaskDetail | None = detail
    while at is not None and at.task_id not in seen:
        seen.add(at.task_id)
        found.append(_element(at))
        at = by_id.get(at.parent_task_id)
    return tuple(reversed(found))


def _element(detail: TaskDetail) -> str | int:
    index = iteration_of(detail)
    return detail.display_name if index is None else index


def _is_at(path: Sequence[Element], place: Sequence[str | int]) -> bool:
    return len(path) == len(place) and all(map(_is_same, path, place))


def _is_same(element: Element, told: str | int) -> bool:
    return told in element if isinstance(element, frozenset) else element == told
