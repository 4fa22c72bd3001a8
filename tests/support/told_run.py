"""A run whose tasks did this and that: what tests of answers about tasks look at."""

from pathlib import Path
from typing import Any

from support.engine_api import EngineApi
from support.scripted_supervisor import ScriptedSupervisor

ROOT, LOOP, INNER, AFTER = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "1234")


def definition(task_id: str, path: str, kind: str, **fields: Any) -> dict[str, Any]:
    name = path.rsplit(".", 1)[-1]
    return {"task_id": task_id, "path": path, "kind": kind, "name": name, "display_name": name, **fields}


async def tell_a_run(api: EngineApi, supervisor: ScriptedSupervisor, data_dir: Path) -> str:
    """A run with a task in a loop that failed once and made a model, and one that failed for good."""
    run_id = await api.start_run()
    attempt = data_dir / "runs" / run_id / "tasks" / INNER / "attempt-1"
    (attempt / "outputs").mkdir(parents=True)
    (attempt / "outputs" / "model").write_bytes(b"\x00weights")
    (attempt / "log.txt").write_text("it worked\n")
    model = {
        "name": "model",
        "type": "system.Model",
        "uri": str(attempt / "outputs" / "model"),
        "metadata": {"loss": 0.5},
    }
    outputs = {"parameters": {"score": 0, "text": ""}, "artifacts": {"model": [model]}}
    await supervisor.begin(run_id)
    event = supervisor.event
    await supervisor.tell(
        run_id,
        event(run_id, "task.created", **definition(ROOT, "root", "root")),
        event(run_id, "task.state", task_id=ROOT, state="RUNNING", attempt=0),
        event(run_id, "task.created", **definition(LOOP, "root.loop", "loop", parent_task_id=ROOT)),
        event(
            run_id,
            "task.created",
            **definition(INNER, "root.loop.train", "container", parent_task_id=LOOP, iteration=0),
        ),
        event(
            run_id,
            "task.created",
            **definition(AFTER, "root.after", "container", parent_task_id=ROOT, depends_on=[LOOP]),
        ),
        event(run_id, "task.state", task_id=INNER, state="PENDING", attempt=0, reason="slot"),
        event(run_id, "task.state", task_id=INNER, state="RUNNING", attempt=0, inputs={"parameters": {"rows": 3}}),
        event(
            run_id,
            "task.state",
            task_id=INNER,
            state="RUNNING",
            attempt=1,
            reason="retry",
            error={"code": 2, "message": "unlucky"},
        ),
        event(run_id, "task.finished", task_id=INNER, state="SUCCEEDED", attempts=2, exit_code=0, outputs=outputs),
        event(run_id, "task.state", task_id=AFTER, state="RUNNING", attempt=0),
        event(
            run_id,
            "task.finished",
            task_id=AFTER,
            state="FAILED",
            attempts=1,
            exit_code=1,
            error={"code": 2, "message": "no luck at all"},
        ),
    )
    return run_id
