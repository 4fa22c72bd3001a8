"""One execution request of the Training Manager, from its names and texts to a run that Kubeflow has taken."""

from collections.abc import Mapping
from dataclasses import dataclass

from kfadapter.errors import KubeflowInvalid, KubeflowNotFound, NameNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.pipelines.arguments import FittedArguments, fit_arguments
from kfadapter.pipelines.spec import read_spec
from kfadapter.training.launch import Launched, Launcher, LaunchRequest
from kfadapter.training.records import ExecutionKey
from kfadapter.training.resolution import Resolved, Resolver

# What an alias is made of: these arguments count as used once it is.
ALIAS_SOURCES = {"featurepath": ("featuregroup_name", "trainingjob_id")}


@dataclass(frozen=True, kw_only=True)
class ExecutionRequest:
    """What the Training Manager asks for.

    Attributes:
        job_id: Its training job's id, as in the path.
        pipeline_name: The pipeline's display name.
        pipeline_version: The version's name; "" and "latest" mean the newest.
        experiment_name: The experiment's name.
        arguments: Names and values; the Training Manager sends every value as text.
        key: The caller's name for this request; repeated, it leads to the same run.
    """

    job_id: str
    pipeline_name: str
    pipeline_version: str
    experiment_name: str
    arguments: Mapping[str, object]
    key: ExecutionKey | None = None

    @property
    def names(self) -> tuple[str, str, str]:
        """Pipeline, version and experiment, as the resolver takes them."""
        return (self.pipeline_name, self.pipeline_version, self.experiment_name)


class Executor:
    """Starts training jobs."""

    def __init__(self, kubeflow: Kubeflow, resolver: Resolver, launcher: Launcher) -> None:
        self._kubeflow = kubeflow
        self._resolver = resolver
        self._launcher = launcher

    async def execute(self, request: ExecutionRequest) -> Launched:
        """Resolve the names, fit the arguments, start one run; or find the run that the request's key stands for.

        Raises:
            IdempotencyKeyReused: The key came with another request before.
            NameNotFound: Pipeline, version or experiment does not exist.
            ArgumentsError: Arguments do not fit; Kubeflow has not been asked to start anything.
            KubeflowError: Kubeflow refused, or is away.
            LaunchFailed: The outcome could not be learnt, or there is no run.
        """
        if request.key is not None and (run := await self._launcher.known(request.job_id, request.key)) is not None:
            return Launched(run=run, is_joined=True)
        try:
            return await self._execute(request)
        except (KubeflowNotFound, KubeflowInvalid, NameNotFound):
            # A remembered id may have gone since. The refusal is definite: nothing was started.
            if not self._resolver.forget(*request.names):
                raise
        return await self._execute(request)

    async def _execute(self, request: ExecutionRequest) -> Launched:
        resolved = await self._resolver.resolve(*request.names)
        fitted = await self._fitted(request, resolved)
        return await self._launcher.launch(launch_request(request, resolved, fitted))

    async def _fitted(self, request: ExecutionRequest, resolved: Resolved) -> FittedArguments:
        version = resolved.version
        document = version.pipeline_spec or await self._kubeflow.versions.spec(
            version.pipeline_id, version.pipeline_version_id
        )
        parameters = read_spec(document).parameters
        aliases = training_manager_aliases(request.arguments)
        return fit_arguments(parameters, request.arguments, aliases, alias_sources=ALIAS_SOURCES)


def training_manager_aliases(arguments: Mapping[str, object]) -> dict[str, object]:
    """The inputs AIMLFW's sample pipelines declare, made of what the Training Manager sends.

    Upstream passed exactly these: `featurepath` names the table data extraction wrote,
    `{featuregroup_name}_{trainingjob_id}`; `modelname` and `modelversion` are the model's.
    """
    aliases = {
        alias: arguments[source]
        for alias, source in (("modelname", "modelName"), ("modelversion", "modelVersion"))
        if source in arguments
    }
    if "featuregroup_name" in arguments and "trainingjob_id" in arguments:
        aliases["featurepath"] = f"{arguments['featuregroup_name']}_{arguments['trainingjob_id']}"
    return aliases


def launch_request(request: ExecutionRequest, resolved: Resolved, fitted: FittedArguments) -> LaunchRequest:
    """What the launcher is to start and the ledger to remember."""
    return LaunchRequest(
        job_id=request.job_id,
        pipeline_id=resolved.pipeline.pipeline_id,
        pipeline_name=resolved.pipeline.display_name,
        pipeline_version_id=resolved.version.pipeline_version_id,
        version_name=resolved.version.display_name,
        experiment_id=resolved.experiment.experiment_id,
        experiment_name=resolved.experiment.display_name,
        parameters=fitted.passed,
        effective_arguments=fitted.effective,
        ignored_arguments=fitted.ignored,
        key=request.key,
    )
