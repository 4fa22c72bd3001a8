"""Reading Kubeflow's objects, with everything missing that it leaves out."""

from datetime import UTC, datetime

import pytest

from kfadapter.errors import KubeflowMalformed
from kfadapter.kubeflow.resources import Experiment, Pipeline, PipelineVersion, Run, moment, page


def test_a_pipeline_of_2_3_0_has_its_display_name_as_name() -> None:
    pipeline = Pipeline.from_json({"pipeline_id": "p", "display_name": "qoe", "created_at": "2026-01-02T03:04:05Z"})
    assert (pipeline.name, pipeline.display_name, pipeline.description) == ("qoe", "qoe", "")
    assert pipeline.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_both_names_of_2_17_are_kept_apart() -> None:
    pipeline = Pipeline.from_json({"pipeline_id": "p", "name": "qoe", "display_name": "QoE"})
    assert (pipeline.name, pipeline.display_name) == ("qoe", "QoE")


@pytest.mark.parametrize("kind", [Pipeline, PipelineVersion, Experiment, Run])
@pytest.mark.parametrize("raw", [{}, None, [], "x", {"pipeline_id": 7, "run_id": "", "experiment_id": None}])
def test_a_thing_without_its_id_is_malformed(kind: type[Run], raw: object) -> None:
    with pytest.raises(KubeflowMalformed):
        kind.from_json(raw)


def test_a_bare_run_reads() -> None:
    run = Run.from_json({"run_id": "r", "finished_at": "1970-01-01T00:00:00Z"})
    assert (run.state, run.finished_at, run.pipeline_id, run.parameters, run.task_details) == ("", None, None, {}, ())


def test_a_full_run_reads() -> None:
    raw = {
        "run_id": "r",
        "display_name": "job",
        "state": "FAILED",
        "experiment_id": "e",
        "pipeline_version_reference": {"pipeline_id": "p", "pipeline_version_id": "v"},
        "runtime_config": {"parameters": {"epochs": 3}},
        "finished_at": "2026-01-02T03:04:05Z",
        "error": {"code": 2, "message": "a task failed"},
        "run_details": {
            "task_details": [
                {
                    "task_id": "t",
                    "display_name": "train",
                    "state": "FAILED",
                    "error": {"message": "exit code 1"},
                    "executor_detail": {"main_job": "pod-1"},
                    "child_tasks": [{"pod_name": "pod-2"}, {"pod_name": "pod-1"}, {"task_id": "x"}],
                    "end_time": "2026-01-02T03:04:05Z",
                }
            ]
        },
    }
    run = Run.from_json(raw)
    assert (run.pipeline_id, run.pipeline_version_id, run.parameters) == ("p", "v", {"epochs": 3})
    assert run.error_message == "a task failed"
    (task,) = run.task_details
    assert (task.display_name, task.error_message, task.pod_names) == ("train", "exit code 1", ("pod-1", "pod-2"))
    assert run.raw is raw


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00Z",
        "",
        None,
        "yesterday",
        7,
        "1970-01-01T00:00:00.5+00:00",
    ],
)
def test_not_yet_is_none(text: object) -> None:
    assert moment(text) is None


def test_fractions_of_seconds_are_read() -> None:
    assert moment("2026-01-02T03:04:05.123456789Z") == datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)


def test_an_empty_page_and_a_missing_total() -> None:
    empty = page({}, "pipelines", Pipeline.from_json)
    assert (empty.items, empty.next_page_token, empty.total_size) == ((), "", None)


def test_items_that_are_no_list_are_malformed() -> None:
    with pytest.raises(KubeflowMalformed):
        page({"pipelines": {"a": 1}}, "pipelines", Pipeline.from_json)
