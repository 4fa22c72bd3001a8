"""Decides what runs when: dependencies, conditions, nesting, loops, exit handlers, retries.

The scheduler starts no process and knows no time: it is told that an attempt ended and asks its launcher for the next.
The semantics are those of KFP's Argo compiler and driver: a task runs when everything it depends on succeeded; one that
failed or was skipped skips its dependents; after a failure no further task of the same DAG starts, those under way
finish; a task with ALL_UPSTREAM_TASKS_COMPLETED runs in any case, and the DAG fails all the same.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from kfadapter.engine.running import cel
from kfadapter.engine.running.backoff import backoff_seconds
from kfadapter.engine.running.imports import imported
from kfadapter.engine.running.inputs import InputResolver, collected, dag_outputs, loop_items, root_inputs
from kfadapter.engine.running.ir import Component, Pipeline
from kfadapter.engine.running.journal import Journal, Report
from kfadapter.engine.running.kubernetes import bound
from kfadapter.engine.running.nodes import (
    Code,
    Failure,
    Kind,
    Loop,
    Node,
    Scope,
    State,
    final_status,
    loop_item,
    walk,
)
from kfadapter.engine.running.tree import Tree
from kfadapter.engine.running.values import Placeholders, Values
from kfadapter.errors import EngineError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended. `is_final`: another attempt would end the same way."""

    state: State
    outputs: Values = field(default_factory=Values)
    failure: Failure | None = None
    report: Report = field(default_factory=Report)
    reason: str = ""
    is_final: bool = False


class Launcher(Protocol):
    """Runs attempts of container tasks, and reports back to the scheduler."""

    def launch(self, node: Node, delay_seconds: float) -> None:
        """Run the node's attempt once there is room, not before the delay is over."""
        ...

    def cancel(self) -> list[Node]:
        """End every attempt that runs; the nodes of those that had not started yet, which never will."""
        ...


