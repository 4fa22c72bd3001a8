"""What a pipeline's steps run: containers with their commands, resources and packages, importers, and what is newer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kfadapter.pipelines.commands import Installation, ProgramSource, read_installation, read_source
from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.images import Image, read_image
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import whole_numbers


class ExecutorKind(StrEnum):
    """What an executor is, after KFP's own fields."""

    CONTAINER = "container"
    IMPORTER = "importer"
    RESOLVER = "resolver"  # looks artifacts up; Vertex AI only
    CUSTOM_JOB = "custom-job"  # Vertex AI only
    UNKNOWN = "unknown"  # newer than this program


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a container asks for, as Kubernetes quantities (`500m`, `2`, `4Gi`); None: not said.

    Older compilers wrote CPUs and gigabytes as numbers: 1.5 is `1.5`, 0.5 GB is `0.5G`. A value may be a placeholder
    such as `{{$.inputs.parameters['cpu']}}`.
    """

    cpu_request: str | None = None
    cpu_limit: str | None = None
    memory_request: str | None = None
    memory_limit: str | None = None

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "cpu_request": self.cpu_request,
            "cpu_limit": self.cpu_limit,
            "memory_request": self.memory_request,
            "memory_limit": self.memory_limit,
        }


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """GPUs and the like: the resource's name, such as `nvidia.com/gpu`, and how many; both may be placeholders."""

    type: str
    count: str

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"type": self.type, "count": self.count}


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container as Kubernetes will be asked to run it.

    Attributes:
        image: What is run.
        command, args: As compiled, placeholders included.
        env: Variables and their values, in the specification's order.
        resources, accelerator: What it asks for.
        installation: What a lightweight component installs before it starts; None for other containers.
        source: The Python source a lightweight component brings along; None for other containers.
    """

    image: Image
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    accelerator: Accelerator | None = None
    installation: Installation | None = None
    source: ProgramSource | None = None

    @property
    def is_lightweight(self) -> bool:
        """Whether it is a Python function that the compiler packed."""
        return self.source is not None

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "image": self.image.to_json(),
            "command": list(self.command),
            "args": list(self.args),
            "env": [{"name": name, "value": value} for name, value in self.env.items()],
            "resources": self.resources.to_json(),
            "accelerator": None if self.accelerator is None else self.accelerator.to_json(),
            "installation": None if self.installation is None else self.installation.to_json(),
            "source": None if self.source is None else self.source.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Importer:
    """What brings an artifact from outside into the pipeline.

    Attributes:
        uri: Where it is; empty when `uri_parameter` says it.
        uri_parameter: The importer's input that holds the URI; empty when `uri` does.
        type: KFP's schema title, such as `system.Dataset`.
        reimport: Import it again even when it is known already.
        metadata: What is noted on the artifact.
        download_to_workspace: Its content is put into the run's workspace.
    """

    uri: str
    uri_parameter: str
    type: str
    reimport: bool = False
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    download_to_workspace: bool = False

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "uri": self.uri or None,
            "uri_parameter": self.uri_parameter or None,
            "type": self.type,
            "reimport": self.reimport,
            "metadata": dict(self.metadata),
            "download_to_workspace": self.download_to_workspace,
        }


@dataclass(frozen=True, kw_only=True)
class Executor:
    """An executor of a pipeline's deployment.

    Attributes:
        label: Its name, as components refer to it: `exec-train`.
        kind: What it is; `container` and `importer` say the rest for the two common kinds.
        container, importer: What it does; at most one of them is there.
        extra: What it says beyond that, as it stands in the specification: other kinds, newer fields.
    """

    label: str
    kind: ExecutorKind
    container: Container | None = None
    importer: Importer | None = None
    extra: Mapping[str, JSON] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "label": self.label,
            "kind": self.kind.value,
            "container": None if self.container is None else self.container.to_json(),
            "importer": None if self.importer is None else self.importer.to_json(),
            "extra": dict(self.extra),
        }


def read_executors(pipeline: Fields) -> dict[str, Executor]:
    """The executors of a pipeline's `deploymentSpec`, by label.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    installations: dict[str, Installation] = {}
    return {
        label: _executor(label, fields, installations)
        for label, fields in pipeline.object("deploymentSpec").entries("executors")
    }


