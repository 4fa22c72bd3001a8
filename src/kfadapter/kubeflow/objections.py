"""What a Kubeflow that refused a package most likely objects to; its own words are "unknown template format" for all.

KFP reads a specification by the protobuf of its release: one field that it does not know, and it refuses the whole.
Inside of `deploymentSpec` it looks at nothing before a run.
"""

from collections.abc import Iterable

from kfadapter.kubeflow.features import LITERALS
from kfadapter.kubeflow.server import ServerInfo
from kfadapter.pipelines.format import unknown_fields
from kfadapter.pipelines.spec import PipelineSpec

NAMED = 5


def objections(spec: PipelineSpec, server: ServerInfo | None) -> tuple[str, ...]:
    """Sentences about what this server may not know of a pipeline; empty when nothing stands out.

    Args:
        spec: The refused pipeline.
        server: What the server said of itself; None when it did not.
    """
    found: list[str] = []
    if server is not None and not LITERALS.is_native(server) and (limited := _limited_inputs(spec)):
        found.append(
            f"this Kubeflow ({server.version or 'of an old release'}) does not know inputs that allow only certain "
            f"values (literals), which KFP has since {LITERALS.since}: {_listed(limited)}"
        )
    if strange := refused_fields(spec):
        found.append(
            f"Kubeflow refuses a pipeline with fields that it does not know; it may not know {_listed(strange)}"
        )
    return tuple(found)


def refused_fields(spec: PipelineSpec) -> list[str]:
    """The paths of fields that KFP's format, as known here, does not have, where a server would not pass over them."""
    paths = [finding.path for finding in unknown_fields(spec.document, spec.platform)]
    return [path for path in paths if not path.startswith("deploymentSpec.")]


def _limited_inputs(spec: PipelineSpec) -> list[str]:
    components = {"root": spec.document.get("root"), **_object(spec.document.get("components"))}
    return [
        f"{name} of {component}"
        for component, body in components.items()
        for name, parameter in _object(_object(_object(body).get("inputDefinitions")).get("parameters")).items()
        if _object(parameter).get("literals")
    ]


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:NAMED]) + (f" … ({len(every)})" if len(every) > NAMED else "")
