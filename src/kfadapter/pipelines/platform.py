"""What a pipeline asks of Kubernetes beyond its containers: the platform document, for each step and as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kfadapter.pipelines.scalars import JSON


class SettingKind(StrEnum):
    """What a setting of a step is about; the words are those of kfp-kubernetes' functions where there is one."""

    VOLUME_CLAIM = "pvc"
    EMPTY_DIRECTORY = "empty-dir"
    EPHEMERAL_VOLUME = "ephemeral-volume"
    SHARED_MEMORY = "shared-memory"
    SECRET_VOLUME = "secret-volume"  # noqa: S105 - a word, no password
    SECRET_VARIABLE = "secret-env"  # noqa: S105 - a word, no password
    CONFIG_MAP_VOLUME = "config-map-volume"
    CONFIG_MAP_VARIABLE = "config-map-env"
    FIELD_VARIABLE = "field-path-env"
    NODE_SELECTOR = "node-selector"
    NODE_AFFINITY = "node-affinity"
    POD_AFFINITY = "pod-affinity"
    TOLERATION = "toleration"
    POD_LABEL = "pod-label"
    POD_ANNOTATION = "pod-annotation"
    IMAGE_PULL_POLICY = "image-pull-policy"
    IMAGE_PULL_SECRET = "image-pull-secret"  # noqa: S105 - a word, no password
    TIMEOUT = "timeout"
    SECURITY_CONTEXT = "security-context"
    OTHER = "other"  # newer than this program


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One thing a step asks of Kubernetes.

    Attributes:
        kind: What it is about.
        text: A line for a person: `claim data at /mnt/data`.
        field: KFP's name of the field it stands in, such as `pvcMount`.
        value: As it stands there.
    """

    kind: SettingKind
    text: str
    field: str
    value: JSON

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"kind": self.kind.value, "text": self.text, "field": self.field, "value": self.value}


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
    raise NotImplementedError
