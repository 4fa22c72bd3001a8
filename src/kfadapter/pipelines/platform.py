"""What a pipeline asks of Kubernetes beyond its containers: the platform document, for each step and as a whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.kubernetes_settings import Setting, SettingKind, read_settings
from kfadapter.pipelines.scalars import JSON

__all__ = ["PlatformSettings", "Setting", "SettingKind", "read_platform"]


@dataclass(frozen=True, kw_only=True)
class PlatformSettings:
    """What a pipeline asks of its platform.

    Attributes:
        executors: Settings by the executor they are for, in a fixed order of kinds.
        pipeline: Settings of the pipeline as a whole (`workspace`, times to live …), as they stand.
        others: Other platforms' documents and fields that this program does not know, by path.
    """

    executors: Mapping[str, tuple[Setting, ...]] = field(default_factory=dict)
    pipeline: Mapping[str, JSON] = field(default_factory=dict)
    others: Mapping[str, JSON] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "executors": {
                label: [setting.to_json() for setting in settings] for label, settings in self.executors.items()
            },
            "pipeline": dict(self.pipeline),
            "others": dict(self.others),
        }


def read_platform(document: Mapping[str, JSON] | None) -> PlatformSettings:
    """The settings of a platform document (`{"platforms": {"kubernetes": …}}`); none when there is no document.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    whole = Fields.of(document, "")
    platforms = whole.object("platforms")
    kubernetes = platforms.object("kubernetes")
    deployment = kubernetes.object("deploymentSpec")
    return PlatformSettings(
        executors={label: tuple(read_settings(fields)) for label, fields in deployment.entries("executors")},
        pipeline=dict(kubernetes.object("pipelineConfig").document),
        others=dict(_others(whole, platforms, kubernetes, deployment)),
    )


def _others(whole: Fields, platforms: Fields, kubernetes: Fields, deployment: Fields) -> Iterator[tuple[str, JSON]]:
    levels = (
        (whole, ("platforms",)),
        (platforms, ("kubernetes",)),
        (kubernetes, ("deploymentSpec", "pipelineConfig", "platform")),
        (deployment, ("executors",)),
    )
    for fields, known in levels:
        for name, value in fields.rest(frozenset(known)).items():
            yield fields.at(name), value