class Scheduler:
    """One run.

    Args:
        unsupported: Why a task cannot be run here, in a sentence, or None.
        kept: The outputs that a container task had in an earlier round, or None.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        tree: Tree,
        journal: Journal,
        launcher: Launcher,
        *,
        unsupported: Callable[[Component], str | None] = lambda _: None,
        kept: Callable[[Node], Values | None] = lambda _: None,
    ) -> None:
        self._pipeline = pipeline
        self._journal = journal
        self._launcher = launcher
        self._unsupported = unsupported
        self._kept = kept
        self._ended: deque[Node] = deque()
        self._stopped: Failure | None = None
        self._end_state = State.CANCELED
        self._tree = tree
        self.root = tree.root

    @property
    def is_done(self) -> bool:
        """Whether the run has reached its end state, which has been written then."""
        return self.root.has_ended

    @property
    def is_stopping(self) -> bool:
        """Whether the run is to end early."""
        return self._stopped is not None

    def start(self, arguments: Mapping[str, Any], artifacts: Mapping[str, Any] | None = None) -> None:
        """Begin the run."""
        self._journal.created(self.root)
        try:
            self.root.inputs = root_inputs(self._pipeline.root, arguments, dict(artifacts or {}))
        except EngineError as exc:
            self._fail(self.root, Code.INVALID, str(exc))
        else:
            self._begin(self.root)
        self._settle()

    def stop(self, failure: Failure, state: State = State.CANCELED) -> None:
        """End the run early: nothing new starts, no exit handler either, and what runs is ended."""
        if self._stopped or self.is_done:
            return None
        self._stopped, self._end_state = failure, state
        if not self.root.is_begun:
            return self.refuse(failure, state)
        waiting = [node for node in walk(self.root) if not node.is_begun and not node.has_ended]
        for node in [*waiting, *self._launcher.cancel()]:
            self._end(node, State.CANCELED, reason="canceled")
        for node in walk(self.root):
            if node.loop and not node.has_ended:
                node.loop.items.clear()
        return self._settle()

    def refuse(self, failure: Failure, state: State = State.FAILED) -> None:
        """End the run before it begins."""
        self._journal.created(self.root)
        self.root.failure = failure
        self._end(self.root, state)
        self._settle()

    def attempt_started(self, node: Node) -> None:
        """An attempt has a process now."""
        node.state = State.RUNNING
        self._journal.state(node)

    def attempt_ended(self, node: Node, outcome: Outcome) -> None:
        """An attempt has ended, in one way or another."""
        failed = outcome.state is not State.SUCCEEDED
        if failed and self._stopped:
            self._end(node, State.CANCELED, reason="canceled", report=outcome.report)
        elif failed and not outcome.is_final and self._attempts_left(node):
            self._try_again(node, outcome)
        else:
            node.outputs, node.failure = outcome.outputs, outcome.failure
            self._end(node, outcome.state, reason=outcome.reason, report=outcome.report)
        self._settle()

    # Retries

    def _attempts_left(self, node: Node) -> bool:
        retry = node.task.retry if node.task else {}
        return node.attempt - node.first_attempt < int(retry.get("maxRetryCount") or 0)

    def _try_again(self, node: Node, outcome: Outcome) -> None:
        delay = backoff_seconds(node.task.retry if node.task else {}, node.attempt - node.first_attempt)
        node.attempt, node.state = node.attempt + 1, State.PENDING
        self._journal.state(node, reason="retry", error=outcome.failure)
        self._launcher.launch(node, delay)

    # Beginning

    def _begin(self, node: Node) -> None:
        """Set a node going whose inputs are there."""
        node.is_begun = True
        if node.kind is Kind.LOOP:
            self._begin_loop(node)
        elif node.component.is_dag:
            self._begin_dag(node)
        elif node.kind is Kind.IMPORTER:
            self._import(node)
        else:
            self._begin_container(node)

    def _begin_container(self, node: Node) -> None:
        if reason := self._unsupported(node.component):
            return self._fail(node, Code.UNSUPPORTED, reason)
        if self._journal.history.succeeded(node.task_id):
            if (outputs := self._kept(node)) is not None:
                node.outputs = outputs
                return self._end(node, State.SUCCEEDED)
            self._journal.history.forget_success(node)
        record = self._journal.history.tasks.get(node.task_id)
        node.attempt = node.first_attempt = record.next_attempt if record else 0
        return self._launcher.launch(node, 0.0)

    def _import(self, node: Node) -> None:
        importer = self._pipeline.executor(node.component.executor_label)["importer"]
        placeholders = Placeholders(self._tree.names(node), node.inputs)
        try:
            node.outputs = imported(node.component, importer, node.inputs, placeholders)
        except EngineError as exc:
            return self._fail(node, Code.INVALID, str(exc))
        if importer.get("downloadToWorkspace"):
            return self._launcher.launch(node, 0.0)
        self._run(node)
        return self._end(node, State.SUCCEEDED)

    def _begin_dag(self, node: Node) -> None:
        self._run(node)
        if node.component.circle:
            return self._fail(node, Code.INVALID, node.component.circle)
        scope = node.scope = Scope(owner=node, inputs=node.inputs)
        for name, task in node.component.tasks.items():
            scope.nodes[name] = self._tree.task(node, task)
        scope.open = len(scope.nodes)
        for one in scope.nodes.values():
            self._connect(scope, one)
        for one in list(scope.nodes.values()):
            if not one.waiting and not one.is_begun and not one.has_ended:
                self._consider(scope, one)
        if not scope.nodes:
            self._close(node)
        return None

    def _connect(self, scope: Scope, node: Node) -> None:
        upstream = node.task.upstream if node.task else ()
        known = [name for name in upstream if name in scope.nodes]
        node.waiting = set(known)
        for name in known:
            scope.dependents.setdefault(name, []).append(node)
        self._journal.created(node, [scope.nodes[name] for name in known])
        if missing := [name for name in upstream if name not in scope.nodes]:
            self._fail(node, Code.INVALID, f"it depends on {missing[0]!r}, which is no task of its DAG")

    def _begin_loop(self, node: Node) -> None:
        self._run(node)
        assert node.task is not None  # noqa: S101 - a loop is made from a task
        try:
            items = loop_items(node.task, node.inputs, Placeholders(self._tree.names(node), node.inputs))
        except EngineError as exc:
            return self._fail(node, Code.INVALID, str(exc))
        node.loop = Loop(items=deque(enumerate(items)), limit=node.task.parallelism)
        return self._continue_loop(node, node.loop)

    def _continue_loop(self, node: Node, loop: Loop) -> None:
        while loop.items and not loop.has_failed and not (loop.limit and loop.running >= loop.limit):
            index, inputs = loop.items.popleft()
            loop.running += 1
            one = loop.ended[index] = self._tree.iteration(node, index)
            one.inputs, one.kubernetes = inputs, node.kubernetes
            self._journal.created(one)
            self._begin(one)
        if not loop.running:
            self._close_loop(node, loop)

    # Deciding

    def _consider(self, scope: Scope, node: Node) -> None:
        """Everything a task waited for has ended: it runs, or it never will."""
        task = node.task
        assert task is not None  # noqa: S101 - what a scope holds is made from tasks
        if self._stopped:
            return self._end(node, State.CANCELED, reason="canceled")
        unsuccessful = [name for name in task.upstream if scope.nodes[name].state is not State.SUCCEEDED]
        if node.needs_success and (unsuccessful or scope.has_failed):
            return self._end(node, State.SKIPPED, reason="upstream")
        try:
            resolver = self._resolver(scope)
            node.inputs = resolver.resolve(task, node.component)
            node.kubernetes = bound(self._pipeline.kubernetes(node.component.executor_label), resolver.parameter)
            if task.condition and not cel.parse(task.condition)(node.inputs.parameters):
                return self._end(node, State.SKIPPED, reason="condition_false")
        except EngineError as exc:
            return self._fail(node, Code.UPSTREAM if unsuccessful else Code.INVALID, str(exc))
        return self._begin(node)

    def _resolver(self, scope: Scope) -> InputResolver:
        return InputResolver(
            scope.inputs,
            lambda name: scope.nodes[name].outputs,
            lambda name: final_status(scope.nodes[name], self._tree.job),
            lambda name: self._tree.names(scope.nodes[name]),
            lambda name: loop_item(scope.owner, name),
        )

    # Ending

    def _run(self, node: Node) -> None:
        node.state = State.RUNNING
        self._journal.state(node)

    def _fail(self, node: Node, code: int, message: str) -> None:
        node.failure = Failure(code=code, message=message)
        self._end(node, State.FAILED)

    def _end(self, node: Node, state: State, *, reason: str = "", report: Report | None = None) -> None:
        node.state = state
        self._journal.finished(node, reason=reason, report=report)
        self._ended.append(node)

    def _settle(self) -> None:
        """Let every end have its consequences, one after the other: a chain of any length needs no recursion."""
        while self._ended:
            node = self._ended.popleft()
            if node.parent is None:
                self._journal.run_finished(node)
            elif node.parent.loop:
                self._iteration_ended(node.parent, node.parent.loop)
            elif node.parent.scope:
                self._task_ended(node.parent.scope, node)

    def _task_ended(self, scope: Scope, node: Node) -> None:
        scope.open -= 1
        if node.state is State.FAILED and not scope.has_failed:
            scope.has_failed = True
            for other in scope.nodes.values():
                if other.needs_success and not other.is_begun and not other.has_ended:
                    self._end(other, State.SKIPPED, reason="upstream")
        for dependent in scope.dependents.get(node.name, ()):
            dependent.waiting.discard(node.name)
            if not dependent.waiting and not dependent.is_begun and not dependent.has_ended:
                self._consider(scope, dependent)
        if not scope.open and not scope.owner.has_ended:
            self._close(scope.owner)

    def _close(self, owner: Node) -> None:
        """Everything in a DAG has ended."""
        nodes = list(owner.scope.nodes.values()) if owner.scope else []
        owner.outputs = dag_outputs(
            owner.component, lambda name: owner.scope.nodes[name].outputs if owner.scope else Values()
        )
        self._end_from(owner, nodes)

    def _iteration_ended(self, node: Node, loop: Loop) -> None:
        loop.running -= 1
        if not node.has_ended:
            self._continue_loop(node, loop)

    def _close_loop(self, node: Node, loop: Loop) -> None:
        iterations = [loop.ended[index] for index in sorted(loop.ended)]
        node.outputs = collected(node.component, [one.outputs for one in iterations])
        self._end_from(node, iterations)

    def _end_from(self, node: Node, parts: list[Node]) -> None:
        failed = next((one for one in parts if one.state is State.FAILED), None)
        if self._stopped:
            node.failure = self._stopped if node.parent is None else None
            self._end(node, self._end_state if node.parent is None else State.CANCELED, reason="canceled")
        elif failed is not None:
            cause = failed.failure or Failure(code=Code.UNKNOWN, message="")
            node.failure = replace(cause, message=f"task {failed.display_name} failed: {cause.message}")
            self._end(node, State.FAILED)
        else:
            self._end(node, State.SUCCEEDED)
