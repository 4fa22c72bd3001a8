"""The arguments a run really had: those it was started with, and the defaults of the pipeline's other inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfadapter.errors import KubeflowError, KubeflowNotFound, PackageError
from kfadapter.kubeflow.catalog import Catalog
from kfadapter.kubeflow.resources import Run, mapping
from kfadapter.pipelines.spec import Parameter, read_spec, typed
from kfadapter.runs.missing import Missing

WHAT = "effective_arguments"


@dataclass(frozen=True, kw_only=True)
class EffectiveArguments:
    """What a pipeline saw.

    Attributes:
        values: By input; None when the defaults are not known.
        defaulted: The inputs whose default applied.
        document: The specification that ran; None when it is not known.
        missing: Why there are no values.
    """

    values: Mapping[str, Any] | None
    defaulted: tuple[str, ...] = ()
    document: Mapping[str, Any] | None = None
    missing: Missing | None = None


class ArgumentReader:
    """Finds what a run's pipeline declares: a version never changes, so it is asked for once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def of(self, run: Run) -> EffectiveArguments:
        """The effective arguments of a run. Never raises for a pipeline that cannot be read: says so."""
        try:
            document = await self.document(run)
            parameters = read_spec(document).parameters
        except KubeflowNotFound:
            reason = "the pipeline version has been deleted, and with it the defaults of its inputs"
        except KubeflowError as exc:
            reason = f"the pipeline version cannot be read: {exc.reason}"
        except PackageError as exc:
            reason = f"the specification cannot be read: {exc}"
        else:
            return _effective(run.parameters, parameters, document)
        return EffectiveArguments(values=None, missing=Missing(what=WHAT, reason=reason))

    async def document(self, run: Run) -> Mapping[str, Any]:
        """The specification a run is of: sent along with it, or that of its version.

        Raises:
            KubeflowNotFound: The version has gone.
            KubeflowError: Kubeflow is away.
        """
        inline = mapping(run.raw.get("pipeline_spec"))
        if inline:
            return inline
        if not run.pipeline_version_id or not run.pipeline_id:
            raise KubeflowNotFound("the run names no pipeline version")
        return (await self._catalog.content(run.pipeline_id, run.pipeline_version_id)).document


def _effective(
    given: Mapping[str, Any], parameters: tuple[Parameter, ...], document: Mapping[str, Any]
) -> EffectiveArguments:
    values: dict[str, Any] = {}
    defaulted = []
    for parameter in parameters:
        if parameter.name in given:
            values[parameter.name] = typed(given[parameter.name], parameter.type)
        elif parameter.has_default:
            values[parameter.name] = parameter.default
            defaulted.append(parameter.name)
    values.update((name, value) for name, value in given.items() if name not in values)
    return EffectiveArguments(values=values, defaulted=tuple(defaulted), document=document)
