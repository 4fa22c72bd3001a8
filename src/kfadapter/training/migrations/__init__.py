"""Migrations of the ledger, run by Alembic; `ledger_schema` starts them."""
