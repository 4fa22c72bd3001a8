"""`kfadapter jobs` against written answers."""

import json
from typing import Any

from unit.cli.conftest import Run, ScriptedAdapter

ID = "6f1c2f6e-2f3c-4f51-9d3e-0c5a1b2c3d4e"


def training_run(**more: Any) -> dict[str, Any]:
    return {
        "run_id": ID,
        "training_job_id": "7",
        "attempt": 2,
        "name": "trainingjob-7-6f1c2f6e",
        "state": "succeeded",
        "run_status": "SUCCEEDED",
        "reason": None,
        "pipeline_name": "qoe",
        "pipeline_version": "3",
        "experiment_name": "Default",
        "effective_arguments": {"epochs": 3, "layers": [1, 2]},
        "ignored_arguments": ["colour"],
        "intended_at": "2026-03-12T09:00:00.25Z",
        "created_at": "2026-03-12T09:00:00Z",
        "finished_at": "2026-03-12T09:00:10Z",
        "superseded_by": None,
        "notifications": [],
        **more,
    }


def job(job_id: str, *runs: dict[str, Any]) -> dict[str, Any]:
    return {
        "training_job_id": job_id,
        "state": runs[0]["state"] if runs else None,
        "run_count": len(runs),
        "created_at": "2026-03-12T08:00:00Z",
        "started_at": "2026-03-12T09:00:00Z",
        "runs": list(runs),
    }


def notification(**more: Any) -> dict[str, Any]:
    return {
        "state": "delivered",
        "run_status": "SUCCEEDED",
        "not_before": "2026-03-12T09:00:15Z",
        "deliveries": [],
        **more,
    }


def test_list_reads_every_page(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /v1/training-jobs", {"training_jobs": [job("8", training_run())], "next_page_token": "t=1"})
    last = {"training_jobs": [job("7", training_run(notifications=[notification()]))], "next_page_token": ""}
    adapter.answer("GET /v1/training-jobs?page_token=t%3D1", last)
    lines = run("jobs", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["JOB", "8", "7"]
    assert lines[2].split() == ["7", "✓", "SUCCEEDED", "qoe", "3", "1", "2026-03-12", "09:00:00", "delivered", ID]
    whole = json.loads(run("jobs", "list", "--json").out)
    assert [one["training_job_id"] for one in whole["training_jobs"]] == ["8", "7"]
    assert whole["next_page_token"] == ""


def test_show_prints_each_try_to_tell_the_training_manager(adapter: ScriptedAdapter, run: Run) -> None:
    deliveries = [
        {"number": 1, "ended_at": "2026-03-12T09:00:15Z", "outcome": "retry", "status": None, "answer": "refused"},
        {"number": 2, "ended_at": "2026-03-12T09:00:17Z", "outcome": "delivered", "status": 200, "answer": '{"a":1}'},
    ]
    newest = training_run(notifications=[notification(deliveries=deliveries)])
    older = training_run(attempt=1, state="lost", superseded_by=ID, reason="Kubeflow does not know it any more")
    adapter.answer("GET /v1/training-jobs/7", job("7", newest, older))
    out = run("jobs", "show", "7").out
    assert "epochs=3, layers=[1, 2]" in out
    assert [line.split()[-3:] for line in out.splitlines() if line.startswith("✓ DELIVERED")] == [
        ["09:00:15", "retry", "refused"],
        ["delivered", "200", '{"a":1}'],
    ]
    assert "✗ LOST" in out
    assert "Kubeflow does not know it any more" in out


def test_a_notification_that_waits_is_said_to_wait(adapter: ScriptedAdapter, run: Run) -> None:
    waiting = training_run(notifications=[notification(state="pending")])
    adapter.answer("GET /v1/training-jobs/7", job("7", waiting))
    out = run("jobs", "show", "7").out
    assert "· PENDING" in out
    assert "not sent yet" in out


def test_start_sends_arguments_as_text_and_finds_a_pipeline_by_its_id(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /pipelines/{ID}", {"id": ID, "name": "qoe"})
    answer = {
        "trainingjob_id": "7",
        "run_id": ID,
        "run_name": "trainingjob-7-6f1c2f6e",
        "run_status": "scheduled",
        "pipeline_name": "qoe",
        "pipeline_version": "3",
        "experiment_name": "Default",
        "effective_arguments": {"epochs": 3},
        "ignored_arguments": ["colour"],
    }
    adapter.answer("POST /trainingjobs/7/execution", answer)
    out = run("jobs", "start", "7", "--pipeline", ID, "--arg", "epochs=3", "--arg", "colour=a=b").out
    assert "training job 7 is scheduled" in out
    assert "colour" in out
    assert json.loads(adapter.requests[-1][2]) == {
        "pipeline_name": "qoe",
        "pipeline_version": "latest",
        "experiment_name": "Default",
        "arguments": {"epochs": "3", "colour": "a=b"},
    }


def test_an_argument_without_a_value_is_a_usage_error_and_nothing_is_sent(adapter: ScriptedAdapter, run: Run) -> None:
    ended = run("jobs", "start", "7", "--pipeline", "qoe", "--arg", "epochs")
    assert ended.code == 2
    assert "NAME=VALUE" in ended.err
    assert adapter.requests == []


def test_list_asks_for_what_was_asked_for(adapter: ScriptedAdapter, run: Run) -> None:
    call = "GET /v1/training-jobs?state=failed&state=lost&pipeline=qoe&notification=dead"
    adapter.answer(call, {"training_jobs": [job("8", training_run(state="lost"))], "next_page_token": ""})
    options = ["--state", "failed", "--state", "lost", "--pipeline", "qoe", "--told", "dead"]
    assert "LOST" in run("jobs", "list", *options).out


def test_redeliver_takes_the_latest_notification(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /v1/training-jobs/7/notifications", {"notifications": [{"sequence": 1}, {"sequence": 2}]})
    adapter.answer("POST /v1/training-jobs/7/notifications/2:redeliver", notification(sequence=2), status=202)
    ended = run("jobs", "redeliver", "7")
    assert ended.code == 0
    assert "notification 2 of training job 7 (SUCCEEDED) is sent again" in " ".join(ended.out.split())


def test_redeliver_says_why_not(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /v1/training-jobs/7/notifications", {"notifications": []})
    ended = run("jobs", "redeliver", "7")
    assert (ended.code, ended.err) == (1, "kfadapter: the training job has no notification yet\n")
    body = {"status": 409, "detail": "notification 1 of training job 7 is not sent again: its job was deleted"}
    adapter.answer("POST /v1/training-jobs/7/notifications/1:redeliver", body, status=409)
    assert "its job was deleted" in run("jobs", "redeliver", "7", "1").err
