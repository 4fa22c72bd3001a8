"""Events and subscriptions through `kfadapter.Client` and `AsyncClient`."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from kfadapter import AsyncClient, Client
from kfadapter.client import NotFound
from kfadapter.client.events import EventsMissed
from kfadapter.events import log
from kfadapter.events.types import EventType
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.events import NOW, add, new_event
from support.receivers import Receiver


@pytest.fixture
def adapter(fake: FakeKubeflow, make_adapter: Callable[..., RunningAdapter]) -> RunningAdapter:
    return make_adapter(kubeflow_url=fake.url, webhook_private_networks=("127.0.0.0/8",))


@pytest.fixture
def client(adapter: RunningAdapter) -> Iterator[Client]:
    with Client(adapter.url) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def tell(adapter: RunningAdapter, *events: Any) -> None:
    adapter.call(add(adapter.service.database, *events))


def test_events_are_read_in_pages(adapter: RunningAdapter, client: Client) -> None:
    tell(adapter, *(new_event(f"r-{number}", at=NOW + timedelta(hours=number)) for number in range(3)))
    page = client.events.page(after=0, page_size=2, types=["run.*"], states=["RUNNING"])
    assert [one.subject for one in page.events] == ["r-0", "r-1"]
    rest = client.events.page(after=page.next_after)
    assert ([one.subject for one in rest.events], rest.has_more) == (["r-2"], False)
    assert rest.events[0].position == rest.latest
    assert [one.subject for one in client.events.page(since=NOW + timedelta(hours=1)).events] == ["r-1", "r-2"]
    assert client.events.page(runs=["r-1"], jobs=["7"]).events == ()


def test_events_are_followed_as_they_happen(adapter: RunningAdapter, client: Client) -> None:
    tell(adapter, new_event("r-0"))
    following = client.events.follow(after=0, types=["run.*"])
    assert next(following).subject == "r-0"
    threading.Timer(0.2, lambda: tell(adapter, new_event("r-1", EventType.RUN_FINISHED))).start()
    event = next(following)
    assert (event.subject, event.type, event.data["run_id"]) == ("r-1", "org.kfadapter.run.finished", "r-1")


def test_missed_events_are_an_error_that_says_where_to_go_on(adapter: RunningAdapter, client: Client) -> None:
    tell(adapter, *(new_event(f"r-{number}") for number in range(4)))
    before = NOW - timedelta(days=1)
    adapter.call(adapter.service.database.write(lambda c: log.forget(c, before=before, kept=2, limit=10)))
    with pytest.raises(EventsMissed) as missed:
        next(client.events.follow(after=1))
    assert next(client.events.follow(after=missed.value.oldest - 1)).subject == "r-2"


def test_a_subscriptions_life(adapter: RunningAdapter, client: Client, receiver: Receiver) -> None:
    made = client.subscriptions.create(receiver.url, display_name="me", filter={"types": ["run.finished"]})
    assert made.secret is not None
    assert made.secret not in repr(made)
    key = made.subscription_id
    assert [one.subscription_id for one in client.subscriptions.list()] == [key]
    assert client.subscriptions.get(key).filter == {"types": ("run.finished",)}
    assert client.subscriptions.pause(key).state == "PAUSED"
    assert client.subscriptions.resume(key).state == "ACTIVE"
    assert client.subscriptions.change(key, display_name="you", filter={}).filter == {}
    receiver.script.add(Fault.status(500, "oops"))
    assert client.subscriptions.test(key).status == 500
    assert client.subscriptions.rotate_secret(key) != made.secret
    tell(adapter, new_event("r-1", EventType.RUN_FINISHED, at=NOW))
    receiver.wait_for(2)
    (delivery,) = [one for one in client.subscriptions.deliveries(key).deliveries if one.subject == "r-1"]
    whole = client.subscriptions.delivery(key, delivery.delivery_id)
    assert whole.event is not None
    assert whole.event.id == whole.event_id
    assert client.subscriptions.deliveries(key, states=["DEAD"]).deliveries[0].last_answer == "oops"
    assert client.subscriptions.redeliver(key, delivery.delivery_id) == 1
    assert client.subscriptions.redeliver(key, since=NOW) >= 1
    assert client.subscriptions.redeliver(key) == 0
    client.subscriptions.delete(key)
    with pytest.raises(NotFound):
        client.subscriptions.get(key)


async def test_the_awaited_client_does_the_same(adapter: RunningAdapter, receiver: Receiver) -> None:
    async with AsyncClient(adapter.url) as client:
        made = await client.subscriptions.create(receiver.url)
        key = made.subscription_id
        assert (await client.subscriptions.test(key)).outcome == "delivered"
        tell(adapter, new_event("r-1"))
        async for event in client.events.follow(after=0, runs=["r-1"]):
            assert event.subject == "r-1"
            break
        assert (await client.events.page()).events[-1].subject == "r-1"
        await client.subscriptions.delete(key)
        assert await client.subscriptions.list() == ()
