"""What a Kubeflow could not honour of a pipeline, told before a run is started.

The embedded engine knows by itself and is asked. A cluster is judged by its release; what its nodes, quotas, secrets
and claims allow is not known here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from kfadapter.kubeflow.features import LITERALS_SINCE
from kfadapter.kubeflow.server import ServerInfo
from kfadapter.kubeflow.versions import Versions
from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.graph import SourceKind

# KFP 2.14 brought these to the server (its change log).
NEWER_RUNTIME_SINCE = (2, 14)


class FindingSeverity(StrEnum):
    """How bad it is."""

    ERROR = "error"  # a run is refused, or cannot succeed
    WARNING = "warning"  # it runs, but not as its author meant
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that this Kubeflow cannot honour.

    Attributes:
        task: The step it is about; empty: the pipeline as a whole.
        feature: A word for programs.
        message: A sentence.
    """

    task: str
    feature: str
    severity: FindingSeverity
    message: str

    def to_json(self) -> dict[str, object]:
        """As the adapter's answers show it."""
        return {
            "task": self.task or None,
            "feature": self.feature,
            "severity": self.severity.value,
            "message": self.message,
        }


async def engine_findings(versions: Versions, pipeline_id: str, version_id: str) -> tuple[Finding, ...]:
    """What the embedded engine says.

    Raises:
        Unavailable: It is of a version that cannot be asked.
    """
    found = await versions.preflight(pipeline_id, version_id)
    return tuple(
        Finding(
            task=str(one.get("task") or ""),
            feature=str(one.get("feature") or ""),
            severity=_severity(one.get("severity")),
            message=str(one.get("message") or ""),
        )
        for one in found
    )


def cluster_findings(info: ServerInfo, description: PipelineDescription) -> tuple[Finding, ...]:
    """What a cluster of this release cannot honour; nothing when it does not tell its release."""
    return tuple(_findings(info.release, description)) if info.release is not None else ()


def _findings(release: tuple[int, ...], description: PipelineDescription) -> Iterator[Finding]:
    if release < LITERALS_SINCE:
        yield from _literals(description)
    if release < NEWER_RUNTIME_SINCE:
        yield from _final_status(description)
        yield from _retries_of_groups(description)
        yield from _workspace(description)


def _literals(description: PipelineDescription) -> Iterator[Finding]:
    limited = [
        f"{parameter.name} of {component.name}"
        for component in description.components.values()
        for parameter in component.inputs.parameters
        if parameter.allowed is not None
    ]
    if limited:
        yield Finding(
            task="",
            feature="literals",
            severity=FindingSeverity.ERROR,
            message=f"Kubeflow refuses the whole pipeline before 2.16, because inputs allow only certain values: "
            f"{', '.join(limited)}.",
        )


def _final_status(description: PipelineDescription) -> Iterator[Finding]:
    for node in description.graph.nodes:
        if any(one.source.kind is SourceKind.STATUS for one in node.inputs):
            yield Finding(
                task=node.id,
                feature="final-status",
                severity=FindingSeverity.ERROR,
                message="The step wants to be told how another one ended; Kubeflow can do that since 2.14.",
            )


def _retries_of_groups(description: PipelineDescription) -> Iterator[Finding]:
    for node in description.graph.nodes:
        if node.is_group and node.retry is not None and node.retry.max_retries > 0:
            yield Finding(
                task=node.id,
                feature="retry-of-groups",
                severity=FindingSeverity.WARNING,
                message="A failed nested pipeline is not tried again; Kubeflow does that since 2.14.",
            )


def _workspace(description: PipelineDescription) -> Iterator[Finding]:
    if "workspace" in description.platform.pipeline:
        yield Finding(
            task="",
            feature="workspace",
            severity=FindingSeverity.ERROR,
            message="The pipeline wants a workspace, a volume that its steps share; Kubeflow makes one since 2.14.",
        )


def _severity(word: object) -> FindingSeverity:
    text = str(word or "").lower()
    known = {one.value for one in FindingSeverity}
    return FindingSeverity(text) if text in known else FindingSeverity.ERROR
