"""Pipeline versions in the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from kfadapter.engine.protocol.answers import fragment, present, seconds
from kfadapter.engine.protocol.faults import already_exists, invalid, not_found
from kfadapter.engine.protocol.filters import Keys
from kfadapter.engine.protocol.paging import Listable, ListQuery, next_token
from kfadapter.engine.protocol.templates import Template
from kfadapter.engine.store.lists import page
from kfadapter.engine.store.pipelines import NewPipeline, create_pipeline, get_pipeline, keep_tags, tags_text
from kfadapter.engine.store.specs import drop_unused, keep_spec
from kfadapter.engine.store.tables import SPECS, TAGS, VERSIONS

LISTABLE = Listable(
    model="PipelineVersion",
    table="pipeline_versions",
    noun="pipeline versions",
    keys=Keys(
        columns={
            "id": "pipeline_version_id",
            "pipeline_version_id": "pipeline_version_id",
            "name": "name",
            "display_name": "display_name",
            "created_at": "created_at",
            "description": "description",
            "code_source_url": "code_source_url",
        },
        seconds=frozenset({"created_at"}),
        has_tags=True,
    ),
    refusal=(
        "Failed to list pipeline versions due invalid list options: pageToken: {page_token}, pageSize: {page_size}, "
        "sortBy: {sort_by}, filter: {filter}"
    ),
)


@dataclass(frozen=True, kw_only=True)
class NewVersion:
    """What a caller says about a version."""

    name: str
    display_name: str
    description: str = ""
    code_source_url: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class VersionKey:
    """Which version a run is made from."""

    pipeline_id: str
    pipeline_version_id: str
    spec_digest: str


def create_version(
    connection: Connection, pipeline_id: str, new: NewVersion, template: Template, created_at: int
) -> dict[str, Any]:
    """Add a version to a pipeline.

    Raises:
        ApiError: There is no such pipeline, or it has a version of that name.
    """
    get_pipeline(connection, pipeline_id)
    same = (VERSIONS.c.pipeline_id == pipeline_id, VERSIONS.c.name == new.name)
    if connection.execute(select(VERSIONS.c.seq).where(*same)).first():
        raise already_exists(
            f"Failed to create a new pipeline version. The name {new.name} already exist. Please specify a new name"
        )
    version_id = str(uuid4())
    row = {
        "pipeline_version_id": version_id,
        "pipeline_id": pipeline_id,
        "name": new.name,
        "display_name": new.display_name,
        "description": new.description,
        "code_source_url": new.code_source_url,
        "created_at": created_at,
        "spec_digest": keep_spec(connection, template),
        "tags": tags_text(new.tags),
    }
    connection.execute(insert(VERSIONS).values(row))
    keep_tags(connection, version_id, new.tags)
    return get_version(connection, version_id)


def create_pipeline_and_version(
    connection: Connection, pipeline: NewPipeline, version: NewVersion, template: Template, created_at: int
) -> dict[str, Any]:
    """Add a pipeline with its first version; both or neither.

    Raises:
        ApiError: The name is taken.
    """
    created = create_pipeline(connection, pipeline, created_at)
    create_version(connection, created["pipeline_id"], version, template, created_at)
    return created


def get_version(connection: Connection, version_id: str) -> dict[str, Any]:
    """A version by id, with its spec. The pipeline's id is not needed, as on KFP.

    Raises:
        ApiError: There is none.
    """
    row = connection.execute(_with_spec().where(VERSIONS.c.pipeline_version_id == version_id)).first()
    if row is None:
        raise not_found("PipelineVersion", version_id)
    return _to_json(row)


def list_versions(connection: Connection, pipeline_id: str, query: ListQuery) -> dict[str, Any]:
    """A page of a pipeline's versions, with their specs."""
    scope = {"pipeline_id": pipeline_id}
    rows = page(connection, VERSIONS, query, scope=scope, owner="pipeline_version_id", statement=_with_spec())
    token = next_token(query, LISTABLE, *rows.last) if rows.last else ""
    items = [_to_json(row) for row in rows.rows]
    return present({"pipeline_versions": items, "total_size": rows.total, "next_page_token": token})


def update_version(
    connection: Connection, version_id: str, display_name: str, tags: Mapping[str, str] | None
) -> dict[str, Any]:
    """Change the display name (empty: keep it) and the tags (None: keep them).

    Raises:
        ApiError: There is no such version.
    """
    get_version(connection, version_id)
    changes: dict[str, Any] = {"display_name": display_name} if display_name else {}
    if tags is not None:
        changes["tags"] = tags_text(tags)
        keep_tags(connection, version_id, tags)
    if changes:
        connection.execute(update(VERSIONS).where(VERSIONS.c.pipeline_version_id == version_id).values(changes))
    return get_version(connection, version_id)


def delete_version(connection: Connection, version_id: str) -> None:
    """Remove a version.

    Raises:
        ApiError: There is none.
    """
    digest = find_version(connection, version_id).spec_digest
    connection.execute(delete(VERSIONS).where(VERSIONS.c.pipeline_version_id == version_id))
    connection.execute(delete(TAGS).where(TAGS.c.owner_id == version_id))
    drop_unused(connection, [digest])


def find_version(connection: Connection, version_id: str, pipeline_id: str = "") -> VersionKey:
    """The version with that id, which must belong to the pipeline when one is named.

    Raises:
        ApiError: There is none, or it belongs to another pipeline.
    """
    row = connection.execute(_keys().where(VERSIONS.c.pipeline_version_id == version_id)).first()
    if row is None:
        raise not_found("PipelineVersion", version_id)
    if pipeline_id and row.pipeline_id != pipeline_id:
        raise invalid(f"Pipeline version {version_id} belongs to pipeline {row.pipeline_id} (not {pipeline_id})")
    return VersionKey(**row._mapping)


def latest_version(connection: Connection, pipeline_id: str) -> VersionKey:
    """The version of a pipeline that was added last.

    Raises:
        ApiError: There is none.
    """
    newest = (VERSIONS.c.created_at.desc(), VERSIONS.c.seq.desc())
    row = connection.execute(_keys().where(VERSIONS.c.pipeline_id == pipeline_id).order_by(*newest).limit(1)).first()
    if row is None:
        raise not_found("PipelineVersion", pipeline_id)
    return VersionKey(**row._mapping)


def _keys() -> Select[Any]:
    return select(VERSIONS.c.pipeline_id, VERSIONS.c.pipeline_version_id, VERSIONS.c.spec_digest)


def _with_spec() -> Select[Any]:
    return select(VERSIONS, SPECS.c.document).outerjoin(SPECS, SPECS.c.digest == VERSIONS.c.spec_digest)


def _to_json(row: Row[Any]) -> dict[str, Any]:
    return present(
        {
            "pipeline_id": row.pipeline_id,
            "pipeline_version_id": row.pipeline_version_id,
            "display_name": row.display_name,
            "name": row.name,
            "description": row.description,
            "created_at": seconds(row.created_at),
            "code_source_url": row.code_source_url,
            "pipeline_spec": fragment(row.document),
            "tags": fragment(row.tags),
        }
    )
