"""Telling this process's loops that a transaction has changed something they wait for, once it is committed."""

from sqlalchemy import Connection

TOPICS = "kfadapter_topics"


def announce(connection: Connection, topic: str) -> None:
    """When the caller's transaction is committed, who listens for this topic is woken (`Transactions.listen`)."""
    connection.info.setdefault(TOPICS, set()).add(topic)


def taken(connection: Connection) -> frozenset[str]:
    """What has been announced on this connection and not been taken yet; the connection goes back to a pool."""
    return frozenset(connection.info.pop(TOPICS, ()))
