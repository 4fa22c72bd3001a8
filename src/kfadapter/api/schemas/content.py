"""What a version says: inputs, outputs, steps, images, graph, remarks, findings, arguments."""

from typing import Literal

from pydantic import Field

from kfadapter.api.schemas.shape import JSONValue, Shape, Unavailable


class Parameter(Shape):
    """An input that an argument fills, or an output that is a value."""

    name: str
    type: str = Field(description="KFP's word.", examples=["NUMBER_INTEGER"])
    required: bool
    default: JSONValue = Field(description="In the JSON type of `type`; null when there is none.")
    description: str
    allowed: list[JSONValue] | None = Field(description="The only values it takes; null: any.")


class Artifact(Shape):
    """An artifact that goes in or comes out."""

    name: str
    type: str = Field(description="KFP's schema title.", examples=["system.Model"])
    required: bool
    is_list: bool
    description: str


class Ports(Shape):
    """What goes in, or what comes out."""

    parameters: list[Parameter]
    artifacts: list[Artifact]


class ImageUse(Shape):
    """A container image and the steps that run it."""

    name: str = Field(description="As written.")
    repository: str
    tag: str | None = Field(description="null: none is written, which means `latest`.")
    digest: str | None
    is_placeholder: bool = Field(description="It is known only when a run starts.")
    steps: list[str]


class PackageUse(Shape):
    """A Python package and the steps that install it."""

    text: str = Field(description="As pip is given it.")
    name: str
    is_pinned: bool
    is_runtime: bool = Field(description="KFP's own, which the compiler adds.")
    steps: list[str]


class Counts(Shape):
    """Sizes of a pipeline."""

    steps: int
    loops: int
    conditions: int
    exit_handlers: int
    pipelines: int
    nodes: int
    edges: int
    components: int
    executors: int
    images: int
    packages: int
    parameters: int
    depth: int


class Graph(Shape):
    """The flattened graph; `docs/pipelines.md` has every key of nodes and edges."""

    nodes: list[dict[str, JSONValue]]
    edges: list[dict[str, JSONValue]]
    inputs: list[dict[str, JSONValue]] = Field(description="Which steps each of the pipeline's inputs reaches.")
    outputs: list[dict[str, JSONValue]]


class Parameters(Shape):
    """What may be passed to a version, and what comes out of it."""

    pipeline_id: str
    pipeline_version_id: str
    parameters: list[Parameter]
    artifacts: list[Artifact] = Field(description="Inputs that are artifacts; arguments cannot give them.")
    outputs: Ports


class Images(Shape):
    """What a version runs."""

    pipeline_id: str
    pipeline_version_id: str
    images: list[ImageUse]
    packages: list[PackageUse]


class Remark(Shape):
    """What a careful colleague would say."""

    rule: str
    severity: Literal["warning", "note"]
    path: str
    message: str
    advice: str


class Remarks(Shape):
    """Remarks about a version, warnings first."""

    pipeline_id: str
    pipeline_version_id: str
    warnings: list[Remark]


class Finding(Shape):
    """What this Kubeflow, or the engine, cannot honour."""

    task: str | None = Field(description="null: the pipeline as a whole.")
    feature: str
    severity: Literal["error", "warning", "note"]
    message: str


class Preflight(Shape):
    """Whether a run would go through here, as far as it can be known before."""

    pipeline_id: str
    pipeline_version_id: str
    asked: Literal["engine", "release", "nobody"] = Field(
        description="Who knows: the embedded engine itself, the release of the cluster, or nobody."
    )
    ok: bool | None = Field(description="No error is known; null when nobody could be asked.")
    findings: list[Finding]
    unavailable: Unavailable


class DiffSide(Shape):
    """One of the two versions that are compared."""

    pipeline_version_id: str
    name: str


class CoercedValue(Shape):
    """A value that changes its form or name on the way."""

    input: str
    given_as: str | None
    from_: JSONValue = Field(alias="from")
    to: JSONValue


class ArgumentProblem(Shape):
    """An input for which no run would start."""

    name: str
    kind: Literal["missing", "unfit", "ambiguous"]
    message: str


class ArgumentsReport(Shape):
    """What would become of arguments."""

    pipeline_id: str
    pipeline_version_id: str
    accepted: bool
    passed: dict[str, JSONValue]
    effective: dict[str, JSONValue] = Field(description="`passed` and the defaults of the other inputs.")
    defaulted: list[str]
    coerced: list[CoercedValue]
    ignored: list[str]
    problems: list[ArgumentProblem]


class ArgumentsToCheck(Shape):
    """Arguments as the Training Manager would send them (texts), or as JSON."""

    arguments: dict[str, JSONValue] = Field(default_factory=dict)


class ValidationProblem(Shape):
    """One thing that is wrong with a package, or worth a note."""

    path: str = Field(description="Empty when it is the file as a whole.")
    message: str


class ValidationReport(Shape):
    """What a check of a package found; nothing has been created."""

    valid: bool
    problems: list[ValidationProblem]
    notes: list[ValidationProblem]
    warnings: list[Remark] = Field(description="Remarks, when the package can be read.")
    summary: dict[str, JSONValue] | None = Field(description="What it says in short, when it can be read.")
