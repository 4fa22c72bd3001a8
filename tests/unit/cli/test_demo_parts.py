"""The small parts of the demo."""

import json
from pathlib import Path

import pytest

from kfadapter.cli.demo.adapter_process import AdapterDied, AdapterProcess
from kfadapter.cli.demo.outcome import NothingCameOut, outcome_of
from kfadapter.cli.demo.story import argument_row, failure_of, training_job
from kfadapter.cli.demo.tasklines import TaskLines
from kfadapter.cli.demo.trainer import upload
from kfadapter.cli.following import LogLine
from kfadapter.cli.http import Adapter
from unit.cli.conftest import ScriptedAdapter


def lines(task: str, *texts: str) -> list[LogLine]:
    return [LogLine(task_id=task, task=task, text=text) for text in texts]


def test_the_executors_own_lines_and_its_document_are_left_out() -> None:
    kept = TaskLines().keep(
        lines(
            "t",
            "mine",
            "[KFP Executor 2026 INFO]: Got executor_input:",
            "{",
            '    "a": {',
            "    }",
            "}",
            "{",
            "mine too",
        )
    )
    assert [line.text for line in kept] == ["mine", "{", "mine too"]


def test_the_document_of_one_task_does_not_hide_lines_of_another() -> None:
    own = TaskLines()
    assert own.keep(lines("a", "[KFP Executor x]: Got executor_input:", "{")) == []
    assert own.keep(lines("b", "mine")) == lines("b", "mine")
    assert own.keep(lines("a", "}", "after")) == lines("a", "after")


def test_the_training_manager_makes_text_of_everything() -> None:
    assert training_job("2").sent_arguments() == {
        "epochs": "60",
        "learning_rate": "0.002",
        "normalise": "True",
        "hidden_layers": "[12]",
        "trainingjob_id": "7",
        "featuregroup_name": "qoe_cells",
        "modelName": "qoe-model",
        "modelVersion": "1",
        "modellocation": "",
    }


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("epochs", ('"60"', "60", "text to int")),
        ("modelname", ("modelName=qoe-model", '"qoe-model"', "another spelling")),
        ("featurepath", ("featuregroup_name=qoe_cells, trainingjob_id=7", '"qoe_cells_7"', "both joined")),
        ("seed", ("", "7", "default")),
    ],
)
def test_a_row_tells_how_an_argument_became_what_the_run_gets(name: str, row: tuple[str, str, str]) -> None:
    job = training_job("2")
    assert argument_row({"name": name}, job.sent_arguments(), {**job.wanted_inputs(), "seed": 7}) == row


def test_an_upload_is_the_form_that_aimlfw_sends(adapter: ScriptedAdapter) -> None:
    adapter.answer("POST /pipelineIds/p", {"id": "1"})
    client = Adapter(adapter.url)
    upload(client, "p", b"a: 1\n", "")
    client.close()
    [(_, _, body)] = adapter.requests
    assert b'Content-Disposition: form-data; name="file"; filename="file"\r\n\r\na: 1\n' in body
    assert b'Content-Disposition: form-data; name="description"\r\n\r\n\r\n' in body
    assert b"Content-Type" not in body


def test_a_run_without_a_model_is_said_to_have_none() -> None:
    with pytest.raises(NothingCameOut, match=r"system\.Metrics"):
        outcome_of({"tasks": [{"outputs": None}, {"outputs": {"artifacts": {}}}]})


def test_a_failure_is_told_in_the_words_of_the_task() -> None:
    run = {
        "state": "FAILED",
        "error": "a task failed",
        "tasks": [
            {"name": "root", "kind": "root", "state": "FAILED", "error": "x"},
            {"name": "train", "kind": "container", "state": "FAILED", "error": "out of memory"},
        ],
    }
    assert failure_of(run) == "the run is FAILED: task train: out of memory"


def test_a_service_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    process = AdapterProcess(tmp_path, {"KFADAPTER_POLL_SECONDS": "never"})
    with pytest.raises(AdapterDied, match="exit code 2"):
        process.start()
    process.stop()
    assert "KFADAPTER_POLL_SECONDS" in process.log_tail()


def test_the_service_of_the_demo_gets_no_setting_of_the_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KFADAPTER_KUBEFLOW_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("KFADAPTER_LOG_LEVEL", "nonsense")
    process = AdapterProcess(tmp_path, {"KFADAPTER_LOG_FORMAT": "json"})
    process.start()
    process.stop()
    assert json.loads(process.log_tail().splitlines()[0])["action"] == "engine_started"
