"""Two whole adapters on one PostgreSQL: a stream goes on at the other, and each event is delivered once."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from httpx_sse import connect_sse

from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.events import add, new_event
from support.ledgers import new_database
from support.receivers import Receiver

COUNT = 40


@pytest.fixture
def replicas(fake: FakeKubeflow, tmp_path: Path, postgresql: str) -> Iterator[list[RunningAdapter]]:
    url = new_database(postgresql)

    @contextmanager
    def replica(name: str) -> Iterator[RunningAdapter]:
        networks = ("127.0.0.0/8",)
        with RunningAdapter(
            tmp_path / name, kubeflow_url=fake.url, database_url=url, webhook_private_networks=networks
        ) as adapter:
            yield adapter

    with replica("first") as first, replica("second") as second:
        yield [first, second]


def read(adapter: RunningAdapter, last_id: str, count: int) -> list[tuple[str, str]]:
    """Ids and subjects of the next events of runs."""
    found: list[tuple[str, str]] = []
    headers = {"Last-Event-ID": last_id}
    with connect_sse(adapter.http, "GET", "/v1/events", headers=headers, params={"type": "run.*"}) as source:
        for event in source.iter_sse():
            if event.data:
                found.append((event.id, json.loads(event.data)["subject"]))
            if len(found) == count:
                break
    return found


def test_replicas_show_and_deliver_the_same_events_once(replicas: list[RunningAdapter]) -> None:
    with Receiver() as receiver:
        wanted = {"url": receiver.url, "filter": {"types": ["run.*"]}}
        assert replicas[0].http.post("/v1/subscriptions", json=wanted).status_code == 201
        for number in range(COUNT):
            adapter = replicas[number % 2]
            adapter.call(add(adapter.service.database, new_event(f"r-{number}")))
        receiver.wait_for(COUNT)
        whole = read(replicas[0], "0", COUNT)
        seen: list[tuple[str, str]] = []
        while len(seen) < COUNT:  # a reader that is handed from one to the other
            seen += read(replicas[len(seen) % 2], seen[-1][0] if seen else "0", 5)
        assert seen == whole
        assert sorted(map(str, receiver.subjects())) == sorted(f"r-{number}" for number in range(COUNT))
