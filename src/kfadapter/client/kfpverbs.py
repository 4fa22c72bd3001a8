"""The operations the field knows from `kfp.Client`, with the same names and arguments: a script changes its import.

What is the same and what is not is in docs/client.md. The results have the attributes of kfp's models; errors are this
client's own. Requests are built here, by functions that both clients share.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kfadapter.client import pipelines, runs, versions
from kfadapter.client.calls import Call
from kfadapter.client.results import Page, Pipeline, PipelineVersion
from kfadapter.client.runresults import StartedRun
from kfadapter.pipelines.package import open_package

DEFAULT_EXPERIMENT = "Default"


@dataclass(frozen=True, kw_only=True)
class V2beta1Pipeline:
    """A pipeline with the attributes of `kfp_server_api.V2beta1Pipeline`."""

    pipeline_id: str
    display_name: str
    name: str
    description: str | None = None
    created_at: datetime | None = None
    namespace: str | None = None
    error: Any = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class V2beta1PipelineVersion:
    """A version with the attributes of `kfp_server_api.V2beta1PipelineVersion`."""

    pipeline_id: str
    pipeline_version_id: str
    display_name: str
    name: str
    description: str | None = None
    created_at: datetime | None = None
    package_url: Any = None
    code_source_url: str | None = None
    pipeline_spec: Mapping[str, Any] | None = field(default=None, repr=False)
    error: Any = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class V2beta1ListPipelinesResponse:
    """A page; `pipelines` is None when it is empty, as with kfp."""

    pipelines: list[V2beta1Pipeline] | None
    total_size: int | None
    next_page_token: str | None


@dataclass(frozen=True, kw_only=True)
class V2beta1ListPipelineVersionsResponse:
    """A page; `pipeline_versions` is None when it is empty, as with kfp."""

    pipeline_versions: list[V2beta1PipelineVersion] | None
    total_size: int | None
    next_page_token: str | None


def as_pipeline(pipeline: Any) -> V2beta1Pipeline:
    """A pipeline as kfp shows it."""
    return V2beta1Pipeline(
        pipeline_id=pipeline.pipeline_id,
        display_name=pipeline.display_name,
        name=pipeline.name,
        description=pipeline.description,
        created_at=pipeline.created_at,
        tags=pipeline.tags,
    )


def as_version(version: PipelineVersion) -> V2beta1PipelineVersion:
    """A version as kfp shows it."""
    return V2beta1PipelineVersion(
        pipeline_id=version.pipeline_id,
        pipeline_version_id=version.pipeline_version_id,
        display_name=version.display_name,
        name=version.name,
        description=version.description,
        created_at=version.created_at,
        code_source_url=version.code_source_url,
        pipeline_spec=version.pipeline_spec,
        tags=version.tags,
    )


def as_pipelines(page: Page[Pipeline]) -> V2beta1ListPipelinesResponse:
    """A page of pipelines as kfp shows it."""
    return V2beta1ListPipelinesResponse(
        pipelines=[as_pipeline(one) for one in page.items] or None,
        total_size=page.total_size,
        next_page_token=page.next_page_token,
    )


def as_versions(page: Page[PipelineVersion]) -> V2beta1ListPipelineVersionsResponse:
    """A page of versions as kfp shows it."""
    return V2beta1ListPipelineVersionsResponse(
        pipeline_versions=[as_version(one) for one in page.items] or None,
        total_size=page.total_size,
        next_page_token=page.next_page_token,
    )


def list_pipelines_call(page_token: str, page_size: int, sort_by: str, filter: str | None) -> Call[Page[Pipeline]]:
    """`list_pipelines`."""
    return pipelines.list_call(page_token=page_token, page_size=page_size, sort_by=sort_by, filter=filter or "")


def list_versions_call(
    pipeline_id: str, page_token: str, page_size: int, sort_by: str, filter: str | None
) -> Call[Page[PipelineVersion]]:
    """`list_pipeline_versions`."""
    return versions.list_call(
        pipeline_id,
        page_token=page_token,
        page_size=page_size,
        sort_by=sort_by,
        filter=filter or "",
        include_spec=True,
    )


def only_id(name: str, page: Page[Pipeline]) -> str | None:
    """The id of the one pipeline with this name; None when there is none.

    Raises:
        ValueError: There are several, as with kfp.
    """
    if len(page.items) > 1:
        raise ValueError(f"Multiple pipelines with the name: {name} found, the name needs to be unique.")
    return page.items[0].pipeline_id if page.items else None


def named_once(pipeline_id: str | None, pipeline_name: str | None) -> None:
    """Refuse both names of a pipeline together, and neither, as kfp does.

    Raises:
        ValueError: Both are given, or none.
    """
    if bool(pipeline_id) == bool(pipeline_name):
        raise ValueError("Either pipeline_id or pipeline_name is required.")


def start_package_call(
    pipeline_file: str,
    arguments: Mapping[str, Any] | None,
    *,
    run_name: str | None,
    experiment_name: str | None,
    experiment_id: str | None,
    pipeline_root: str | None,
    enable_caching: bool | None,
    cache_key: str | None,
    service_account: str | None,
) -> Call[StartedRun]:
    """`create_run_from_pipeline_package`.

    Raises:
        ValueError: Two experiments are named.
        PackageError: The file is no pipeline.
    """
    if experiment_name is not None and experiment_id is not None:
        raise ValueError("You cannot specify both experiment_name and experiment_id.")
    spec = open_package(Path(pipeline_file).read_bytes()).spec
    document = dict(spec.document)
    if enable_caching is not None:
        document = with_caching(document, enable_caching, cache_key)
    pair = document if spec.platform is None else {"pipeline_spec": document, "platform_spec": dict(spec.platform)}
    return runs.start_call(
        pipeline_spec=pair,
        arguments=arguments,
        display_name=run_name or default_run_name(os.path.basename(pipeline_file)),
        experiment_id=experiment_id or "",
        experiment_name="" if experiment_id else experiment_name or DEFAULT_EXPERIMENT,
        create_experiment=True,
        pipeline_root=pipeline_root or "",
        service_account=service_account or "",
    )


def with_caching(document: Mapping[str, Any], enable: bool, cache_key: str | None) -> dict[str, Any]:
    """A specification whose tasks are cached or not, as kfp overrides it: those of the pipeline itself."""
    root = dict(document.get("root", {}))
    dag = dict(root.get("dag", {}))
    tasks = {name: dict(task) for name, task in dag.get("tasks", {}).items()}
    for task in tasks.values():
        options = {**task.get("cachingOptions", {}), "enableCache": enable}
        task["cachingOptions"] = {**options, "cacheKey": cache_key} if cache_key else options
    return {**document, "root": {**root, "dag": {**dag, "tasks": tasks}}}


def default_run_name(pipeline_name: str) -> str:
    """The pipeline's name and the time, as kfp names runs."""
    return f"{pipeline_name} {datetime.now(UTC).astimezone():%Y-%m-%d %H-%M-%S}"


def compiled(pipeline_func: Any) -> tuple[str, bytes]:
    """A pipeline function's name and its package; needs the kfp package.

    Raises:
        ImportError: kfp is not installed; the message says so.
    """
    try:
        from kfp import compiler
    except ImportError as exc:
        raise ImportError("create_run_from_pipeline_func compiles with kfp, which is not installed") from exc
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline_func=pipeline_func, package_path=str(place))
        return str(pipeline_func.name), place.read_bytes()
