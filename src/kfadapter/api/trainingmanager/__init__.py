"""The Training Manager's routes, at the root: the shapes of upstream's adapter with its defects repaired."""

from collections.abc import Iterator

from kfadapter.api.routing import PlainRoute
from kfadapter.api.trainingmanager.execution import ExecutionRoutes
from kfadapter.api.trainingmanager.experiments import ExperimentRoutes
from kfadapter.api.trainingmanager.liveness import LivenessRoutes
from kfadapter.api.trainingmanager.pipelines import PipelineRoutes
from kfadapter.api.trainingmanager.runs import RunRoutes
from kfadapter.service import Service


def training_manager_routes(service: Service) -> Iterator[PlainRoute]:
    """All routes of the Training Manager's contract."""
    timeout_seconds = service.settings.request_timeout_seconds
    groups = (
        PipelineRoutes(service),
        ExecutionRoutes(service),
        RunRoutes(service),
        ExperimentRoutes(service),
        LivenessRoutes(),
    )
    for group in groups:
        yield from (operation.route(timeout_seconds) for operation in group.operations())
