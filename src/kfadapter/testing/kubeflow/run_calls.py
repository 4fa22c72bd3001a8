"""Experiments and runs of a fake Kubeflow."""

from kfadapter.testing.kubeflow.calls import Asked, Calls, Routes
from kfadapter.testing.kubeflow.launches import create_run
from kfadapter.testing.kubeflow.tables import EXPERIMENTS, OLD_EXPERIMENTS, RUNS
from kfadapter.testing.kubeflow.wire import KFPError, Reply, experiment_json, internal, invalid, not_found, run_json
from kfadapter.testing.kubeflow.world import FakeExperiment, FakeRun

LONGEST_NAME = 128
EXPERIMENT_FIELDS = frozenset(
    {
        "display_name",
        "description",
        "namespace",
        "experiment_id",
        "storage_state",
        "created_at",
        "last_run_created_at",
    }
)
RUN_FIELDS = frozenset(
    {
        "run_id",
        "display_name",
        "description",
        "experiment_id",
        "pipeline_version_id",
        "pipeline_version_reference",
        "pipeline_spec",
        "runtime_config",
        "service_account",
        "storage_state",
        "created_at",
        "scheduled_at",
        "finished_at",
        "state",
        "plugins_input",
        "plugins_output",
    }
)


class ExperimentCalls(Calls):
    """Everything below `/experiments`."""

    def routes(self) -> Routes:
        return [
            ("GET", "/experiments", self.list_experiments),
            ("POST", "/experiments", self.create),
            ("GET", "/experiments/([^/]+)", self.get),
            ("DELETE", "/experiments/([^/]+)", self.delete),
            ("POST", "/experiments/([^/:]+):(archive|unarchive)", self.store),
        ]

    def list_experiments(self, asked: Asked) -> Reply:
        table = OLD_EXPERIMENTS if self.wire.is_old else EXPERIMENTS
        return self.page(asked, table, list(self.world.experiments.values()), "experiments", experiment_json)

    def create(self, asked: Asked) -> Reply:
        body = self.body(asked, EXPERIMENT_FIELDS)
        name = str(body.get("display_name") or "")
        if not name or (len(name) > LONGEST_NAME and not self.wire.is_old):
            too_long = f"Experiment.Name length cannot exceed {LONGEST_NAME}"
            wrong = too_long if name else "Experiment must have a non-empty name"
            raise internal(
                "[ExperimentServer]: Failed to create a experiment due to conversion error",
                f"Failed to convert API experiment to model experiment: Invalid input error: {wrong}",
            )
        if any(one.display_name.casefold() == name.casefold() for one in self.world.experiments.values()):
            message = f"Failed to create a new experiment. The name {name} already exists. Please specify a new name"
            raise KFPError(6, f"Failed to create a experiment: Already exist error: {message}", message)
        experiment = self.world.add_experiment(name, str(body.get("description", "")))
        return self.json(experiment_json(experiment, self.wire))

    def get(self, asked: Asked) -> Reply:
        experiment = self._experiment(asked.ids[0], "Failed to fetch experiment")
        return self.json(experiment_json(experiment, self.wire))

    def delete(self, asked: Asked) -> Reply:
        experiment = self._experiment(asked.ids[0], "Failed to delete experiment")
        del self.world.experiments[experiment.experiment_id]
        return self.json({})

    def store(self, asked: Asked) -> Reply:
        """Archive or unarchive; KFP answers {} for an unknown experiment too."""
        experiment_id, action = asked.ids
        if experiment_id in self.world.experiments:
            if action == "archive":
                self.world.archive_experiment(experiment_id)
            else:
                self.world.experiments[experiment_id].storage_state = "AVAILABLE"
        return self.json({})

    def _experiment(self, experiment_id: str, context: str) -> FakeExperiment:
        if experiment_id not in self.world.experiments:
            raise not_found(context, f"Experiment {experiment_id}")
        return self.world.experiments[experiment_id]


class RunCalls(Calls):
    """Everything below `/runs`."""

    def routes(self) -> Routes:
        return [
            ("GET", "/runs", self.list_runs),
            ("POST", "/runs", self.create),
            ("GET", "/runs/([^/]+)", self.get),
            ("DELETE", "/runs/([^/]+)", self.delete),
            ("POST", "/runs/([^/:]+):(archive|unarchive)", self.store),
            ("POST", "/runs/([^/:]+):terminate", self.terminate),
            ("POST", "/runs/([^/:]+):retry", self.retry),
        ]

    def list_runs(self, asked: Asked) -> Reply:
        experiment_id = asked.one("experiment_id")
        if experiment_id and experiment_id not in self.world.experiments:
            raise not_found("Failed to list runs", f"Experiment {experiment_id}")
        rows = [run for run in self.world.runs.values() if experiment_id in ("", run.experiment_id)]
        return self.page(asked, RUNS, rows, "runs", run_json)

    def create(self, asked: Asked) -> Reply:
        body = self.body(asked, RUN_FIELDS)
        sources = {"pipeline_spec", "pipeline_version_reference", "pipeline_version_id"} & body.keys()
        if len(sources) > 1 and not self.wire.is_old:
            raise KFPError(3, 'proto: (line 1:2): error parsing "pipeline_spec", oneof is already set')
        if "plugins_output" in body and not self.wire.is_old:
            message = "plugins_output is server-owned and populated exclusively via plugin lifecycle hooks"
            raise KFPError(10, f"BadRequestError: {message}", message)
        return self.json(run_json(create_run(self.world, body, self.wire), self.wire))

    def get(self, asked: Asked) -> Reply:
        return self.json(run_json(self._run(asked.ids[0], "Failed to get a run"), self.wire))

    def delete(self, asked: Asked) -> Reply:
        del self.world.runs[self._run(asked.ids[0], "Failed to delete a run").run_id]
        return self.json({})

    def store(self, asked: Asked) -> Reply:
        """Archive or unarchive."""
        run_id, action = asked.ids
        run = self._run(run_id, f"Failed to {action} a run")
        experiment = self.world.experiments.get(run.experiment_id)
        if action == "unarchive" and experiment is not None and experiment.storage_state == "ARCHIVED":
            message = f"Failed to unarchive run {run_id} as experiment {run.experiment_id} must be un-archived first"
            raise KFPError(9, f"Failed to unarchive a run: FailedPreconditionError: {message}", message)
        run.storage_state = "ARCHIVED" if action == "archive" else "AVAILABLE"
        return self.json({})

    def terminate(self, asked: Asked) -> Reply:
        run = self._run(asked.ids[0], "Failed to terminate a run")
        if run.has_ended:
            context = f"Failed to terminate a run: Failed to terminate run {run.run_id}"
            raise invalid(context, f"Failed to terminate a run {run.run_id}. Row not found")
        self.world.terminate(run)
        return self.json({})

    def retry(self, asked: Asked) -> Reply:
        run = self._run(asked.ids[0], "Failed to retry a run")
        if run.state != "FAILED":
            message = "Workflow must be Failed/Error to retry"
            chain = f"Failed to retry a run: Failed to retry run {run.run_id}: BadRequestError: {message}"
            raise KFPError(10, f"{chain}: workflow cannot be retried", message)
        if self.wire.is_old:
            run.history.clear()
        run.enter("RUNNING", self.world.now())
        return self.json({})

    def _run(self, run_id: str, context: str) -> FakeRun:
        if run_id not in self.world.runs:
            raise not_found(f"{context}: Failed to fetch run {run_id}", f"Run {run_id}")
        return self.world.runs[run_id]
