"""What a pipeline of the corpus is expected to do, said beside the pipeline itself."""
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """How one run of a pipeline ends. Tasks that are named neither failed nor skipped must have succeeded.

    Attributes:
        given: The run's arguments.
        state: The run's end state.
        outputs: The root's output parameters, all of them; `{run_id}` and the like stand for facts of the run.
        artifacts: The root's output artifacts: by name, a list of what is expected of each (type, metadata, text, uri).
        failed: Paths of the tasks that fail, beside the DAGs around them.
        skipped: Paths of the tasks that are skipped.
        cached: Paths of the tasks that are not run, or None when nobody looks. "": all are.
        tasks: Number of tasks that there are at all levels, the root not counted, or None when nobody counts.
        error: Part of the run's error message.
        oracle: Whether kfp.local is right about it; otherwise why not.
    """

    given: dict[str, Any]
    state: str
    outputs: dict[str, Any]
    artifacts: dict[str, list[dict[str, Any]]]
    failed: list[str]
    skipped: list[str]
    cached: list[str] | None
    tasks: int | None
    error: str
    oracle: bool | str

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name == "cached" and value == [] or value is not None and value is not True and value not in ("", [], {})}


def expect(
    *,
    given: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    artifacts: dict[str, list[dict[str, Any]]] | None = None,
    state: str = "SUCCEEDED",
    failed: str = "",
    skipped: str = "",
    cached: str | None = None,
    tasks: int | None = None,
    error: str = "",
    oracle: bool | str = True,
) -> Callable[[Any], Any]:
    """One expected run of the pipeline below; several may stand above each other."""

    def attach(pipeline: Any) -> Any:
        expectation = Expectation(
            given=given or {},
            outputs=outputs or {},
            artifacts=artifacts or {},
            state="FAILED" if error else state,
            failed=failed.split(),
            skipped=skipped.split(),
            cached=None if cached is None else cached.split(),
            tasks=tasks,
            error=error,
            oracle=oracle,
        )
        pipeline.__dict__.setdefault("expectations", []).insert(0, expectation)
        return pipeline

    return attach


def edited(pipeline: Any) -> Callable[[Callable[[dict[str, Any]], None]], None]:
    """Say by a function what is to be changed in the compiled specification, for what this compiler does not write."""

    def attach(edit: Callable[[dict[str, Any]], None]) -> None:
        pipeline.__dict__["edit"] = edit

    return attach
