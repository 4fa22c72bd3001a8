"""What depends on the release of Kubeflow: which features it has, and what is done or missing where it has not."""

from collections.abc import Callable
from dataclasses import dataclass

from kfadapter.kubeflow.server import CASCADE_SINCE, ServerInfo

TAGS_SINCE = (2, 17)
LITERALS_SINCE = (2, 16)
LAST_RUN_SINCE = (2, 4)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Something that not every Kubeflow can do.

    Attributes:
        name: A word for programs.
        since: The first release of KFP that can, for a person.
        sentence: What is missing, or done in another way, where it is not there.
        is_native: Whether a server has it.
    """

    name: str
    since: str
    sentence: str
    is_native: Callable[[ServerInfo], bool]


def _since(*release: int) -> Callable[[ServerInfo], bool]:
    """The embedded engine speaks the newest form; a server that does not tell its release is believed to be new."""
    return lambda info: info.is_embedded or info.release is None or info.release >= release


CASCADE = Feature(
    name="cascade-delete",
    since="2.14",
    sentence="Deleting a pipeline takes one call for each of its versions: this Kubeflow cannot delete them together.",
    is_native=_since(*CASCADE_SINCE),
)
TAGS = Feature(
    name="tags",
    since="2.17",
    sentence="Pipelines and versions have no tags: this Kubeflow drops them. KFP has them since 2.17.",
    is_native=_since(*TAGS_SINCE),
)
CHANGES = Feature(
    name="update",
    since="2.17",
    sentence="Pipelines and versions cannot be renamed or tagged: this Kubeflow has no call for it. "
    "KFP has it since 2.17.",
    is_native=_since(*TAGS_SINCE),
)
UNIQUE_NAMES = Feature(
    name="unique-names",
    since="2.14",
    sentence="A pipeline has one name only: its display name is its unique name.",
    is_native=_since(2, 14),
)
LITERALS = Feature(
    name="literals",
    since="2.16",
    sentence="Pipelines whose inputs allow only certain values (literals) are refused by this Kubeflow.",
    is_native=_since(*LITERALS_SINCE),
)
LAST_RUN = Feature(
    name="last-run-of-experiments",
    since="2.4",
    sentence="Experiments do not tell when something ran in them last, and cannot be sorted by it.",
    is_native=_since(*LAST_RUN_SINCE),
)
TASK_VALUES = Feature(
    name="task-values",
    since="3.0",
    sentence="Inputs, outputs and artifacts of tasks are not in this Kubeflow's API. They are read from ML Metadata, "
    "which needs the UI's server in front of the API.",
    is_native=lambda info: info.has_native_tasks,
)
FEATURES = (CASCADE, TAGS, CHANGES, UNIQUE_NAMES, LITERALS, LAST_RUN, TASK_VALUES)
OLDEST_PROVEN, NEWEST_PROVEN = (2, 3), (2, 17)


def missing(info: ServerInfo) -> tuple[Feature, ...]:
    """What this server lacks, in the order of the table."""
    return tuple(feature for feature in FEATURES if not feature.is_native(info))


def is_proven(info: ServerInfo) -> bool | None:
    """Whether the adapter is tested against this release (2.3.0 to 2.17); None when it does not tell its release."""
    if info.is_embedded:
        return True
    if info.release is None:
        return None
    return OLDEST_PROVEN <= info.release[:2] <= NEWEST_PROVEN
