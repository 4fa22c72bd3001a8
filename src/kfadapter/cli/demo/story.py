"""The story of one training job, played over HTTP as a Training Manager plays it, with every claim checked."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from typing import Any

from rich.text import Text

from kfadapter.cli.demo.liveview import watch
from kfadapter.cli.demo.outcome import Outcome, outcome_of
from kfadapter.cli.demo.stage import Stage
from kfadapter.cli.demo.trainer import TrainingJob, execute, upload
from kfadapter.cli.following import RunFollower
from kfadapter.cli.http import Adapter, AdapterFailed
from kfadapter.cli.pipelinepage import required_first, requirement
from kfadapter.cli.tables import value_text
from kfadapter.cli.times import duration, parse_time
from kfadapter.errors import KFAdapterError
from kfadapter.testing.training_manager import PATH, FakeTrainingManager

STEPS = 7
PIPELINE = "qoe_throughput"
DESCRIPTION = "Predicts the downlink throughput of a cell from radio measurements"
JOB_ID = 7
BAD_REQUEST = 400
RUN_SECONDS = 150.0
TELL_SECONDS = 30.0
LOOK_SECONDS = 0.1
MEANINGS = {
    "rmse_mbps": "how far the model is off on average (root mean square)",
    "rmse_of_mean_mbps": "the same for always answering the mean: what the model has to beat",
    "r2": "share of the throughput's variation that the model explains; 1 is perfect",
    "held_out_samples": "measurements it was judged on, of cells it has never seen",
}


class DemoFailed(KFAdapterError):
    """Something did not go as the story says."""


class Story:
    """Plays the steps in order; what one step learns the next ones use.

    Args:
        stage: Where it is told.
        adapter: The running adapter.
        training_manager: The Training Manager that is told of the end.
        check: Raises when the adapter's process has ended.
    """

    def __init__(
        self, stage: Stage, adapter: Adapter, training_manager: FakeTrainingManager, check: Callable[[], None]
    ) -> None:
        self._stage = stage
        self._adapter = adapter
        self._training_manager = training_manager
        self._check = check
        self._proved: list[str] = []
        self.run_id = ""

    def play(self) -> None:
        """All steps behind the start of the processes, and the summary.

        Raises:
            DemoFailed: A claim did not hold.
            AdapterFailed: The adapter refused a request, or is gone.
        """
        uploaded = self._upload()
        parameters = self._show_inputs(uploaded)
        execution = self._execute(str(uploaded["version_name"]), parameters)
        run = self._follow(execution)
        self._show_outcome(run)
        self._wait_for_notification(run)
        self._sum_up()

    def _upload(self) -> dict[str, Any]:
        self._stage.step(
            "The Training Manager uploads a pipeline",
            "A compiled Kubeflow pipeline of three Python tasks goes in exactly as AIMLFW sends it: a form, and a file "
            "without a name or type. It is validated here before Kubeflow sees it.",
        )
        package = files("kfadapter.cli.demo.qoe").joinpath("pipeline.yaml").read_bytes()
        answer = upload(self._adapter, PIPELINE, package, DESCRIPTION)
        self._require(bool(answer.get("id") and answer.get("version_name")), f"the upload was answered {answer}")
        self._stage.facts(
            [
                ("pipeline", f"{answer['name']}  ({len(package):,} bytes of YAML)"),
                ("version", str(answer["version_name"])),
                ("id", str(answer["id"])),
            ]
        )
        self._proved.append("A pipeline uploaded as AIMLFW uploads it was validated, named and given a version")
        return answer

    def _show_inputs(self, uploaded: dict[str, Any]) -> list[dict[str, Any]]:
        self._stage.step(
            "What may be passed to it",
            "Nobody has to read YAML or guess: every input is known with its type, default and description.",
        )
        body, _ = self._adapter.fetch("GET", f"/pipelines/{uploaded['id']}")
        parameters = required_first(body["parameters"])
        types = {one["type"] for one in parameters}
        self._require(len(types) > 3, f"only these types of inputs are known: {sorted(types)}")
        rows = [(one["name"], one["type"], requirement(one), one["description"]) for one in parameters]
        self._stage.table(("Input", "Type", "Default", "Description"), rows)
        self._proved.append(
            f"Its {len(parameters)} inputs of {len(types)} types are data: type, default, description of each"
        )
        return parameters

    def _execute(self, version: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
        self._stage.step(
            f"The Training Manager starts training job {JOB_ID}",
            "It turns every value into text and uses some names of its own. The adapter makes of it what the pipeline "
            "declares, and says what it did; a value that does not fit is refused before anything starts.",
        )
        job = training_job(version)
        refusal = self._refusal(job)
        answer = execute(self._adapter, job)
        self.run_id = str(answer["run_id"])
        self._require(answer["run_status"] == "scheduled", f"the execution was answered {answer}")
        self._show_arguments(job, answer, parameters)
        ignored = [f"{name}={job.sent_arguments().get(name)!r}" for name in answer["ignored_arguments"]]
        self._stage.facts(
            [
                ("left out", f"{', '.join(ignored)}: no input of this pipeline"),
                ("answer", f"run_status {answer['run_status']}, run {answer['run_name']}"),
                ("refused before", f"the same with epochs='many': {refusal}"),
            ]
        )
        return answer

    def _refusal(self, job: TrainingJob) -> str:
        """What is answered to an execution with an argument that does not fit."""
        try:
            execute(self._adapter, replace(job, arguments=job.arguments | {"epochs": "many"}))
        except AdapterFailed as exc:
            self._require(exc.status == BAD_REQUEST, f"an unfit argument was answered {exc.status}: {exc}")
            return str(exc)
        raise DemoFailed("an execution with epochs='many' was accepted")

    def _show_arguments(self, job: TrainingJob, answer: dict[str, Any], parameters: list[dict[str, Any]]) -> None:
        sent, effective = job.sent_arguments(), answer["effective_arguments"]
        rows = [(one["name"], *argument_row(one, sent, effective)) for one in parameters]
        self._stage.table(("Input", "The Training Manager sent", "The run gets", "How"), rows)
        wanted = job.wanted_inputs()
        wrong = {name: effective.get(name) for name, value in wanted.items() if effective.get(name) != value}
        self._require(not wrong, f"these arguments did not become what they should: {wrong}")
        converted = [name for name, text in sent.items() if name in effective and effective[name] != text]
        self._proved.append(
            f"{len(converted)} texts became int, float, bool and list, {len(wanted) - len(converted)} inputs were "
            "filled from the Training Manager's own names, and an argument that does not fit was refused"
        )

    def _follow(self, execution: dict[str, Any]) -> dict[str, Any]:
        self._stage.step(
            "The tasks run, for real",
            "Each task is a process of its own, in a Python environment with the kfp version the pipeline asks for. "
            "The first run makes that environment, later ones find it. States and log lines come as they happen.",
        )
        self._stage.space()
        follower = RunFollower(self._adapter, str(execution["run_id"]))
        run = watch(self._stage, follower, self._check, within_seconds=RUN_SECONDS)
        self._require(run["state"] == "SUCCEEDED", failure_of(run))
        tasks = [task for task in run["tasks"] if task["kind"] == "container"]
        took = duration((ended_at(run) - began_at(run)).total_seconds())
        self._stage.space()
        self._stage.say(
            f"The run has ended: {run['state']}, after {took}. (Lines of the KFP executor itself are left out above; "
            "'kfadapter runs logs' prints all.)"
        )
        self._proved.append(f"{len(tasks)} tasks ran in processes of their own in {took}, each state and log line seen")
        return run

    def _show_outcome(self, run: dict[str, Any]) -> None:
        self._stage.step(
            "What came out",
            "Metrics and artifacts are data too: numbers, types, addresses and whatever the tasks noted about them.",
        )
        outcome = outcome_of(run)
        names = sorted(outcome.metrics, key=[*MEANINGS, *outcome.metrics].index)
        rows = [(name, value_text(outcome.metrics[name]), MEANINGS.get(name, "")) for name in names]
        self._stage.table(("Metric", "Value", "Meaning"), rows)
        self._stage.facts(
            [
                ("artifact", f"{outcome.model['name']}, a {outcome.model['type']}"),
                ("address", str(outcome.model["uri"])),
                *((name, value_text(value)) for name, value in sorted(outcome.model["metadata"].items())),
            ]
        )
        self._judge(outcome)

    def _judge(self, outcome: Outcome) -> None:
        model, mean = outcome.metrics.get("rmse_mbps"), outcome.metrics.get("rmse_of_mean_mbps")
        is_better = isinstance(model, float) and isinstance(mean, float) and model < mean
        self._require(is_better, f"the model is no better than the mean: {outcome.metrics}")
        self._proved.append(
            f"A model was trained: {model} Mbit/s off on cells it has never seen, where the mean alone is {mean} off"
        )

    def _wait_for_notification(self, run: dict[str, Any]) -> None:
        self._stage.step(
            "The Training Manager is told",
            "The message is written down together with the run's end, so that no crash can lose it. It is never sent "
            "sooner than a grace time after the answer in step 4: a Training Manager that hears of the end before it "
            "has stored the start would show the job as running for ever.",
        )
        try:
            told = self._training_manager.wait_for(1, within=TELL_SECONDS)[0]
        except TimeoutError as exc:
            raise DemoFailed(f"the Training Manager was not told within {TELL_SECONDS:.0f} s") from exc
        delivery = self._delivery()
        after = duration(max(0.0, (told.at - ended_at(run)).total_seconds()))
        expected = self._expected_notification(run)
        self._stage.facts(
            [
                ("request", f"POST {self._training_manager.url}{PATH}"),
                ("body", json.dumps({name: told.body.get(name) for name in expected})),
                ("also", ", ".join(name for name in told.body if name not in expected)),
                ("when", f"{after} after the end of the run"),
                ("answer", f"{delivery.get('status')} {value_text(delivery.get('answer'))}"),
            ]
        )
        is_told_right = {name: told.body.get(name) for name in expected} == expected
        self._require(is_told_right, f"the Training Manager was told {told.body}")
        count = len(self._training_manager.notifications)
        self._require(count == 1, f"the Training Manager was told {count} times")
        self._proved.append(f"The Training Manager was told once, {after} after the end, and took it")

    def _expected_notification(self, run: dict[str, Any]) -> dict[str, str]:
        """What the Training Manager reads; there is more, which it passes over."""
        return {"run_id": run["run_id"], "run_status": "SUCCEEDED", "trainingjob_id": str(JOB_ID)}

    def _delivery(self) -> dict[str, Any]:
        """The delivery as the adapter has written it down, once it has."""
        deadline = time.monotonic() + TELL_SECONDS
        while time.monotonic() < deadline:
            self._check()
            job, _ = self._adapter.fetch("GET", f"/v1/training-jobs/{JOB_ID}")
            for notification in job["runs"][0]["notifications"]:
                if notification["state"] == "delivered":
                    return dict(notification["deliveries"][-1])
            time.sleep(LOOK_SECONDS)
        raise DemoFailed("the adapter has not written down that the Training Manager took the notification")

    def _sum_up(self) -> None:
        self._stage.space()
        self._stage.console.print(Text("What this has shown", style="bold"))
        for sentence in self._proved:
            self._stage.check(sentence)

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise DemoFailed(otherwise)


def training_job(version: str) -> TrainingJob:
    """The job of the story."""
    return TrainingJob(
        job_id=JOB_ID,
        pipeline=PIPELINE,
        version=version,
        feature_group="qoe_cells",
        model_name="qoe-model",
        model_version="1",
        arguments={"epochs": 60, "learning_rate": 0.002, "normalise": True, "hidden_layers": [12]},
    )


def argument_row(parameter: dict[str, Any], sent: dict[str, str], effective: dict[str, Any]) -> tuple[str, str, str]:
    """What was sent for an input, what the run gets, and how the one became the other."""
    name = parameter["name"]
    gets = json.dumps(effective[name]) if name in effective else ""
    if name in sent:
        kind = type(effective.get(name)).__name__
        return json.dumps(sent[name]), gets, "as it is" if effective.get(name) == sent[name] else f"text to {kind}"
    if name == "featurepath":
        keys = ("featuregroup_name", "trainingjob_id")
        return ", ".join(f"{key}={sent[key]}" for key in keys), gets, "both joined"
    alias = next((key for key in sent if plain_name(key) == plain_name(name)), None)
    if alias is not None:
        return f"{alias}={sent[alias]}", gets, "another spelling"
    return "", gets, "default"


def plain_name(name: str) -> str:
    """A name without case, `_` and `-`."""
    return name.casefold().replace("_", "").replace("-", "")


def began_at(run: dict[str, Any]) -> datetime:
    """When a run's first task began."""
    return min(at for task in run["tasks"] if (at := parse_time(task["started_at"])) is not None)


def ended_at(run: dict[str, Any]) -> datetime:
    """When a run's last task ended: to the fraction, where the run's own time has whole seconds."""
    return max(at for task in run["tasks"] if (at := parse_time(task["finished_at"])) is not None)


def failure_of(run: dict[str, Any]) -> str:
    """Why a run did not succeed, in the words of the task that failed."""
    failed = [task for task in run["tasks"] if task["state"] == "FAILED" and task["kind"] != "root"]
    reasons = [f"task {task['name']}: {task['error']}" for task in failed] or [run.get("error") or "no reason is known"]
    return f"the run is {run['state']}: {'; '.join(reasons)}"
