"""Retries of runs: what succeeded stays as it was, everything else runs anew, in loops and nested pipelines too."""

# Components are written as their authors would, and have types that mypy does not follow.
# mypy: ignore-errors

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Compile = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")


@pytest.fixture
def unlucky(kfp: Any, compiled: Compile) -> dict[str, Any]:
    """Tasks that note each start in a file; some fail the first time, in a loop the first two times."""
    dsl = kfp.dsl

    @dsl.component
    def good(place: str, name: str) -> str:
        with open(f"{place}/{name}", "a") as file:
            file.write("x")
        return name

    @dsl.component
    def bad(place: str, name: str, after: str, failures: int = 1) -> str:
        with open(f"{place}/{name}", "a") as file:
            file.write("x")
        with open(f"{place}/{name}") as file:
            starts = len(file.read())
        assert starts > failures, f"start {starts}"
        return f"{name}{starts}"

    @dsl.component
    def join(words: list) -> str:
        return " ".join(words)

    @dsl.pipeline(name="inside")
    def inside(place: str) -> str:
        before = good(place=place, name="inside-good")
        return bad(place=place, name="inside-bad", after=before.output).output

    def pipeline(place: str) -> str:
        first = good(place=place, name="good")
        second = bad(place=place, name="bad", after=first.output)
        good(place=place, name="later").after(second)
        with dsl.ParallelFor(["a", "b"]) as item:
            each = bad(place=place, name=item, after=first.output, failures=2)
        nested = inside(place=place)
        good(place=place, name="last").after(nested)
        with dsl.If(second.output == "bad2"):
            good(place=place, name="branch")
        return join(words=dsl.Collected(each.output)).output

    return compiled(pipeline)


def starts(place: Path) -> dict[str, int]:
    return {path.name: len(path.read_text()) for path in place.iterdir()}


async def test_again_and_again_only_what_failed_is_started(
    engine: Any, make_order: Any, unlucky: dict[str, Any], tmp_path: Path
) -> None:
    place = tmp_path / "starts"
    place.mkdir()
    order = make_order(unlucky, {"place": str(place)})
    await engine.supervisor.submit(order)
    assert (await engine.rows.end(order.run_id))["state"] == "FAILED"
    assert set(starts(place).values()) == {1}
    assert "later" not in starts(place)
    first = dict(starts(place))
    await engine.supervisor.retry(order)
    assert (await engine.rows.end(order.run_id, number=2))["state"] == "FAILED"
    errors = {path: row.get("error") for path, row in engine.rows.tasks(order.run_id).items()}
    assert {name: starts(place).get(name) for name in ("a", "b")} == {"a": 2, "b": 2}, (first, errors)
    await engine.supervisor.retry(order)
    end = await engine.rows.end(order.run_id, number=3)
    assert (end["state"], end["outputs"]["parameters"]) == ("SUCCEEDED", {"Output": "a3 b3"})
    assert starts(place) == {
        **dict.fromkeys(("good", "inside-good", "later", "last", "branch"), 1),
        **dict.fromkeys(("bad", "inside-bad"), 2),
        **dict.fromkeys(("a", "b"), 3),
    }
    states = engine.rows.states(order.run_id)
    assert set(states.values()) == {"SUCCEEDED"}
    assert len(states) == len(set(states))


async def test_a_run_whose_runner_was_killed_goes_on_where_it_stood(
    engine: Any, make_order: Any, kfp: Any, compiled: Compile, tmp_path: Path
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def note(place: str) -> str:
        with open(f"{place}/noted", "a") as file:
            file.write("x")
        return "noted"

    @dsl.component
    def wait(place: str, after: str) -> str:
        import os
        import time

        while not os.path.exists(f"{place}/go"):
            time.sleep(0.02)
        return f"{after} and waited"

    def pipeline(place: str) -> str:
        return wait(place=place, after=note(place=place).output).output

    order = make_order(compiled(pipeline), {"place": str(tmp_path)})
    await engine.supervisor.submit(order)
    await engine.rows.running(order.run_id, "wait")
    (started,) = [event for event in engine.rows.events[order.run_id] if event.type == "run.started"]
    os.kill(started.data["pid"], signal.SIGKILL)
    assert (await engine.rows.end(order.run_id))["state"] == "FAILED"
    (tmp_path / "go").touch()
    await engine.supervisor.retry(order)
    end = await engine.rows.end(order.run_id, number=2)
    assert end["outputs"]["parameters"] == {"Output": "noted and waited"}
    assert (tmp_path / "noted").read_text() == "x"
