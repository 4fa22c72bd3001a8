"""The whole schema in one place: every table of every room, and the version they have together."""

from sqlalchemy import Column, MetaData, Table, Text

from kfadapter.database import event_tables, replica_tables, run_tables, training_tables
from kfadapter.database.columns import metadata

SCHEMA_VERSION = "0004"
"""The newest migration. A database of this version is opened without Alembic."""

ROOMS = (training_tables, replica_tables, event_tables, run_tables)
"""The modules whose tables make up `metadata`; a new one is added here."""

schema_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", Text, primary_key=True),
)

__all__ = ["ROOMS", "SCHEMA_VERSION", "metadata", "schema_version"]
