"""What the adapter answers, as frozen values. Keys that this client does not know are passed over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list; `next_page_token` is None on the last."""

    items: tuple[T, ...]
    next_page_token: str | None
    total_size: int | None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """An input that an argument fills; `type` is KFP's word, as NUMBER_INTEGER."""

    name: str
    type: str
    required: bool
    default: Any = None
    description: str = ""
    allowed: tuple[Any, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact that goes in or comes out; `type` as system.Model."""

    name: str
    type: str
    required: bool = False
    is_list: bool = False
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What goes in, or what comes out."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageUse:
    """A container image and the ids of the steps that run it."""

    name: str
    repository: str = ""
    tag: str | None = None
    digest: str | None = None
    is_placeholder: bool = False
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PackageUse:
    """A Python package and the ids of the steps that install it."""

    text: str
    name: str = ""
    is_pinned: bool = False
    is_runtime: bool = False
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PipelineVersion:
    """A version of a pipeline, in short.

    Attributes:
        digest: SHA-256 of its content.
        spec_name: The name inside the specification.
        problem: Why the specification cannot be read; None when it can.
        pipeline_spec: The specification, where it was asked for.
    """

    pipeline_version_id: str
    pipeline_id: str
    name: str
    display_name: str
    description: str | None = None
    created_at: datetime | None = None
    tags: Mapping[str, str] | None = None
    code_source_url: str | None = None
    digest: str | None = None
    spec_name: str | None = None
    sdk_version: str | None = None
    schema_version: str | None = None
    problem: str | None = None
    pipeline_spec: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class PipelineVersionDetail(PipelineVersion):
    """A version with what it says; `steps` are in an order in which they could run."""

    spec_description: str | None = None
    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    outputs: Ports = field(default_factory=Ports)
    steps: tuple[Mapping[str, Any], ...] = ()
    images: tuple[ImageUse, ...] = ()
    packages: tuple[PackageUse, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A pipeline.

    Attributes:
        tags: None where Kubeflow has no tags.
        version_count, parameters, latest_version: Only with `view="FULL"`; else None.
    """

    pipeline_id: str
    name: str
    display_name: str
    description: str | None = None
    created_at: datetime | None = None
    tags: Mapping[str, str] | None = None
    version_count: int | None = None
    parameters: tuple[Parameter, ...] | None = None
    latest_version: PipelineVersion | None = None


@dataclass(frozen=True, kw_only=True)
class PipelineDetail:
    """A pipeline with its latest version whole.

    Attributes:
        matched_by: `display_name`, `name` or `spec_name`, when it was asked for by name.
        unavailable: What this Kubeflow does not tell, each with `what` and `reason`.
    """

    pipeline_id: str
    name: str
    display_name: str
    version_count: int
    parameters: tuple[Parameter, ...]
    latest_version: PipelineVersionDetail | None
    description: str | None = None
    created_at: datetime | None = None
    tags: Mapping[str, str] | None = None
    matched_by: str | None = None
    unavailable: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """What an upload made: `unchanged` when nothing was added, `created` when the pipeline is new."""

    pipeline: Pipeline
    version: PipelineVersion
    created: bool
    unchanged: bool


@dataclass(frozen=True, kw_only=True)
class ComparedVersion:
    """One of two versions that are compared."""

    pipeline_version_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What changed; `verdict` is `identical`, `compatible` or `breaking` for jobs with today's arguments."""

    pipeline_id: str
    from_: Annotated[ComparedVersion, Field(alias="from")]
    to: ComparedVersion
    verdict: str
    reasons: tuple[str, ...]
    counts: Mapping[str, Any]
    changes: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What a careful colleague would say."""

    rule: str
    severity: str
    path: str
    message: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class ValidationProblem:
    """One thing that is wrong with a package, or worth a note."""

    path: str
    message: str


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """What a check of a package found."""

    valid: bool
    problems: tuple[ValidationProblem, ...] = ()
    notes: tuple[ValidationProblem, ...] = ()
    warnings: tuple[Remark, ...] = ()
    summary: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class ArgumentProblem:
    """An input for which no run would start; `kind`: missing, unfit or ambiguous."""

    name: str
    kind: str
    message: str


@dataclass(frozen=True, kw_only=True)
class ArgumentsReport:
    """What would become of arguments."""

    accepted: bool
    passed: Mapping[str, Any]
    effective: Mapping[str, Any]
    defaulted: tuple[str, ...] = ()
    coerced: tuple[Mapping[str, Any], ...] = ()
    ignored: tuple[str, ...] = ()
    problems: tuple[ArgumentProblem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What this Kubeflow cannot honour; `task` is None for the pipeline as a whole."""

    task: str | None
    feature: str
    severity: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """Whether a run would go through; `ok` is None when nobody could be asked, and `unavailable` says why."""

    asked: str
    ok: bool | None
    findings: tuple[Finding, ...] = ()
    unavailable: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """KFP's folder of runs; `storage_state` is AVAILABLE or ARCHIVED."""

    experiment_id: str
    display_name: str
    description: str | None = None
    created_at: datetime | None = None
    storage_state: str = ""
    last_run_created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DegradedFeature:
    """Something the Kubeflow in use cannot do."""

    feature: str
    since: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class KubeflowServer:
    """The Kubeflow behind the adapter; `kind`: embedded, cluster or unknown."""

    url: str
    kind: str
    reachable: bool
    problem: str | None = None
    version: str | None = None
    commit: str | None = None
    multi_user: bool | None = None
    pipeline_store: str | None = None
    namespace: str | None = None
    proven: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Server:
    """The adapter and the Kubeflow behind it."""

    adapter_version: str
    kubeflow: KubeflowServer
    degraded: tuple[DegradedFeature, ...] = ()
