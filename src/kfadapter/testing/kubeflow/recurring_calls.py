"""Recurring runs of a fake Kubeflow: kept, listed and switched; they start nothing."""

from typing import Any

from kfadapter.testing.kubeflow.calls import Asked, Calls, Routes
from kfadapter.testing.kubeflow.launches import source_spec
from kfadapter.testing.kubeflow.tables import RECURRING_RUNS
from kfadapter.testing.kubeflow.wire import Reply, Wire, internal, invalid, not_found, timestamp
from kfadapter.testing.kubeflow.world import FakeRecurringRun, fresh_id

FIELDS = frozenset(
    {
        "recurring_run_id",
        "display_name",
        "description",
        "pipeline_version_id",
        "pipeline_version_reference",
        "pipeline_spec",
        "runtime_config",
        "service_account",
        "max_concurrency",
        "trigger",
        "mode",
        "no_catchup",
        "namespace",
        "experiment_id",
        "plugins_input",
    }
)
MAX_CONCURRENCY = 10
KEPT = ("description", "pipeline_version_reference", "pipeline_spec", "runtime_config", "trigger", "no_catchup")


class RecurringCalls(Calls):
    """Everything below `/recurringruns`."""

    def routes(self) -> Routes:
        return [
            ("GET", "/recurringruns", self.list_all),
            ("POST", "/recurringruns", self.create),
            ("GET", "/recurringruns/([^/:]+)", self.get),
            ("DELETE", "/recurringruns/([^/:]+)", self.delete),
            ("POST", "/recurringruns/([^/:]+):(enable|disable)", self.switch),
        ]

    def list_all(self, asked: Asked) -> Reply:
        experiment_id = asked.one("experiment_id")
        rows = [one for one in self.world.recurring_runs.values() if experiment_id in ("", one.experiment_id)]
        return self.page(asked, RECURRING_RUNS, rows, "recurringRuns", recurring_json)

    def create(self, asked: Asked) -> Reply:
        body = self.body(asked, FIELDS)
        name = str(body.get("display_name") or "")
        if not name:
            raise internal(
                "Failed to create a recurring run", "Invalid input error: Recurring run's name cannot be empty"
            )
        concurrency = int(body.get("max_concurrency") or 0)
        if not 1 <= concurrency <= MAX_CONCURRENCY:
            raise invalid("Failed to create a recurring run", f"Max concurrency is 1 to 10. Received {concurrency}")
        source_spec(self.world, body)
        now = self.world.now()
        made = FakeRecurringRun(
            recurring_run_id=fresh_id(),
            display_name=name,
            experiment_id=str(body.get("experiment_id") or self.world.default_experiment().experiment_id),
            is_enabled=body.get("mode") == "ENABLE",
            created_at=now,
            updated_at=now,
            fields={**{key: body[key] for key in KEPT if key in body}, "max_concurrency": str(concurrency)},
        )
        self.world.recurring_runs[made.recurring_run_id] = made
        return self.json(recurring_json(made, self.wire))

    def get(self, asked: Asked) -> Reply:
        return self.json(recurring_json(self._found(asked.ids[0]), self.wire))

    def delete(self, asked: Asked) -> Reply:
        del self.world.recurring_runs[self._found(asked.ids[0]).recurring_run_id]
        return self.json({})

    def switch(self, asked: Asked) -> Reply:
        found = self._found(asked.ids[0])
        found.is_enabled, found.updated_at = asked.ids[1] == "enable", self.world.now()
        return self.json({})

    def _found(self, recurring_run_id: str) -> FakeRecurringRun:
        if recurring_run_id not in self.world.recurring_runs:
            raise not_found("Failed to fetch a recurring run", f"Job {recurring_run_id}")
        return self.world.recurring_runs[recurring_run_id]


def recurring_json(one: FakeRecurringRun, wire: Wire) -> dict[str, Any]:
    """A recurring run, the same in both forms."""
    return {
        "recurring_run_id": one.recurring_run_id,
        "display_name": one.display_name,
        **one.fields,
        "mode": "ENABLE" if one.is_enabled else "DISABLE",
        "status": "ENABLED" if one.is_enabled else "DISABLED",
        "experiment_id": one.experiment_id,
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(one.updated_at),
    }