_KINDS = {
    "container": ExecutorKind.CONTAINER,
    "importer": ExecutorKind.IMPORTER,
    "resolver": ExecutorKind.RESOLVER,
    "customJob": ExecutorKind.CUSTOM_JOB,
}
_CONTAINER_FIELDS = frozenset(("image", "command", "args", "resources", "env"))
_IMPORTER_FIELDS = frozenset(("artifactUri", "typeSchema", "reimport", "metadata", "downloadToWorkspace"))


def _executor(label: str, fields: Fields, installations: dict[str, Installation]) -> Executor:
    kind = next((kind for name, kind in _KINDS.items() if name in fields), ExecutorKind.UNKNOWN)
    if kind is ExecutorKind.CONTAINER:
        inner = fields.object("container")
        extra = fields.rest(frozenset(("container",))) | inner.rest(_CONTAINER_FIELDS)
        return Executor(label=label, kind=kind, container=_container(inner, installations), extra=extra)
    if kind is ExecutorKind.IMPORTER:
        inner = fields.object("importer")
        extra = fields.rest(frozenset(("importer",))) | inner.rest(_IMPORTER_FIELDS)
        return Executor(label=label, kind=kind, importer=_importer(inner), extra=extra)
    return Executor(label=label, kind=kind, extra=dict(fields.document))


def _container(fields: Fields, installations: dict[str, Installation]) -> Container:
    """A container; most of a pipeline's install the same, which is read once."""
    command, args = fields.texts("command"), fields.texts("args")
    source = read_source(command, args)
    resources = fields.object("resources")
    return Container(
        image=read_image(fields.text("image")),
        command=command,
        args=args,
        env={variable.text("name"): variable.text("value") for variable in fields.objects("env")},
        resources=_resources(resources),
        accelerator=_accelerator(resources),
        installation=None if source is None else _installation(command, installations),
        source=source,
    )


def _installation(command: tuple[str, ...], known: dict[str, Installation]) -> Installation:
    prelude = command[2]
    if prelude not in known:
        known[prelude] = read_installation(command)
    return known[prelude]


def _resources(fields: Fields) -> Resources:
    return Resources(
        cpu_request=_quantity(fields, "resourceCpuRequest", "cpuRequest", ""),
        cpu_limit=_quantity(fields, "resourceCpuLimit", "cpuLimit", ""),
        memory_request=_quantity(fields, "resourceMemoryRequest", "memoryRequest", "G"),
        memory_limit=_quantity(fields, "resourceMemoryLimit", "memoryLimit", "G"),
    )


def _quantity(fields: Fields, name: str, older_name: str, unit: str) -> str | None:
    if text := fields.text(name):
        return text
    number = fields.number(older_name)
    return f"{number}{unit}" if number else None


def _accelerator(resources: Fields) -> Accelerator | None:
    fields = resources.object("accelerator")
    if not fields:
        return None
    count = fields.text("resourceCount") or str(fields.number("count") or "")
    return Accelerator(type=fields.text("resourceType") or fields.text("type"), count=count)


def _importer(fields: Fields) -> Importer:
    uri = fields.object("artifactUri")
    constant = uri.raw("constant")
    if constant is None:
        constant = uri.object("constantValue").raw("stringValue")
    return Importer(
        uri=constant if isinstance(constant, str) else "",
        uri_parameter=uri.text("runtimeParameter"),
        type=fields.object("typeSchema").text("schemaTitle"),
        reimport=fields.flag("reimport"),
        metadata=_metadata(fields.object("metadata").document),
        download_to_workspace=fields.flag("downloadToWorkspace"),
    )


def _metadata(document: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: whole_numbers(value) for name, value in document.items()}
