"""The tables of the processes that share a database: who is alive, and who leads what."""

from sqlalchemy import Column, Integer, Table, Text

from kfadapter.database.columns import Moment, metadata

replicas = Table(
    "replicas",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("beats", Integer, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),
    Column("since", Moment),
)
