"""The components of a pipeline: what each takes, gives and is carried out by; how steps are cached and retried."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import Artifact, Parameter, read_artifacts, read_parameters


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What a component takes, or what it gives."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "parameters": [parameter.to_json() for parameter in self.parameters],
            "artifacts": [artifact.to_json() for artifact in self.artifacts],
        }


@dataclass(frozen=True, kw_only=True)
class Component:
    """A component.

    Attributes:
        name: As tasks refer to it: `comp-train`; `root` for the pipeline itself.
        inputs, outputs: What it takes and gives.
        executor: The label of the executor that carries it out; empty when it is a DAG of tasks.
        tasks: How many tasks its DAG has.
        extra: Fields that this program does not know, as they stand.
    """

    name: str
    inputs: Ports = field(default_factory=Ports)
    outputs: Ports = field(default_factory=Ports)
    executor: str = ""
    tasks: int = 0
    extra: Mapping[str, JSON] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "name": self.name,
            "inputs": self.inputs.to_json(),
            "outputs": self.outputs.to_json(),
            "executor": self.executor or None,
            "tasks": self.tasks,
            "extra": dict(self.extra),
        }


@dataclass(frozen=True, kw_only=True)
class Caching:
    """Whether an earlier result may be taken instead of running; `key`: the author's own part of the cache key."""

    enabled: bool = False
    key: str = ""

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"enabled": self.enabled, "key": self.key or None}


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often a failed step is tried again.

    Attributes:
        max_retries: Further tries after the first.
        backoff_seconds: Wait before the first of them; None: the platform's.
        backoff_factor: By which the wait grows; None: the platform's.
        backoff_max_seconds: The longest wait; None: the platform's.
    """

    max_retries: int
    backoff_seconds: float | None = None
    backoff_factor: float | None = None
    backoff_max_seconds: float | None = None

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "max_retries": self.max_retries,
            "backoff_seconds": self.backoff_seconds,
            "backoff_factor": self.backoff_factor,
            "backoff_max_seconds": self.backoff_max_seconds,
        }


def read_components(pipeline: Fields) -> dict[str, Component]:
    """The components of a pipeline by name, `root` among them.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    components = {"root": read_component("root", pipeline.object("root"))}
    for name, fields in pipeline.entries("components"):
        components.setdefault(name, read_component(name, fields))
    return components


_COMPONENT_FIELDS = frozenset(("inputDefinitions", "outputDefinitions", "dag", "executorLabel"))


def read_component(name: str, fields: Fields) -> Component:
    """One component.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    return Component(
        name=name,
        inputs=_ports(fields.object("inputDefinitions"), are_inputs=True),
        outputs=_ports(fields.object("outputDefinitions"), are_inputs=False),
        executor=fields.text("executorLabel"),
        tasks=len(fields.object("dag").object("tasks").document),
        extra=fields.rest(_COMPONENT_FIELDS),
    )


def _ports(fields: Fields, *, are_inputs: bool) -> Ports:
    return Ports(
        parameters=read_parameters(fields.document, fields.path, are_inputs=are_inputs),
        artifacts=read_artifacts(fields.document, fields.path, are_inputs=are_inputs),
    )


def read_caching(task: Fields) -> Caching:
    """A task's `cachingOptions`.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    options = task.object("cachingOptions")
    return Caching(enabled=options.flag("enableCache"), key=options.text("cacheKey"))


def read_retry(task: Fields) -> Retry | None:
    """A task's `retryPolicy`.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    policy = task.object("retryPolicy")
    if not policy:
        return None
    return Retry(
        max_retries=int(policy.number("maxRetryCount") or 0),
        backoff_seconds=_seconds(policy, "backoffDuration"),
        backoff_factor=_optional_float(policy.number("backoffFactor")),
        backoff_max_seconds=_seconds(policy, "backoffMaxDuration"),
    )


def _optional_float(number: int | float | None) -> float | None:
    return None if number is None else float(number)


def _seconds(policy: Fields, name: str) -> float | None:
    """A duration, which protobuf's JSON writes as `3.5s`."""
    text = policy.text(name)
    return _optional_float(Fields({name: text.removesuffix("s")}, policy.path).number(name)) if text else None
