"""Which lines of a task's log belong to the story: its own, not those of the KFP executor that runs it."""

from kfadapter.cli.following import LogLine

EXECUTOR = "[KFP Executor "
EXECUTOR_INPUT = "Got executor_input:"


class TaskLines:
    """Leaves out the executor's own lines, and the JSON document it prints over many."""

    def __init__(self) -> None:
        self._in_document: set[str] = set()

    def keep(self, lines: list[LogLine]) -> list[LogLine]:
        """The lines of the tasks themselves."""
        return [line for line in lines if self._is_own(line)]

    def _is_own(self, line: LogLine) -> bool:
        if line.text.startswith(EXECUTOR):
            if line.text.endswith(EXECUTOR_INPUT):
                self._in_document.add(line.task_id)
            return False
        if line.task_id not in self._in_document:
            return True
        if line.text == "}":
            self._in_document.remove(line.task_id)
        return False
