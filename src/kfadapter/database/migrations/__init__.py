"""Migrations of the database, run by Alembic; `database.schema` starts them."""
