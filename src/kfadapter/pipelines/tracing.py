"""Which steps an output of a group comes from: through nested pipelines, branches and loops to what made it."""

from collections.abc import Callable
from dataclasses import dataclass

from kfadapter.pipelines.task_plans import DagPlan

MOST_ORIGINS = 16
"""An output that may come from more places is not traced further."""
_DEEPEST = 64


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A place where an output is made.

    Attributes:
        path: The names of the tasks that lead there, from the group on; empty: the group itself, not traced further.
        output: The output there.
        is_collected: It is the list of what a loop's iterations made.
    """

    path: tuple[str, ...]
    output: str
    is_collected: bool = False


class Tracing:
    """Traces outputs of components, each once.

    Args:
        plan_of: The DAG of a component; None when it has none.
    """

    def __init__(self, plan_of: Callable[[str], DagPlan | None]) -> None:
        self._plan_of = plan_of
        self._known: dict[tuple[str, str, str], tuple[Origin, ...]] = {}
        self._tasks: dict[str, dict[str, tuple[str, bool]]] = {}

    def origins(self, component: str, kind: str, output: str, depth: int = 0) -> tuple[Origin, ...]:
        """Where an output of a component is made; the component itself when it has no DAG, or that does not say."""
        key = (component, kind, output)
        if key not in self._known:
            found = self._trace(component, kind, output, depth) if depth < _DEEPEST else ()
            itself = (Origin(path=(), output=output),)
            self._known[key] = found if 0 < len(found) <= MOST_ORIGINS else itself
        return self._known[key]

    def task(self, component: str, name: str) -> tuple[str, bool]:
        """The component of a task in a component's DAG, and whether the task is a loop; empty when there is none."""
        plan = self._plan_of(component)
        return ("", False) if plan is None else self._tasks_of(component, plan).get(name, ("", False))

    def _trace(self, component: str, kind: str, output: str, depth: int) -> tuple[Origin, ...]:
        plan = self._plan_of(component)
        if plan is None:
            return ()
        tasks = self._tasks_of(component, plan)
        chosen = next((each for each in plan.outputs if (each.kind, each.name) == (kind, output)), None)
        if chosen is None or len(chosen.producers) > MOST_ORIGINS:
            return ()
        found: list[Origin] = []
        for task, name in chosen.producers:
            inner, is_loop = tasks.get(task, ("", False))
            for origin in self.origins(inner, kind, name, depth + 1):
                path = (task, *origin.path)
                found.append(Origin(path=path, output=origin.output, is_collected=origin.is_collected or is_loop))
        return tuple(found)

    def _tasks_of(self, component: str, plan: DagPlan) -> dict[str, tuple[str, bool]]:
        if component not in self._tasks:
            self._tasks[component] = {each.name: (each.component, each.iterator is not None) for each in plan.tasks}
        return self._tasks[component]
