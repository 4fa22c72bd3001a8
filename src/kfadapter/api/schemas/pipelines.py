"""Pipelines and versions."""

from typing import Literal

from pydantic import Field

from kfadapter.api.schemas.content import (
    Artifact,
    Counts,
    DiffSide,
    ImageUse,
    PackageUse,
    Parameter,
    Ports,
)
from kfadapter.api.schemas.shape import JSONValue, PageOf, Shape, Tags, Time, Unavailable


class Pipeline(Shape):
    """A pipeline, as Kubeflow lists it."""

    pipeline_id: str
    name: str = Field(description="Kubeflow's unique name; the same as `display_name` before 2.14.")
    display_name: str
    description: str | None
    created_at: Time
    tags: Tags


class Version(Shape):
    """A version of a pipeline, in short."""

    pipeline_version_id: str
    pipeline_id: str
    name: str
    display_name: str
    description: str | None
    created_at: Time
    tags: Tags
    code_source_url: str | None
    digest: str | None = Field(description="SHA-256 of the content; equal content has an equal digest.")
    spec_name: str | None = Field(description="The name inside the specification.")
    sdk_version: str | None
    schema_version: str | None
    problem: str | None = Field(description="Why the specification cannot be read; null when it can.")
    pipeline_spec: JSONValue = Field(
        default=None, description="The specification as Kubeflow has it; only with `include_spec=true`."
    )


class VersionDetail(Version):
    """A version with everything a person asks first."""

    spec_description: str | None = Field(description="The author's words in the specification.")
    parameters: list[Parameter]
    artifacts: list[Artifact] = Field(description="Inputs that are artifacts.")
    outputs: Ports
    steps: list[dict[str, JSONValue]] = Field(
        description="Every task and importer in an order in which they could run: `docs/pipelines.md` has the keys."
    )
    images: list[ImageUse]
    packages: list[PackageUse]
    counts: Counts


class PipelineWithParameters(Pipeline):
    """A pipeline of a page with `view=FULL`."""

    version_count: int
    parameters: list[Parameter] = Field(description="What the latest version takes.")
    latest_version: Version | None


class PipelineDetail(Pipeline):
    """A pipeline with its latest version whole."""

    version_count: int
    parameters: list[Parameter] = Field(description="What the latest version takes; the same as inside of it.")
    latest_version: VersionDetail | None
    matched_by: Literal["display_name", "name", "spec_name"] | None = Field(
        default=None, description="By which of its names it was found; only by-name."
    )
    unavailable: Unavailable


class PipelinePage(PageOf):
    """A page of pipelines: in full where it was asked for."""

    pipelines: list[PipelineWithParameters | Pipeline]
    unavailable: Unavailable


class VersionPage(PageOf):
    """A page of versions."""

    pipeline_versions: list[Version]
    unavailable: Unavailable


class Uploaded(Shape):
    """What an upload made."""

    pipeline: Pipeline
    version: Version
    created: bool = Field(description="The pipeline is new.")
    unchanged: bool = Field(description="Nothing was added: `version` has the same content already.")
    unavailable: Unavailable


class Change(Shape):
    """What is to be changed; what is not given stays."""

    display_name: str | None = Field(default=None, min_length=1, max_length=128)
    tags: dict[str, str] | None = Field(default=None, description="All tags, in place of the old ones.")


class Difference(Shape):
    """What changed from one version to another."""

    pipeline_id: str
    from_: DiffSide = Field(alias="from")
    to: DiffSide
    verdict: Literal["identical", "compatible", "breaking"] = Field(
        description="For jobs that start with today's arguments."
    )
    reasons: list[str]
    counts: dict[str, int] = Field(description="How many changes each section has; those without are left out.")
    changes: dict[str, list[dict[str, JSONValue]]] = Field(
        description="The changes of each section, each with `key`, `kind`, `text`, `from` and `to`."
    )
