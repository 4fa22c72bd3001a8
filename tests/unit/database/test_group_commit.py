"""Writes that wait together are committed together, and fail apart."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from kfadapter.database.connections import Database
from kfadapter.database.group_commit import GroupCommit
from kfadapter.errors import DatabaseError, TransitionRefused


class Seen:
    """What was committed, seen from outside."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)

    def names(self) -> list[str]:
        return [row[0] for row in self._connection.execute("SELECT name FROM things ORDER BY name")]

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "group.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}")
    database.open()
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE things (name TEXT PRIMARY KEY)")
    yield database
    database.close()


@pytest.fixture
def group(database: Database) -> Iterator[GroupCommit]:
    group = GroupCommit(database)
    yield group
    group.close()


@pytest.fixture
def seen(path: Path, database: Database) -> Iterator[Seen]:
    seen = Seen(path)
    yield seen
    seen.close()


def add(name: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.exec_driver_sql("INSERT INTO things VALUES (?)", (name,))
        return name

    return work


def refuse(connection: Connection) -> str:
    connection.exec_driver_sql("INSERT INTO things VALUES ('of the refused')")
    raise TransitionRefused("run r", "failed", "succeeded")


class Door:
    """Work that keeps the writing thread busy until it is opened."""

    def __init__(self, group: GroupCommit) -> None:
        self._is_open, has_begun = threading.Event(), threading.Event()

        def wait(_: Connection) -> None:
            has_begun.set()
            assert self._is_open.wait(10)

        self.future = group.submit(wait, is_synced=False)
        assert has_begun.wait(10)

    def open(self) -> None:
        self._is_open.set()


def test_what_waits_is_committed_at_once(group: GroupCommit, seen: Seen) -> None:
    transactions = []

    def add_and_note(name: str) -> Callable[[Connection], str]:
        def work(connection: Connection) -> str:
            transactions.append(connection.get_transaction())
            return add(name)(connection)

        return work

    door = Door(group)
    futures = [group.submit(add_and_note(name), is_synced=True) for name in "abcdef"]
    door.open()
    assert [future.result(10) for future in futures] == list("abcdef")
    assert all(one is transactions[0] for one in transactions)
    assert seen.names() == list("abcdef")


class Order:
    """Work that remembers in which order, and in whose company, it was done."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self._transaction: object = None

    def of(self, name: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            if connection.get_transaction() is not self._transaction:
                self._transaction = connection.get_transaction()
                self.groups.append([])
            self.groups[-1].append(name)

        return work


def test_what_nobody_waits_for_stands_back(database: Database) -> None:
    group, order = GroupCommit(database, patience_seconds=60), Order()
    door = Door(group)
    patient = [group.submit(order.of(f"note {n}"), is_synced=False, is_patient=True) for n in range(9)]
    waiting = [group.submit(order.of(name), is_synced=True) for name in "ab"]
    door.open()
    for future in (*waiting, *patient):
        future.result(10)
    assert order.groups == [["a", "b"], [f"note {n}" for n in range(8)], ["note 8"]]
    group.close()


def test_patience_has_an_end(database: Database) -> None:
    group, order = GroupCommit(database, patience_seconds=0), Order()
    door = Door(group)
    patient = group.submit(order.of("note"), is_synced=False, is_patient=True)
    waiting = group.submit(order.of("a"), is_synced=True)
    door.open()
    waiting.result(10)
    patient.result(10)
    assert order.groups == [["a", "note"]]
    group.close()


def test_one_that_is_refused_takes_nothing_with_it(group: GroupCommit, seen: Seen) -> None:
    door = Door(group)
    futures = [group.submit(work, is_synced=True) for work in (add("a"), refuse, add("b"))]
    door.open()
    assert futures[0].result(10) == "a"
    with pytest.raises(TransitionRefused):
        futures[1].result(10)
    assert futures[2].result(10) == "b"
    assert seen.names() == ["a", "b"]


def test_an_error_of_the_database_is_told_only_to_whom_it_concerns(group: GroupCommit, seen: Seen) -> None:
    door = Door(group)
    futures = [group.submit(work, is_synced=True) for work in (add("a"), add("a"), add("b"))]
    door.open()
    assert futures[0].result(10) == "a"
    with pytest.raises(DatabaseError, match="UNIQUE"):
        futures[1].result(10)
    assert futures[2].result(10) == "b"
    assert seen.names() == ["a", "b"]


def test_what_was_asked_for_before_closing_is_written(database: Database, seen: Seen) -> None:
    group = GroupCommit(database)
    door = Door(group)
    future = group.submit(add("a"), is_synced=True)
    patient = group.submit(add("b"), is_synced=False, is_patient=True)
    door.open()
    group.close()
    assert (future.result(0), patient.result(0)) == ("a", "b")
    assert seen.names() == ["a", "b"]
    with pytest.raises(DatabaseError, match="closed"):
        group.submit(add("c"), is_synced=True)
