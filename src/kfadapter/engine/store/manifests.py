"""Where a run's pipeline comes from: a version, a pipeline's latest version, or a spec in the request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from kfadapter.engine.protocol.faults import ApiError, Code, invalid, layered
from kfadapter.engine.protocol.templates import Template, read_inline
from kfadapter.engine.store.experiments import default_experiment, get_experiment
from kfadapter.engine.store.pipelines import get_pipeline
from kfadapter.engine.store.specs import load_template
from kfadapter.engine.store.versions import VersionKey, find_version, latest_version

RETRIEVING = "Failed to fetch a template due to error retrieving pipeline version"
FETCHING = "Failed to fetch a pipeline version and its manifest from"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A pipeline to run, and the version it is, if it is one."""

    template: Template
    pipeline_id: str = ""
    pipeline_version_id: str = ""


def fetch_manifest(connection: Connection, message: Mapping[str, Any]) -> Manifest:
    """The pipeline that a run's message asks for.

    Raises:
        ApiError: It names none, or one that cannot be had.
    """
    if "pipeline_spec" in message:
        return Manifest(template=inline_template(message["pipeline_spec"]))
    reference = message.get("pipeline_version_reference", {})
    pipeline_id, version_id = reference.get("pipeline_id", ""), reference.get("pipeline_version_id", "")
    if not pipeline_id and not version_id:
        raise invalid("Failed to fetch a template with an empty pipeline spec manifest")
    with layered(RETRIEVING):
        key = _version(connection, pipeline_id, version_id)
    return Manifest(
        template=_template(connection, key),
        pipeline_id=key.pipeline_id,
        pipeline_version_id=key.pipeline_version_id,
    )


def fetch_latest(connection: Connection, pipeline_id: str) -> Manifest:
    """A pipeline's latest version.

    Raises:
        ApiError: There is no such pipeline, or it has no version.
    """
    with layered("Failed to get the latest template as pipeline was not found"):
        get_pipeline(connection, pipeline_id)
    key = latest_version(connection, pipeline_id)
    return Manifest(template=_template(connection, key), pipeline_id=pipeline_id)


def inline_template(document: Mapping[str, Any]) -> Template:
    """A request's own spec.

    Raises:
        ApiError: It is none.
    """
    try:
        return read_inline(document)
    except ApiError as exc:
        context = "Failed to fetch a template with an invalid pipeline spec manifest"
        # This one place of KFP words the kind of error in one piece.
        raise ApiError(Code.INVALID_ARGUMENT, f"{context}: InvalidInputError: {exc.detail}", exc.detail) from exc


def resolve_experiment(connection: Connection, experiment_id: str, now: int) -> str:
    """The experiment a run goes to: the one named, which must exist, or the default one.

    Raises:
        ApiError: There is no such experiment.
    """
    if not experiment_id:
        return default_experiment(connection, now)
    layers = (
        f"Failed to fetch namespace for experiment {experiment_id}",
        f"Failed to fetch namespace from experiment {experiment_id}",
    )
    with layered(*layers):
        get_experiment(connection, experiment_id)
    return experiment_id


def _version(connection: Connection, pipeline_id: str, version_id: str) -> VersionKey:
    if not version_id:
        with layered(f"{FETCHING} pipeline {pipeline_id}"):
            with layered("Failed to get the latest pipeline version as pipeline was not found"):
                get_pipeline(connection, pipeline_id)
            with layered("Failed to get the latest pipeline version for a pipeline"):
                return latest_version(connection, pipeline_id)
    try:
        return find_version(connection, version_id, pipeline_id)
    except ApiError as exc:
        if exc.code is not Code.NOT_FOUND:
            raise
        layers = (f"{FETCHING} pipeline version {version_id}", f"Failed to get a pipeline version with id {version_id}")
        raise exc.within(*layers) from exc


def _template(connection: Connection, key: VersionKey) -> Template:
    template = load_template(connection, key.spec_digest)
    if template is None:
        raise invalid("Failed to fetch a template with an empty pipeline spec manifest")
    return template
