"""The command line as people and scripts use it: real processes against a real service with the embedded engine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from kfadapter.cli.demo.adapter_process import AdapterProcess, leftovers
from kfadapter.settings import installer_environment
from kfadapter.testing.training_manager import FakeTrainingManager

pytestmark = pytest.mark.process

PACKAGE = Path(str(files("kfadapter.cli.demo.qoe").joinpath("pipeline.yaml")))
INPUTS = ("--arg", "featurepath=f", "--arg", "modelname=m", "--arg", "modelversion=1")
QUICK = (*INPUTS, "--arg", "epochs=2", "--arg", "cells=8", "--arg", "samples_per_cell=10")


@dataclass(frozen=True)
class Service:
    """A running service, and the program that talks to it."""

    url: str
    data_dir: Path
    training_manager: FakeTrainingManager

    def __call__(self, *arguments: str, code: int = 0, url: str | None = None) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-m", "kfadapter", *arguments],
            env={**installer_environment(), "KFADAPTER_URL": url or self.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert ended.returncode == code, f"{arguments}: {ended.stdout}\n{ended.stderr}"
        return ended

    def json(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        return json.loads(self(*arguments, "--json").stdout)

    def start(self, job_id: str, *arguments: str) -> str:
        """Start a job of the demo's pipeline; the run's id."""
        return str(self.json("jobs", "start", job_id, "--pipeline", "qoe", *arguments)["run_id"])

    def finish(self, run_id: str) -> Any:
        """Follow a run to its end; the run."""
        self("runs", "logs", run_id, "--follow")
        return self.json("runs", "show", run_id)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp("service")
    with FakeTrainingManager() as training_manager:
        process = AdapterProcess(
            data_dir,
            {
                "KFADAPTER_TRAINING_MANAGER_URL": training_manager.url,
                "KFADAPTER_NOTIFY_GRACE_SECONDS": "0",
                "KFADAPTER_POLL_SECONDS": "0.1",
            },
        )
        process.start()
        try:
            running = Service(process.url, data_dir, training_manager)
            running("pipelines", "upload", str(PACKAGE), "--name", "qoe", "--description", "throughput")
            yield running
        finally:
            process.stop()


def test_pipelines_are_listed_and_shown_by_name_and_by_id(service: Service) -> None:
    [pipeline] = [one for one in service.json("pipelines", "list")["pipelines"] if one["display_name"] == "qoe"]
    assert pipeline["description"] == "throughput"
    by_name = service.json("pipelines", "show", "qoe")
    assert by_name == {**service.json("pipelines", "show", pipeline["pipeline_id"]), "matched_by": "display_name"}
    page = service("pipelines", "show", "qoe").stdout
    rows = {line.split()[0]: line.split() for line in page.splitlines() if line.strip()}
    assert rows["epochs"][1:3] == ["NUMBER_INTEGER", "required"]
    assert rows["learning_rate"][1:3] == ["NUMBER_DOUBLE", "0.003"]
    assert "Share of the cells kept away from training, for the evaluation." in page


def test_json_is_the_answer_of_the_api(service: Service) -> None:
    printed = service("pipelines", "list", "--json").stdout
    assert printed == httpx.get(f"{service.url}/pipelines", trust_env=False).text


def test_an_upload_of_a_known_name_is_its_next_version_and_delete_removes_all(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "short lived.yaml"
    file.write_bytes(PACKAGE.read_bytes())
    assert service.json("pipelines", "upload", str(file))["version"]["display_name"] == "short lived"
    assert "has version 2 now" in service("pipelines", "upload", str(file)).stdout
    versions = service.json("pipelines", "versions", "short lived")["pipeline_versions"]
    assert {one["display_name"] for one in versions} == {"short lived", "2"}
    assert service.json("pipelines", "delete", "short lived", "--yes")["status"] == "Deleted"
    assert "No pipeline is found" in service("pipelines", "show", "short lived", code=1).stderr


def test_a_malformed_package_is_refused_with_the_reason(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("a: [")
    ended = service("pipelines", "upload", str(file), code=1)
    assert ended.stderr.startswith("kfadapter: ")
    assert "YAML" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_job_is_started_followed_and_shown_with_what_was_told(service: Service) -> None:
    run_id = service.start("501", *QUICK, "--arg", "colour=blue")
    followed = service("runs", "logs", run_id, "--follow").stdout.splitlines()
    assert sum(line.startswith("train | epoch") for line in followed) == 2
    assert any(line.startswith("evaluate | model ") for line in followed)
    assert followed == service("runs", "logs", run_id).stdout.splitlines()

    run = service.json("runs", "show", run_id)
    assert (run["state"], run["training_job_id"]) == ("SUCCEEDED", "501")
    assert service.json("runs", "show", run["name"])["run_id"] == run_id
    assert service.json("runs", "show", run_id[:8])["run_id"] == run_id
    tasks = [line.split()[0:3] for line in service("runs", "show", run_id).stdout.splitlines() if "✓" in line][1:]
    assert tasks == [[name, "✓", "SUCCEEDED"] for name in ("generate-measurements", "train", "evaluate")]

    service.training_manager.wait_for(1, within=30)
    job = service.json("jobs", "show", "501")
    assert job["runs"][0]["ignored_arguments"] == ["colour"]
    page = service("jobs", "show", "501").stdout
    assert "epochs=2" in page
    assert "colour" in page


def test_the_log_of_one_task_can_be_cut_to_its_last_lines(service: Service) -> None:
    run_id = service.start("502", *QUICK)
    service.finish(run_id)
    whole = service("runs", "logs", run_id, "--task", "train").stdout.splitlines()
    assert service("runs", "logs", run_id, "--task", "train", "--tail", "3").stdout.splitlines() == whole[-3:]
    lines = service("runs", "logs", run_id, "--task", "train", "--json").stdout.splitlines()
    assert [json.loads(line)["text"] for line in lines] == whole
    assert "no task nothing" in service("runs", "logs", run_id, "--task", "nothing", code=1).stderr


def test_a_failed_run_is_shown_with_its_reason(service: Service) -> None:
    run_id = service.start("503", *QUICK, "--arg", "holdout=0")
    assert service.finish(run_id)["state"] == "FAILED"
    page = service("runs", "show", run_id).stdout
    assert "Why evaluate failed" in page
    assert "raise `holdout`" in page
    states = {one["run_id"]: one["state"] for one in service.json("runs", "list")["runs"]}
    assert states[run_id] == "FAILED"


def test_a_stopped_run_ends_and_leaves_no_process(service: Service) -> None:
    run_id = service.start("504", *INPUTS, "--arg", "epochs=100000")
    with subprocess.Popen(
        [sys.executable, "-m", "kfadapter", "runs", "logs", run_id, "--task", "train", "-f", "--url", service.url],
        env=installer_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        assert any("epoch" in line for line in following.stdout)
        assert run_id in service("runs", "stop", run_id).stdout
        following.stdout.read()
        assert following.wait(60) == 0
    assert service.json("runs", "show", run_id)["state"] in ("CANCELED", "FAILED")
    assert leftovers(service.data_dir) == []


def test_arguments_that_do_not_fit_are_all_named_and_nothing_starts(service: Service) -> None:
    before = len(service.json("runs", "list")["runs"])
    ended = service(
        "jobs", "start", "505", "--pipeline", "qoe", "--arg", "epochs=many", "--arg", "holdout=half", code=1
    )
    assert all(name in ended.stderr for name in ("epochs", "holdout", "featurepath", "modelname", "modelversion"))
    assert len(service.json("runs", "list")["runs"]) == before


def test_jobs_are_listed_with_the_state_of_their_latest_run(service: Service) -> None:
    service.finish(service.start("506", *QUICK))
    page = service("jobs", "list").stdout.splitlines()
    assert page[0].split()[:2] == ["JOB", "STATE"]
    [row] = [line for line in page if line.split()[0] == "506"]
    assert "qoe" in row
    assert any(job["training_job_id"] == "506" for job in service.json("jobs", "list")["training_jobs"])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("pipelines", "show", "nothing"), "No pipeline is found with name nothing"),
        (("runs", "show", "nothing"), "No run is found with name or id nothing"),
        (("runs", "show", "00000000-0000-4000-8000-000000000000"), "not found"),
        (("jobs", "show", "nothing"), "There is no training job nothing"),
        (("jobs", "start", "1", "--pipeline", "nothing"), "No pipeline is found with name nothing"),
        (("jobs", "start", "1", "--pipeline", "qoe", "--version", "99"), "99"),
        (("jobs", "start", "1", "--pipeline", "qoe", "--experiment", "none"), "none"),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_code_1(
    service: Service, arguments: tuple[str, ...], reason: str
) -> None:
    ended = service(*arguments, code=1)
    assert ended.stdout == ""
    assert ended.stderr.startswith("kfadapter: ")
    assert reason in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "show"),
        ("jobs", "start", "1"),
        ("jobs", "start", "1", "--pipeline", "p", "--arg", "epochs"),
        ("nonsense",),
    ],
)
def test_wrong_usage_is_exit_code_2(service: Service, arguments: tuple[str, ...]) -> None:
    assert service(*arguments, code=2).stdout == ""


def test_a_service_that_is_not_there_is_named(service: Service) -> None:
    ended = service("pipelines", "list", url="http://127.0.0.1:9", code=1)
    assert "nothing answers at http://127.0.0.1:9" in ended.stderr
    assert "kfadapter serve" in ended.stderr
