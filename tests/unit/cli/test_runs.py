"""`kfadapter runs` against written answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from kfadapter.cli import logstream
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


def listed(*ids: str, name: str = "nightly", complete: bool = True) -> dict[str, Any]:
    row = {
        "name": name,
        "state": "SUCCEEDED",
        "pipeline_id": None,
        "pipeline_name": None,
        "pipeline_version_name": None,
        "created_at": "2025-03-12T09:00:00Z",
        "finished_at": "2025-03-12T09:03:20Z",
    }
    index = {"complete": complete, "indexed_back_to": "2025-03-01T00:00:00Z", "fresh_at": None}
    return {"runs": [{**row, "run_id": run_id} for run_id in ids], "next_page_token": "", "index": index}


def by_name(name: str) -> str:
    return f"GET /v1/runs?name={name}&page_size=10"


LIST = "GET /v1/runs?page_size=50&page_token="


def log_of(name: str, tail: int | None = None) -> str:
    return f"GET /v1/runs/{ID}/logs?task=id-{name}" + (f"&tail={tail}" if tail else "")


def test_list_shows_runs_without_a_pipeline_too(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(LIST, listed(ID))
    line = run("runs", "list").out.splitlines()[1]
    assert line.split() == ["nightly", "✓", "SUCCEEDED", "2025-03-12", "09:00:00", "3", "min", "20", "s", ID]


@pytest.mark.parametrize("wanted", ["nightly", ID, ID[:8]])
def test_a_run_is_found_by_name_id_and_the_beginning_of_its_id(adapter: ScriptedAdapter, run: Run, wanted: str) -> None:
    adapter.answer(by_name(wanted), listed(ID) if wanted == "nightly" else listed())
    adapter.answer(f"GET /v1/runs?id_prefix={ID[:8]}&page_size=10", listed(ID))
    adapter.answer(f"GET /v1/runs/{ID}", body(task("train")))
    assert json.loads(run("runs", "show", wanted, "--json").out)["run_id"] == ID


def test_a_name_of_several_runs_is_refused_with_their_ids(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(by_name("nightly"), listed(ID, OTHER))
    ended = run("runs", "show", "nightly")
    assert ended.code == 1
    assert ID in ended.err
    assert OTHER in ended.err


def test_an_unknown_run_is_one_line(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(by_name("nothing"), listed())
    adapter.answer("GET /v1/runs?id_prefix=nothing&page_size=10", listed())
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
    adapter.answer(f"GET /v1/runs/{ID}", body(unavailable=[{"what": "artifacts", "reason": "not on this server"}]))
    assert "not available: artifacts: not on this server" in run("runs", "show", ID).out


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
    adapter.answer(
        f"GET /v1/runs/{ID}",
        body(task("one", has_log=False), unavailable=[{"what": "logs", "reason": "no front door"}]),
    )
    ended = run("runs", "logs", ID)
    assert (ended.code, ended.err) == (1, "kfadapter: There is no log yet: no front door\n")


def stream(*events: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(
        f"event: {kind}\nid: {number}\ndata: {json.dumps(data)}\n\n".encode()
        for number, (kind, data) in enumerate(events)
    )


def lines_of(name: str, *lines: str) -> tuple[str, dict[str, Any]]:
    return "log", {"task": name, "task_id": f"id-{name}", "lines": list(lines)}


END = ("end", {"state": "SUCCEEDED", "reason": None})


def test_following_prints_each_line_once_and_ends_with_the_run(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(task("t")))
    told = stream(lines_of("t", "same", "same"), lines_of("t", "end"), END)
    adapter.answer(f"GET /v1/runs/{ID}/logs?follow=true", told, content_type="text/event-stream")
    assert run("runs", "logs", ID, "-f").out == "t | same\nt | same\nt | end\n"


def test_a_stream_that_breaks_off_is_taken_up_again(
    adapter: ScriptedAdapter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logstream, "RECONNECT_SECONDS", 0)
    adapter.answer(f"GET /v1/runs/{ID}", body(task("t")))
    target = f"GET /v1/runs/{ID}/logs?follow=true&task=t"
    for told in (stream(lines_of("t", "one")), stream(lines_of("t", "two"), END)):
        adapter.answer(target, told, content_type="text/event-stream")
    assert run("runs", "logs", ID, "-f", "--task", "t").out == "one\ntwo\n"


def test_a_stream_that_gives_up_says_why(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /v1/runs/{ID}", body(task("t")))
    told = stream(("end", {"state": None, "reason": "Kubeflow is away"}))
    adapter.answer(f"GET /v1/runs/{ID}/logs?follow=true&tail=2", told, content_type="text/event-stream")
    ended = run("runs", "logs", ID, "-f", "--tail", "2")
    assert (ended.code, ended.err) == (1, "kfadapter: the log cannot be followed any longer: Kubeflow is away\n")


@pytest.mark.parametrize(
    ("state", "code"), [("SUCCEEDED", 0), ("SKIPPED", 0), ("FAILED", 3), ("CANCELED", 4), ("RUNNING", 5)]
)
def test_waiting_ends_with_a_number_for_each_end(adapter: ScriptedAdapter, run: Run, state: str, code: int) -> None:
    failure = {"task": "train", "message": "no data", "log_tail": ["Traceback", "ValueError"], "pod": None}
    told = body(task("train", "FAILED"), state=state, failure=failure if state == "FAILED" else None)
    adapter.answer(f"GET /v1/runs/{ID}", told)
    ended = run("runs", "wait", ID, "--timeout", "0")
    assert ended.code == code
    assert f"{ID} {state}\n" == ended.out
    assert ("train: no data\n  Traceback\n  ValueError\n" in ended.err) is (state == "FAILED")


def test_start_waits_and_tells_what_happens(adapter: ScriptedAdapter, run: Run) -> None:
    started = {"run_id": ID, "display_name": "nightly", "state": "PENDING", "arguments": {}, "effective_arguments": {}}
    adapter.answer("POST /v1/runs", started, status=201)
    adapter.answer(f"GET /v1/runs/{ID}", body(task("train", "RUNNING", finished_at=None), state="RUNNING"))
    adapter.answer(f"GET /v1/runs/{ID}?wait=20.0", body(task("train")))
    ended = run("runs", "start", "qoe", "--arg", "epochs=3", "--label", "team=radio", "--wait")
    assert (ended.code, ended.out) == (0, f"{ID} SUCCEEDED\n")
    assert "task train: RUNNING\n" in ended.err
    assert "task train: SUCCEEDED after 4.0 s\n" in ended.err
    sent = json.loads(adapter.requests[0][2])
    assert (sent["pipeline"], sent["arguments"], sent["labels"]) == ("qoe", {"epochs": "3"}, {"team": "radio"})


def test_compare_shows_what_differs(adapter: ScriptedAdapter, run: Run) -> None:
    rows = [
        {"name": "epochs", "values": [1, 2], "present": [True, True], "differs": True},
        {"name": "rate", "values": [0.5, 0.5], "present": [True, True], "differs": False},
    ]
    told = {"runs": listed(ID, OTHER)["runs"], "arguments": rows, "metrics": [], "tasks": [], "seconds": [1, 2]}
    adapter.answer(f"GET /v1/runs:compare?ids={ID}&ids={OTHER}", told)
    out = run("runs", "compare", ID, OTHER).out
    assert "epochs" in out
    assert "rate" not in out
    assert "rate" in run("runs", "compare", ID, OTHER, "--all").out


def test_download_writes_a_new_file_and_never_over_another(
    adapter: ScriptedAdapter, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    adapter.answer(f"GET /v1/runs/{ID}/artifacts/model", b"0123", content_type="application/octet-stream")
    assert run("runs", "download", ID, "model").code == 0
    assert (tmp_path / "artifact").read_bytes() == b"0123"
    ended = run("runs", "download", ID, "model")
    assert (ended.code, ended.err) == (
        1,
        "kfadapter: artifact is there already; name another file with --output\n",
    )


def test_a_retry_says_what_became_of_it(adapter: ScriptedAdapter, run: Run) -> None:
    told = {"run_id": OTHER, "state": "PENDING", "retried_run_id": ID, "by": "clone", "reason": "it cannot"}
    adapter.answer(f"POST /v1/runs/{ID}:retry", told, status=202)
    assert run("runs", "retry", ID).out == f"{OTHER} takes its place (it cannot)\n"


def test_a_list_that_is_not_complete_says_so(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(LIST, listed(ID, complete=False))
    assert "older runs than 2025-03-01 00:00:00 may be missing" in run("runs", "list").err


def test_stop_terminates_and_says_the_state(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"POST /v1/runs/{ID}:terminate", {"run_id": ID, "state": "CANCELING"}, status=202)
    assert run("runs", "stop", ID).out == f"{ID} is told to stop; it is CANCELING now\n"
    assert json.loads(run("runs", "stop", ID, "--json").out) == {"run_id": ID, "state": "CANCELING"}
