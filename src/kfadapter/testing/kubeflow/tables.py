"""What a fake Kubeflow can list, and by which names its fields are filtered and sorted."""

from kfadapter.testing.kubeflow.lists import Table
from kfadapter.testing.kubeflow.world import FakeExperiment, FakePipeline, FakeRecurringRun, FakeRun, FakeVersion

PIPELINES: Table[FakePipeline] = Table(
    type_name="Pipeline",
    identity=lambda row: row.pipeline_id,
    columns={
        "pipeline_id": lambda row: row.pipeline_id,
        "id": lambda row: row.pipeline_id,
        "name": lambda row: row.name,
        "display_name": lambda row: row.display_name,
        "description": lambda row: row.description,
        "namespace": lambda row: row.namespace,
        "created_at": lambda row: row.created_at,
    },
    context="Failed to list pipelines due invalid list options: {criteria}",
)
VERSIONS: Table[FakeVersion] = Table(
    type_name="PipelineVersion",
    identity=lambda row: row.pipeline_version_id,
    columns={
        "pipeline_version_id": lambda row: row.pipeline_version_id,
        "id": lambda row: row.pipeline_version_id,
        "name": lambda row: row.name,
        "display_name": lambda row: row.display_name,
        "description": lambda row: row.description,
        "created_at": lambda row: row.created_at,
    },
    context="Failed to list pipeline versions due invalid list options: {criteria}",
)
EXPERIMENTS: Table[FakeExperiment] = Table(
    type_name="Experiment",
    identity=lambda row: row.experiment_id,
    columns={
        "experiment_id": lambda row: row.experiment_id,
        "id": lambda row: row.experiment_id,
        "name": lambda row: row.display_name,
        "display_name": lambda row: row.display_name,
        "description": lambda row: row.description,
        "namespace": lambda row: row.namespace,
        "created_at": lambda row: row.created_at,
        "last_run_created_at": lambda row: row.last_run_created_at,
        "storage_state": lambda row: row.storage_state,
    },
    context="Failed to create list options",
)
RUNS: Table[FakeRun] = Table(
    type_name="Run",
    identity=lambda row: row.run_id,
    columns={
        "run_id": lambda row: row.run_id,
        "id": lambda row: row.run_id,
        "name": lambda row: row.display_name,
        "display_name": lambda row: row.display_name,
        "description": lambda row: row.description,
        "experiment_id": lambda row: row.experiment_id,
        "recurring_run_id": lambda row: "",
        "namespace": lambda row: "",
        "state": lambda row: row.state,
        "status": lambda row: row.state,
        "storage_state": lambda row: row.storage_state,
        "created_at": lambda row: row.created_at,
        "scheduled_at": lambda row: row.scheduled_at,
        "finished_at": lambda row: row.finished_at,
    },
    context="Failed to create list options",
)

RECURRING_RUNS: Table[FakeRecurringRun] = Table(
    type_name="Job",
    identity=lambda row: row.recurring_run_id,
    columns={
        "recurring_run_id": lambda row: row.recurring_run_id,
        "id": lambda row: row.recurring_run_id,
        "name": lambda row: row.display_name,
        "display_name": lambda row: row.display_name,
        "experiment_id": lambda row: row.experiment_id,
        "created_at": lambda row: row.created_at,
        "updated_at": lambda row: row.updated_at,
    },
    context="Failed to create list options",
)

# 2.3.0 does not know when an experiment ran last.
OLD_EXPERIMENTS: Table[FakeExperiment] = Table(
    type_name=EXPERIMENTS.type_name,
    identity=EXPERIMENTS.identity,
    columns={key: read for key, read in EXPERIMENTS.columns.items() if key != "last_run_created_at"},
    context=EXPERIMENTS.context,
)
