"""`kfadapter runs` against written answers."""

import json
from typing import Any

import pytest

from kfadapter.cli import runs
from unit.cli.conftest import Run, ScriptedAdapter

ID = "0d9c5f4e-6b1a-4f0e-8a68-3d2b1c0f9e8d"
OTHER = "0d9c5f4e-ffff-4f0e-8a68-3d2b1c0f9e8d"
ALWAYS_KNOWN = {"started_at": "2026-03-12T09:00:00Z", "finished_at": "2026-03-12T09:00:04Z", "attempts": 1}


def task(name: str, state: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    return {
        "task_id": f"id-{name}",
        "name": name,
        "state": state,
        "kind": "container",
        "parent_task_id": None,
        "error": None,
        "cached": False,
        "has_log": True,
        "inputs": None,
        "outputs": None,
        **ALWAYS_KNOWN,
        **more,
    }


def body(*tasks: dict[str, Any], state: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    return {
        "run_id": ID,
        "name": "trainingjob-7-0d9c5f4e",
        "state": state,
        "created_at": "2026-03-12T09:00:00Z",
        "finished_at": "2026-03-12T09:00:05Z",
        "experiment_id": "e",
        "pipeline_id": "p",
        "pipeline_version_id": "v",
        "arguments": {"epochs": 3, "layers": [1, 2]},
        "error": None,
        "training_job_id": "7",
        "tasks": list(tasks),
        "unavailable": [],
        **more,
    }


def listed(*ids: str, name: str = "nightly") -> dict[str, Any]:
    entry = {
        "run_name": name,
        "run_description": None,
        "run_status": "SUCCEEDED",
        "experiment_id": "e",
        "pipeline_id": None,
        "pipeline_name": None,
        "created_at": "Wed, 12 Mar 2025 09:00:00 GMT",
        "finished_at": "Wed, 12 Mar 2025 09:03:20 GMT",
    }
    return {f"{name} ({run_id})": {**entry, "run_id": run_id} for run_id in ids}


def log_of(name: str, tail: int | None = None) -> str:
    return f"GET /v1/runs/{ID}/logs?task=id-{name}" + (f"&tail={tail}" if tail else "")


def test_list_shows_runs_without_a_pipeline_too(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /runs", listed(ID))
    line = run("runs", "list").out.splitlines()[1]
    assert line.split() == ["nightly", "✓", "SUCCEEDED", "2025-03-12", "09:00:00", "3", "min", "20", "s", ID]


@pytest.mark.parametrize("wanted", ["nightly", ID, ID[:8]])
def test_a_run_is_found_by_name_id_and_the_beginning_of_its_id(adapter: ScriptedAdapter, run: Run, wanted: str) -> None:
    adapter.answer("GET /runs", listed(ID))
    adapter.answer(f"GET /v1/runs/{ID}", body(task("train")))
    assert json.loads(run("runs", "show", wanted, "--json").out)["run_id"] == ID


def test_a_name_of_several_runs_is_refused_with_their_ids(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /runs", listed(ID, OTHER))
    ended = run("runs", "show", "nightly")
    assert ended.code == 1
    assert ID in ended.err
    assert OTHER in ended.err


def test_an_unknown_run_is_one_line(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /runs", {})
    ended = run("runs", "stop", "nothing")
    assert (ended.code, ended.err) == (1, "kfadapter: No run is found with name or id nothing\n")


def test_show_prints_the_tree_of_tasks_and_why_one_failed(adapter: ScriptedAdapter, run: Run) -> None:
    tasks = [
        task("root", kind="root", has_log=False),
        task("loop", kind="loop", parent_task_id="id-root", has_log=False),
        task("last", "FAILED", error="ValueError: no data\nin line 3", parent_task_id="id-root"),
        task("inner", parent_task_id="id-loop", cached=True),
    ]
    adapter.answer(f"GET /v1/runs/{ID}", body(*tasks, state="FAILED", error="task last failed"))
    out = run("runs", "show", ID).out
    shown = [line for line in out.splitlines() if line.endswith(("id-loop", "id-inner", "id-last", "id-root"))]
    assert [line.split()[0] for line in shown] == ["loop", "inner", "last"]
    assert shown[1].startswith("  inner")
    assert "CACHED" in shown[1]
    assert "Why last failed\nValueError: no data\nin line 3" in out
    assert "epochs  3" in out


def test_show_says_what_a_server_cannot_tell(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(unavailable=["no artifacts on this server"]))
    assert "not available: no artifacts on this server" in run("runs", "show", ID).out


def test_logs_of_several_tasks_carry_their_names(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(task("one"), task("two"), task("three", has_log=False)))
    adapter.answer(log_of("one"), b"a\nb\n", content_type="text/plain")
    adapter.answer(log_of("two"), b"c", content_type="text/plain")
    assert run("runs", "logs", ID).out == "one | a\none | b\ntwo | c\n"


def test_the_log_of_one_task_is_bare(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(task("one"), task("two")))
    adapter.answer(log_of("two", 2), b"x\n\ny\n", content_type="text/plain")
    assert run("runs", "logs", ID, "--task", "two", "--tail", "2").out == "x\n\ny\n"


def test_logs_as_json_are_one_object_a_line(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(task("one")))
    adapter.answer(log_of("one"), "ünï\n".encode(), content_type="text/plain")
    lines = [json.loads(line) for line in run("runs", "logs", ID, "--json").out.splitlines()]
    assert lines == [{"task_id": "id-one", "task": "one", "text": "ünï"}]


def test_a_task_that_is_not_there_is_answered_with_those_that_are(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(task("one"), task("two")))
    ended = run("runs", "logs", ID, "--task", "three")
    assert (ended.code, ended.err) == (1, "kfadapter: The run has no task three; its tasks are: one, two\n")


def test_a_run_without_logs_says_so(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(task("one", has_log=False), unavailable=["no front door"]))
    ended = run("runs", "logs", ID)
    assert (ended.code, ended.err) == (1, "kfadapter: There is no log yet: no front door\n")


def test_following_prints_each_line_once_and_ends_with_the_run(
    adapter: ScriptedAdapter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "FOLLOW_SECONDS", 0)
    adapter.answer(f"GET /v1/runs/{ID}", body(task("t", "PENDING", has_log=False, attempts=0), state="RUNNING"))
    for state in ("RUNNING", "RUNNING", "RUNNING"):
        adapter.answer(f"GET /v1/runs/{ID}", body(task("t", state), state="RUNNING"))
    adapter.answer(f"GET /v1/runs/{ID}", body(task("t")))
    for text in (b"", b"same\nsa", b"same\nsame\n", b"same\nsame\nsame\nend"):
        adapter.answer(log_of("t"), text, content_type="text/plain")
    assert run("runs", "logs", ID, "-f").out == "t | same\nt | same\nt | same\nt | end\n"


def test_following_begins_anew_with_a_new_attempt(
    adapter: ScriptedAdapter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "FOLLOW_SECONDS", 0)
    run_body = f"GET /v1/runs/{ID}"
    adapter.answer(run_body, body(task("t", "RUNNING"), state="RUNNING"))
    adapter.answer(run_body, body(task("t", "RUNNING"), state="RUNNING"))
    adapter.answer(run_body, body(task("t", attempts=2)))
    adapter.answer(log_of("t"), b"first try\n", content_type="text/plain")
    adapter.answer(log_of("t"), b"second\n", content_type="text/plain")
    assert run("runs", "logs", ID, "-f", "--task", "t").out == "first try\nsecond\n"


def test_following_reads_only_what_is_new_from_servers_that_know_ranges(
    adapter: ScriptedAdapter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "FOLLOW_SECONDS", 0)
    for _ in range(5):
        adapter.answer(f"GET /v1/runs/{ID}", body(task("t", "RUNNING"), state="RUNNING"))
    adapter.answer(f"GET /v1/runs/{ID}", body(task("t")))
    for text, status in ((b"one\ntw", 200), (b"two\n", 206), (b"", 416), (b"three\n", 206), (b"four", 206)):
        adapter.answer(log_of("t"), text, status=status, content_type="text/plain")
    assert run("runs", "logs", ID, "-f", "--task", "t").out == "one\ntwo\nthree\nfour\n"


def test_following_with_tail_begins_with_the_last_lines(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(task("t")))
    adapter.answer(log_of("t"), b"1\n2\n3\n", content_type="text/plain")
    assert run("runs", "logs", ID, "-f", "--tail", "2", "--task", "t").out == "2\n3\n"


def test_stop_terminates_and_says_the_state(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"POST /v1/runs/{ID}:terminate", {"run_id": ID, "state": "CANCELING"}, status=202)
    assert run("runs", "stop", ID).out == f"{ID} is told to stop; it is CANCELING now\n"
    assert json.loads(run("runs", "stop", ID, "--json").out) == {"run_id": ID, "state": "CANCELING"}


def test_list_is_in_the_order_of_creation_whatever_the_names(adapter: ScriptedAdapter, run: Run) -> None:
    first, second = listed(OTHER, name="z"), listed(ID, name="a")
    for entry in second.values():
        entry["created_at"] = "Wed, 12 Mar 2025 10:00:00 GMT"
    adapter.answer("GET /runs", second | first)
    assert [line.split()[0] for line in run("runs", "list").out.splitlines()] == ["NAME", "z", "a"]
