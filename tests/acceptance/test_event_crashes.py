"""The service killed while events happen: subscribers get each at least once, readers of the stream exactly once."""

import asyncio
import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse

from kfadapter.database.transactions import Transactions
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.events import add, new_event
from support.processes import AdapterProcess
from support.receivers import Receiver

pytestmark = pytest.mark.process

EVENTS = 300
KILLS = 5
# Of what a killed process had on its way, the receiver may have taken all and the database noted nothing.
ON_THEIR_WAY = 8


class Reader:
    """Follows the stream as a browser does: comes back with the last id it has seen."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seen: list[str] = []
        self.resets = 0
        self._last_id = ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"the reader has seen {len(self.seen)} events"

    def _read(self) -> None:
        while len(self.seen) < EVENTS:
            try:
                self._follow()
            except httpx.TransportError:
                threading.Event().wait(0.05)  # the service is down and will be back

    def _follow(self) -> None:
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        with httpx.Client(base_url=self._url, timeout=60, trust_env=False) as client:
            query = {"after": "0", "type": "run.*"}
            with connect_sse(client, "GET", "/v1/events", headers=headers, params=query) as source:
                for event in source.iter_sse():
                    self._last_id = event.id
                    self.resets += event.event == "reset"
                    if event.data:
                        self.seen.append(json.loads(event.data)["subject"])
                    if len(self.seen) >= EVENTS:
                        return


@pytest.fixture
def kubeflow() -> Iterator[FakeKubeflow]:
    with FakeKubeflow() as server:
        yield server


def test_kills_lose_no_event(tmp_path: Path, kubeflow: FakeKubeflow) -> None:
    env = {"KFADAPTER_KUBEFLOW_URL": kubeflow.url, "KFADAPTER_WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8"}
    data_dir = tmp_path / "data"
    names = [f"r-{number}" for number in range(EVENTS)]
    chance = random.Random(7)
    with Receiver() as receiver, AdapterProcess("serve", data_dir, env) as adapter:
        receiver.script.add(Fault.status(503), times=2)
        answer = httpx.post(
            f"{adapter.url}/v1/subscriptions", json={"url": receiver.url, "filter": {"types": ["run.*"]}}
        )
        assert answer.status_code == 201
        reader = Reader(adapter.url)
        with Transactions.open(f"sqlite:///{data_dir / 'ledger.sqlite'}") as database:
            for number, name in enumerate(names):
                asyncio.run(add(database, new_event(name, at=datetime.now(UTC))))
                if number % (EVENTS // KILLS) == chance.randrange(10) + 20:
                    adapter.kill()
                    adapter.start()
        adapter.kill()
        adapter.start()
        reader.wait(60)
        got = wait_for_all(receiver, names)
    assert reader.seen == names
    assert reader.resets == 0
    assert len(got) - EVENTS - 2 <= (KILLS + 1) * ON_THEIR_WAY


def wait_for_all(receiver: Receiver, names: list[str]) -> list[str]:
    """The subjects of all requests, once every event has come."""
    count = len(names)
    while True:
        receiver.wait_for(count)
        got = [str(subject) for subject in receiver.subjects()]
        if set(got) == set(names):
            return got
        count = len(got) + 1
