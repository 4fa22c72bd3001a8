"""Everything that one version of a pipeline says, in one object."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kfadapter.errors import PackageError
from kfadapter.pipelines.commands import Requirement
from kfadapter.pipelines.components import Component, Ports, read_components
from kfadapter.pipelines.executors import Executor, read_executors
from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.flattening import flatten
from kfadapter.pipelines.format import unknown_fields
from kfadapter.pipelines.graph import Graph, NodeKind
from kfadapter.pipelines.images import Image
from kfadapter.pipelines.package import digest_of
from kfadapter.pipelines.platform import PlatformSettings, read_platform
from kfadapter.pipelines.rules import choose_documents
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import PipelineSpec, read_spec


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
    """A Python package and the ids of the steps that install it."""

    requirement: Requirement
    steps: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {**self.requirement.to_json(), "steps": list(self.steps)}


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

        Keys: those of `Node.to_json`, and `container`, `importer`, `settings` (of the platform).
        """
        executors = {label: executor.to_json() for label, executor in self.executors.items()}
        settings: dict[str, JSON] = {
            label: [setting.to_json() for setting in found] for label, found in self.platform.executors.items()
        }
        return tuple(
            {
                **node.to_json(),
                "container": executors.get(node.executor, {}).get("container"),
                "importer": executors.get(node.executor, {}).get("importer"),
                "settings": settings.get(node.executor, []),
            }
            for node in self.graph.nodes
            if not node.is_group
        )

    def summary(self) -> dict[str, JSON]:
        """The short form: names, versions, digest, inputs, outputs, counts, images."""
        return {
            "name": self.name,
            "display_name": self.display_name,
            "description": self.description,
            "schema_version": self.schema_version,
            "sdk_version": self.sdk_version,
            "digest": self.digest,
            "default_root": self.default_root,
            "parameters": [parameter.to_json() for parameter in self.inputs.parameters],
            "artifacts": [artifact.to_json() for artifact in self.inputs.artifacts],
            "outputs": self.outputs.to_json(),
            "images": [use.to_json() for use in self.images],
            "counts": self.counts.to_json(),
        }

    def to_json(self) -> dict[str, JSON]:
        """The whole, as the adapter's answers show it: `summary()`, and steps, graph, components, packages … ."""
        return {
            **self.summary(),
            "packages": [use.to_json() for use in self.packages],
            "steps": list(self.steps),
            "graph": self.graph.to_json(),
            "components": [component.to_json() for component in self.components.values()],
            "platform": self.platform.to_json(),
            "unknown": dict(self.unknown),
        }


def describe(document: Mapping[str, JSON] | PipelineSpec) -> PipelineDescription:
    """Everything that a pipeline says.

    Args:
        document: A specification as read (`read_spec`), or as Kubeflow stores it: `{"pipelineInfo": …}` or
            `{"pipeline_spec": …, "platform_spec": …}`.

    Raises:
        PackageError: It is not a pipeline's specification, or its graph is endless or too large; names the path.
    """
    if not isinstance(document, PipelineSpec):
        choose_documents([dict(document)])  # Kubeflow stores pipelines of KFP 1 beside others: they say nothing here
    spec = document if isinstance(document, PipelineSpec) else read_spec(document)
    try:
        return _describe(spec)
    except RecursionError as exc:
        raise PackageError("the specification is nested too deeply") from exc


def _describe(spec: PipelineSpec) -> PipelineDescription:
    pipeline = Fields.of(spec.document, "")
    components, executors = read_components(pipeline), read_executors(pipeline)
    graph = flatten(pipeline, components, executors)
    images, packages = _images(graph, executors), _packages(graph, executors)
    return PipelineDescription(
        name=spec.name,
        display_name=pipeline.object("pipelineInfo").text("displayName"),
        description=spec.description,
        schema_version=spec.schema_version,
        sdk_version=spec.sdk_version,
        digest=digest_of(spec.document, spec.platform),
        default_root=pipeline.text("defaultPipelineRoot"),
        inputs=components["root"].inputs,
        outputs=components["root"].outputs,
        components=components,
        executors=executors,
        graph=graph,
        images=images,
        packages=packages,
        platform=read_platform(spec.platform),
        counts=_counts(graph, components, executors, images, packages),
        unknown={finding.path: finding.value for finding in unknown_fields(spec.document, spec.platform)},
    )


def _images(graph: Graph, executors: Mapping[str, Executor]) -> tuple[ImageUse, ...]:
    steps: dict[Image, list[str]] = {}
    for node in graph.nodes:
        executor = executors.get(node.executor)
        if executor is not None and executor.container is not None:
            steps.setdefault(executor.container.image, []).append(node.id)
    return tuple(ImageUse(image=image, steps=tuple(ids)) for image, ids in steps.items())


def _packages(graph: Graph, executors: Mapping[str, Executor]) -> tuple[PackageUse, ...]:
    steps: dict[Requirement, list[str]] = {}
    for node in graph.nodes:
        executor = executors.get(node.executor)
        container = executor.container if executor is not None else None
        if container is not None and container.installation is not None:
            for requirement in container.installation.requirements:
                steps.setdefault(requirement, []).append(node.id)
    return tuple(PackageUse(requirement=requirement, steps=tuple(ids)) for requirement, ids in steps.items())


def _counts(
    graph: Graph,
    components: Mapping[str, Component],
    executors: Mapping[str, Executor],
    images: tuple[ImageUse, ...],
    packages: tuple[PackageUse, ...],
) -> Counts:
    kinds = Counter(node.kind for node in graph.nodes)
    return Counts(
        steps=sum(not node.is_group for node in graph.nodes),
        loops=kinds[NodeKind.LOOP],
        conditions=kinds[NodeKind.CONDITION],
        exit_handlers=kinds[NodeKind.EXIT_HANDLER],
        pipelines=kinds[NodeKind.PIPELINE],
        nodes=len(graph.nodes),
        edges=len(graph.edges),
        components=len(components) - 1,
        executors=len(executors),
        images=len(images),
        packages=len(packages),
        parameters=len(components["root"].inputs.parameters),
        depth=max((node.depth for node in graph.nodes), default=0),
    )
