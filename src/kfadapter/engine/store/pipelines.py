"""Pipelines in the store. The functions run inside `Store.read` and `Store.write`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Connection, Row, delete, insert, select, update

from kfadapter.engine.protocol.answers import fragment, present, seconds
from kfadapter.engine.protocol.faults import already_exists, invalid, not_found
from kfadapter.engine.protocol.filters import Keys
from kfadapter.engine.protocol.paging import Listable, ListQuery, next_token
from kfadapter.engine.store.lists import page
from kfadapter.engine.store.specs import drop_unused
from kfadapter.engine.store.tables import PIPELINES, TAGS, VERSIONS

LISTABLE = Listable(
    model="Pipeline",
    table="pipelines",
    noun="pipelines",
    keys=Keys(
        columns={
            "id": "pipeline_id",
            "pipeline_id": "pipeline_id",
            "name": "name",
            "display_name": "display_name",
            "created_at": "created_at",
            "description": "description",
            "namespace": "namespace",
        },
        seconds=frozenset({"created_at"}),
        has_tags=True,
    ),
    refusal=(
        "Failed to list pipelines due invalid list options: pageToken: {page_token}, pageSize: {page_size}, "
        "sortBy: {sort_by}, filter: {filter}"
    ),
)


@dataclass(frozen=True, kw_only=True)
class NewPipeline:
    """What a caller says about a pipeline."""

    name: str
    display_name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create_pipeline(connection: Connection, new: NewPipeline, created_at: int) -> dict[str, Any]:
    """Add a pipeline.

    Raises:
        ApiError: The name is taken.
    """
    if connection.execute(select(PIPELINES.c.seq).where(PIPELINES.c.name == new.name)).first():
        raise already_exists(
            f"Failed to create a new pipeline. The name {new.name} already exist. Please specify a new name"
        )
    pipeline_id = str(uuid4())
    row = {
        "pipeline_id": pipeline_id,
        "name": new.name,
        "display_name": new.display_name,
        "description": new.description,
        "created_at": created_at,
        "tags": tags_text(new.tags),
    }
    connection.execute(insert(PIPELINES).values(row))
    keep_tags(connection, pipeline_id, new.tags)
    return get_pipeline(connection, pipeline_id)


def get_pipeline(connection: Connection, pipeline_id: str) -> dict[str, Any]:
    """A pipeline by id.

    Raises:
        ApiError: There is none.
    """
    return _to_json(_row(connection, pipeline_id))


def get_pipeline_by_name(connection: Connection, name: str, namespace: str) -> dict[str, Any]:
    """A pipeline by its unique name; there is one namespace only.

    Raises:
        ApiError: There is none.
    """
    row = connection.execute(select(PIPELINES).where(PIPELINES.c.name == name)).first()
    if row is None:
        raise not_found("Namespace/Pipeline", f"{namespace}/{name}")
    return _to_json(row)


def list_pipelines(connection: Connection, query: ListQuery) -> dict[str, Any]:
    """A page of pipelines."""
    rows = page(connection, PIPELINES, query, owner="pipeline_id")
    token = next_token(query, LISTABLE, *rows.last) if rows.last else ""
    items = [_to_json(row) for row in rows.rows]
    return present({"pipelines": items, "total_size": rows.total, "next_page_token": token})


def update_pipeline(
    connection: Connection, pipeline_id: str, display_name: str, tags: Mapping[str, str] | None
) -> dict[str, Any]:
    """Change the display name (empty: keep it) and the tags (None: keep them).

    Raises:
        ApiError: There is no such pipeline.
    """
    _row(connection, pipeline_id)
    changes: dict[str, Any] = {"display_name": display_name} if display_name else {}
    if tags is not None:
        changes["tags"] = tags_text(tags)
        keep_tags(connection, pipeline_id, tags)
    if changes:
        connection.execute(update(PIPELINES).where(PIPELINES.c.pipeline_id == pipeline_id).values(changes))
    return get_pipeline(connection, pipeline_id)


def delete_pipeline(connection: Connection, pipeline_id: str, cascade: bool) -> None:
    """Remove a pipeline, with `cascade` its versions too.

    Raises:
        ApiError: There is no such pipeline, or it has versions.
    """
    _row(connection, pipeline_id)
    versions = connection.execute(
        select(VERSIONS.c.pipeline_version_id, VERSIONS.c.spec_digest)
        .where(VERSIONS.c.pipeline_id == pipeline_id)
        .order_by(VERSIONS.c.created_at.desc(), VERSIONS.c.seq.desc())
    ).all()
    if versions and not cascade:
        raise invalid(
            f"Failed to delete pipeline with id {pipeline_id} as it has existing pipeline versions "
            f"(e.g. {versions[0].pipeline_version_id}). Set cascade=true to delete all versions"
        )
    connection.execute(delete(VERSIONS).where(VERSIONS.c.pipeline_id == pipeline_id))
    connection.execute(delete(PIPELINES).where(PIPELINES.c.pipeline_id == pipeline_id))
    owners = [pipeline_id, *(version.pipeline_version_id for version in versions)]
    connection.execute(delete(TAGS).where(TAGS.c.owner_id.in_(owners)))
    drop_unused(connection, (version.spec_digest for version in versions))


def keep_tags(connection: Connection, owner_id: str, tags: Mapping[str, str]) -> None:
    """Replace what filters see of a pipeline's or version's tags."""
    connection.execute(delete(TAGS).where(TAGS.c.owner_id == owner_id))
    if tags:
        rows = [{"owner_id": owner_id, "key": key, "value": value} for key, value in tags.items()]
        connection.execute(insert(TAGS).prefix_with("OR REPLACE"), rows)


def tags_text(tags: Mapping[str, str]) -> bytes:
    """What answers show of tags."""
    return orjson.dumps(dict(tags), option=orjson.OPT_SORT_KEYS) if tags else b""


def _row(connection: Connection, pipeline_id: str) -> Row[Any]:
    row = connection.execute(select(PIPELINES).where(PIPELINES.c.pipeline_id == pipeline_id)).first()
    if row is None:
        raise not_found("Pipeline", pipeline_id)
    return row


def _to_json(row: Row[Any]) -> dict[str, Any]:
    return present(
        {
            "pipeline_id": row.pipeline_id,
            "display_name": row.display_name,
            "name": row.name,
            "description": row.description,
            "created_at": seconds(row.created_at),
            "tags": fragment(row.tags),
        }
    )
