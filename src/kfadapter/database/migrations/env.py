"""How Alembic runs here: on the connection and in the transaction that `database.schema` hands over."""

from alembic import context

from kfadapter.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
