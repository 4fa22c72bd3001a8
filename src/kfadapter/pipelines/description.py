"""Everything that one version of a pipeline says, in one object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kfadapter.pipelines.components import Component, Ports
from kfadapter.pipelines.executors import Executor
from kfadapter.pipelines.graph import Graph
from kfadapter.pipelines.images import Image
from kfadapter.pipelines.platform import PlatformSettings
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import PipelineSpec


@dataclass(frozen=True, kw_only=True)
class ImageUse:
    """An image and the ids of the steps that run it."""

    image: Image
    steps: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {**self.image.to_json(), "steps": list(self.steps)}


@dataclass(frozen=True, kw_only=True)
class PackageUse:
    """A Python package and the ids of the steps that install it, as pip is given it."""

    text: str
    name: str
    is_pinned: bool
    is_runtime: bool
    steps: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "text": self.text,
            "name": self.name,
            "is_pinned": self.is_pinned,
            "is_runtime": self.is_runtime,
            "steps": list(self.steps),
        }


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Sizes of a pipeline.

    Attributes:
        steps: Nodes that something carries out (tasks, importers); loops counted once.
        loops, conditions, exit_handlers, pipelines: Groups of each kind; branches of one `if` count each.
        nodes, edges, components, executors, images, packages, parameters: As their names say.
        depth: Levels of groups; 0 for a flat pipeline.
    """

    steps: int = 0
    loops: int = 0
    conditions: int = 0
    exit_handlers: int = 0
    pipelines: int = 0
    nodes: int = 0
    edges: int = 0
    components: int = 0
    executors: int = 0
    images: int = 0
    packages: int = 0
    parameters: int = 0
    depth: int = 0

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True)
class PipelineDescription:
    """Everything that one version of a pipeline says.

    Attributes:
        name: The name inside the specification; people know the pipeline by another one.
        display_name: The author's name for it inside the specification; may be empty.
        description: The author's words; may be empty.
        schema_version, sdk_version: As `2.1.0` and `kfp-2.17.0`.
        digest: SHA-256 in hexadecimal of the content; the same however keys, numbers and documents are written.
        default_root: Where artifacts go unless a run says otherwise; may be empty.
        inputs, outputs: Of the pipeline.
        components, executors: By name and label.
        graph: The flattened graph.
        images, packages: Each once, with the steps that use it.
        platform: Settings for Kubernetes.
        counts: Sizes.
        unknown: Fields that KFP's format, as far as this program knows it, does not have: value by path.
    """

    name: str
    display_name: str = ""
    description: str = ""
    schema_version: str = ""
    sdk_version: str = ""
    digest: str = ""
    default_root: str = ""
    inputs: Ports = field(default_factory=Ports)
    outputs: Ports = field(default_factory=Ports)
    components: Mapping[str, Component] = field(default_factory=dict)
    executors: Mapping[str, Executor] = field(default_factory=dict)
    graph: Graph = field(default_factory=Graph)
    images: tuple[ImageUse, ...] = ()
    packages: tuple[PackageUse, ...] = ()
    platform: PlatformSettings = field(default_factory=PlatformSettings)
    counts: Counts = field(default_factory=Counts)
    unknown: Mapping[str, JSON] = field(default_factory=dict)

    @cached_property
    def steps(self) -> tuple[dict[str, JSON], ...]:
        """Every step (task, importer) in an order in which they could run: node, executor and settings in one object.

        Keys: those of `Node.to_json` without `extra`, `container`, `importer`, `settings` (of the platform).
        """
        raise NotImplementedError

    def summary(self) -> dict[str, JSON]:
        """The short form: names, versions, digest, inputs, outputs, counts, images by name."""
        raise NotImplementedError

    def to_json(self) -> dict[str, JSON]:
        """The whole, as the adapter's answers show it: `summary()` and steps, graph, components, executors … ."""
        raise NotImplementedError


def describe(document: Mapping[str, JSON] | PipelineSpec) -> PipelineDescription:
    """Everything that a pipeline says.

    Args:
        document: A specification as read (`read_spec`), or as Kubeflow stores it: `{"pipelineInfo": …}` or
            `{"pipeline_spec": …, "platform_spec": …}`.

    Raises:
        PackageError: It is not a pipeline's specification, or its graph is endless or too large; names the path.
    """
    raise NotImplementedError
