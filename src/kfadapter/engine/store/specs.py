"""Pipeline specs in the store: one text for each content, dropped with the last thing that names it."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import Connection, delete, exists, select
from sqlalchemy.dialects.sqlite import insert

from kfadapter.engine.protocol.templates import Template, stored_template
from kfadapter.engine.store.tables import RECURRING_RUNS, RUNS, SPECS, VERSIONS


def keep_spec(connection: Connection, template: Template) -> str:
    """Store a template's document and give its digest."""
    digest, text = template.to_json()
    connection.execute(insert(SPECS).values(digest=digest, document=text).on_conflict_do_nothing())
    return digest


def spec_text(connection: Connection, digest: str) -> bytes:
    """The document's JSON text; empty when there is none."""
    text = connection.execute(select(SPECS.c.document).where(SPECS.c.digest == digest)).scalar_one_or_none()
    return bytes(text or b"")


def load_template(connection: Connection, digest: str) -> Template | None:
    """The template of a digest."""
    text = spec_text(connection, digest)
    document: dict[str, Any] = orjson.loads(text) if text else {}
    return stored_template(document) if document else None


def drop_unused(connection: Connection, digests: Iterable[str]) -> None:
    """Drop those of the specs that nothing names any more."""
    for digest in set(digests):
        named = [exists().where(table.c.spec_digest == digest) for table in (VERSIONS, RUNS, RECURRING_RUNS)]
        connection.execute(delete(SPECS).where(SPECS.c.digest == digest, *(~each for each in named)))
