"""Events reach their subscribers over real sockets, on both databases, whatever the receivers do."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from kfadapter.errors import AddressRefused, SubscriptionNotFound, SubscriptionRefused
from kfadapter.events import store_deliveries
from kfadapter.events.filters import EventFilter
from kfadapter.events.retention import EventRetention
from kfadapter.events.subscriptions import DeliveryState, SubscriptionState
from kfadapter.events.types import EventType
from kfadapter.testing.faults import Fault
from support.events import everything, new_event
from support.post import Post
from support.receivers import Receiver, event_of, verified

FINISHED = EventType.RUN_FINISHED
DAY = 24 * 3600.0


@pytest.fixture
async def post(url: str) -> AsyncIterator[Post]:
    async with Post(url) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


async def told(post: Post) -> list[tuple[str, str]]:
    """Type and state of the events about telling."""
    found = await post.database.write(everything)
    return [
        (one.type.removeprefix("org.kfadapter."), one.state)
        for one in found
        if one.type.startswith(("org.kfadapter.delivery", "org.kfadapter.subscription"))
    ]


async def test_a_receiver_can_check_and_read_what_it_gets(post: Post, receiver: Receiver) -> None:
    _, secret = await post.subscribe(receiver.url)
    await post.tell(new_event("r-1", FINISHED, job_id="7", state="SUCCEEDED", data={"Größe": 1}))
    await post.deliver()
    (request,) = receiver.log.all
    body = verified(request, secret)
    event = event_of(request)
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["webhook-id"] == event.get_id() == body["id"]
    assert event.get_type() == "org.kfadapter.run.finished"
    assert (event.get_source(), event.get_subject()) == ("urn:test", "r-1")
    assert body["data"]["training_job_id"] == "7"
    assert body["data"]["Größe"] == 1
    with pytest.raises(WebhookVerificationError):
        verified(request, "whsec_" + "A" * 32)


async def test_only_what_is_wanted_is_sent_and_only_from_now_on(post: Post, receiver: Receiver) -> None:
    await post.tell(new_event("before", FINISHED))
    await post.subscribe(receiver.url, types=["run.finished"], pipelines=["qoe"])
    await post.tell(
        new_event("other type", pipeline_name="qoe"),
        new_event("other pipeline", FINISHED, pipeline_name="x"),
        new_event("wanted", FINISHED, pipeline_name="qoe"),
    )
    await post.deliver()
    assert receiver.subjects() == ["wanted"]


async def test_what_was_told_before_does_not_keep_the_courier_busy(post: Post, receiver: Receiver) -> None:
    once = new_event("r-1", FINISHED, key="r-1")
    await post.tell(once)
    await post.tell(once)  # takes a position on SQLite, and leaves it empty
    await post.subscribe(receiver.url, types=["run.finished"])
    await post.tell(once)
    async with asyncio.timeout(10):
        await post.courier.route()
    await post.tell(new_event("r-2", FINISHED, key="r-2"), once)
    async with asyncio.timeout(10):
        await post.deliver()
    assert receiver.subjects() == ["r-2"]


async def test_every_subscription_gets_its_own(post: Post, receiver: Receiver) -> None:
    with Receiver() as second:
        await post.subscribe(receiver.url, types=["run.*"])
        await post.subscribe(second.url, jobs=["7"])
        await post.tell(new_event("a"), new_event("b", job_id="7"), new_event("c", FINISHED))
        await post.deliver()
        assert sorted(map(str, receiver.subjects())) == ["a", "b", "c"]
        assert second.subjects() == ["b"]


async def test_the_events_of_a_subject_keep_their_order(post: Post, receiver: Receiver) -> None:
    await post.subscribe(receiver.url)
    receiver.script.add(Fault.status(500), times=1)
    await post.tell(*(new_event("r-1", state=str(number)) for number in range(6)))
    await post.deliver()
    for _ in range(4):
        await post.deliver(after=10)
    seen = [event.get_data()["state"] for event in receiver.events()]  # type: ignore[index, call-overload]
    assert seen == ["0", "0", "1", "2", "3", "4", "5"]


FAULTS = {
    "hang": Fault.hang(),
    "reset": Fault.reset(),
    "close": Fault.close(),
    "500": Fault.status(500, "<html>oops</html>"),
    "503": Fault.status(503),
    "404": Fault.status(404),
    "redirect": Fault.redirect("http://127.0.0.1:1/"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_what_fails_is_sent_again_with_the_same_id_and_body(url: str, receiver: Receiver, fault: Fault) -> None:
    async with Post(url, timeout_seconds=0.3) as post:
        subscription, _ = await post.subscribe(receiver.url)
        receiver.script.add(fault, times=2)
        await post.tell(new_event("r-1"))
        for after in (0, 20, 40):
            await post.deliver(after)
        (delivery,) = await post.deliveries(subscription)
        _, tries = await post.subscribers.delivery(subscription.subscription_id, delivery.delivery_id)
        assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 3)
        assert [one.outcome for one in tries][-1] == "delivered"
        assert {one.outcome for one in tries[:2]} <= {"unreachable", "refused"}
        first, second, third = receiver.log.all
        assert first.body == second.body == third.body
        assert len({one.headers["webhook-id"] for one in receiver.log.all}) == 1
        assert int(third.headers["webhook-timestamp"]) >= int(first.headers["webhook-timestamp"]) + 59
        assert (await post.fresh(subscription)).failing_since is None
        assert await told(post) == [("delivery.failed", "PENDING")]


@pytest.mark.parametrize(
    "fault", [Fault.flood(), Fault.cut(), Fault.html(), Fault.status(202)], ids=["flood", "cut", "html", "202"]
)
async def test_any_2xx_is_a_delivery_whatever_its_body(post: Post, receiver: Receiver, fault: Fault) -> None:
    subscription, _ = await post.subscribe(receiver.url)
    receiver.script.add(fault)
    await post.tell(new_event("r-1"))
    await post.deliver()
    (delivery,) = await post.deliveries(subscription)
    assert delivery.state is DeliveryState.DELIVERED
    assert len(delivery.last_answer or "") <= 1000


async def test_a_receiver_that_is_gone_is_never_asked_again(post: Post, receiver: Receiver) -> None:
    subscription, _ = await post.subscribe(receiver.url)
    receiver.script.add(Fault.status(410), times=None)
    await post.tell(new_event("r-1"), new_event("r-2"))
    await post.deliver()
    seen = len(receiver.log.all)
    found = await post.fresh(subscription)
    assert (found.state, found.reason[:26]) == (SubscriptionState.DISABLED, "the receiver answered 410:")
    await post.tell(new_event("r-3"))
    await post.deliver(after=DAY)
    assert len(receiver.log.all) == seen <= 2
    assert ("subscription.state.changed", "DISABLED") in await told(post)
    receiver.script.clear()
    await post.subscribers.resume(subscription.subscription_id)
    await post.tell(new_event("r-4"))
    await post.deliver()
    assert receiver.subjects()[-1] == "r-4"
    assert "r-3" not in receiver.subjects()


async def test_a_receiver_says_when_to_come_back(post: Post, receiver: Receiver) -> None:
    subscription, _ = await post.subscribe(receiver.url)
    receiver.script.add(Fault.status(429, headers={"retry-after": "600"}))
    await post.tell(new_event("r-1"), new_event("r-2"))
    await post.deliver()
    asked = len(receiver.log.all)
    await post.deliver(after=590)
    assert len(receiver.log.all) == asked
    await post.deliver(after=11)
    assert {one.state for one in await post.deliveries(subscription)} == {DeliveryState.DELIVERED}


async def test_a_receiver_in_trouble_is_asked_with_one_at_a_time_and_then_told_all_at_once(
    post: Post, receiver: Receiver
) -> None:
    subscription, _ = await post.subscribe(receiver.url)
    receiver.script.add(Fault.status(503), times=None)
    await post.tell(*(new_event(f"r-{number}") for number in range(40)))
    await post.deliver()
    first = len(receiver.log.all)
    assert first <= 4
    for _ in range(5):
        await post.deliver(after=301)
    assert len(receiver.log.all) == first + 5
    receiver.script.clear()
    await post.deliver(after=301)
    await post.deliver()
    assert {one.state for one in await post.deliveries(subscription)} == {DeliveryState.DELIVERED}


async def test_one_event_a_receiver_cannot_take_does_not_stop_the_others(post: Post, receiver: Receiver) -> None:
    for status in (400, 500):
        subscription, _ = await post.subscribe(f"{receiver.url}/{status}")
        receiver.script.add(Fault.status(status), path=f"{status}$", times=1)
        await post.tell(*(new_event(f"{status} {number}") for number in range(30)))
        await post.deliver()
        await post.deliver(after=2)
        found = await post.deliveries(subscription)
        assert sum(one.state is DeliveryState.DELIVERED for one in found) >= 29
        await post.subscribers.delete(subscription.subscription_id)


async def test_a_delivery_that_fails_for_days_is_dead_and_can_be_sent_again(post: Post, receiver: Receiver) -> None:
    subscription, _ = await post.subscribe(receiver.url, types=["run.*"])
    receiver.script.add(Fault.status(422, "no"), times=None)
    await post.tell(new_event("r-1"))
    await post.deliver()
    for _ in range(3 * 8 + 1):
        await post.deliver(after=4 * 3600)
    (delivery,) = await post.deliveries(subscription)
    assert (delivery.state, delivery.last_status, delivery.last_answer) == (DeliveryState.DEAD, 422, "no")
    _, tries = await post.subscribers.delivery(subscription.subscription_id, delivery.delivery_id)
    assert len(tries) <= 21
    assert tries[0].number == 1
    assert await told(post) == [("delivery.failed", "PENDING"), ("delivery.dead", "DEAD")]
    receiver.script.clear()
    assert await post.subscribers.redeliver(subscription.subscription_id) == 1
    await post.deliver()
    (delivery,) = await post.deliveries(subscription)
    assert delivery.state is DeliveryState.DELIVERED
    assert await post.subscribers.redeliver(subscription.subscription_id, delivery.delivery_id) == 1
    await post.deliver()
    assert len({one.headers["webhook-id"] for one in receiver.log.all}) == 1


async def test_a_subscription_that_fails_for_days_is_disabled_and_keeps_what_waits(
    post: Post, receiver: Receiver
) -> None:
    subscription, _ = await post.subscribe(receiver.url, types=["run.*"])
    receiver.server.outage()
    for day in range(6):
        await post.tell(new_event(f"r-{day}"))
        for _ in range(6):
            await post.deliver(after=4 * 3600)
    found = await post.fresh(subscription)
    assert found.state is SubscriptionState.DISABLED
    assert "5 days" in found.reason
    receiver.server.restore()
    await post.subscribers.resume(subscription.subscription_id)
    await post.subscribers.redeliver(subscription.subscription_id)
    await post.deliver()
    assert {"r-0", "r-1", "r-2", "r-3", "r-4"} <= set(receiver.subjects())


async def test_a_pause_collects_and_sends_nothing(post: Post, receiver: Receiver) -> None:
    subscription, _ = await post.subscribe(receiver.url)
    await post.subscribers.pause(subscription.subscription_id)
    await post.tell(new_event("r-1"))
    await post.deliver(after=60)
    assert receiver.log.all == []
    await post.subscribers.resume(subscription.subscription_id)
    await post.deliver()
    assert receiver.subjects() == ["r-1"]


async def test_events_are_sent_again_from_a_time(post: Post, receiver: Receiver) -> None:
    began = post.clock.now()
    await post.tell(*(new_event(f"r-{hour}", FINISHED, at=began + timedelta(hours=hour)) for hour in range(4)))
    subscription, _ = await post.subscribe(receiver.url, types=["run.finished"])
    assert await post.subscribers.replay(subscription.subscription_id, began + timedelta(hours=2)) == 2
    await post.deliver()
    assert sorted(map(str, receiver.subjects())) == ["r-2", "r-3"]
    assert await post.subscribers.replay(subscription.subscription_id, began) == 4
    await post.deliver()
    assert sorted(map(str, receiver.subjects())) == ["r-0", "r-1", "r-2", "r-2", "r-3", "r-3"]


async def test_an_old_secret_signs_for_a_while(post: Post, receiver: Receiver) -> None:
    subscription, old = await post.subscribe(receiver.url)
    new = await post.subscribers.rotate_secret(subscription.subscription_id, overlap=timedelta(hours=1))
    await post.tell(new_event("during"))
    await post.deliver()
    assert verified(receiver.log.all[0], old) == verified(receiver.log.all[0], new)
    await post.tell(new_event("after"))
    post.clock.advance(3601)
    await post.deliver()
    signatures = receiver.log.all[1].headers["webhook-signature"].split()
    assert len(signatures) == 1
    third = await post.subscribers.rotate_secret(subscription.subscription_id, overlap=timedelta(0))
    await post.subscribers.test(subscription.subscription_id)
    assert len({old, new, third}) == 3


async def test_a_test_is_sent_at_once_and_recorded(post: Post, receiver: Receiver) -> None:
    subscription, secret = await post.subscribe(receiver.url, types=["run.finished"])
    tested = await post.subscribers.test(subscription.subscription_id)
    assert (tested.answer.status, tested.answer.text) == (200, "thanks")
    assert verified(receiver.log.all[0], secret)["type"] == "org.kfadapter.subscription.test"
    receiver.script.add(Fault.status(500, "oops"))
    tested = await post.subscribers.test(subscription.subscription_id)
    delivery, tries = await post.subscribers.delivery(subscription.subscription_id, tested.delivery_id)
    assert (delivery.state, delivery.last_status, len(tries)) == (DeliveryState.DEAD, 500, 1)
    await post.deliver(after=DAY)
    assert len(receiver.log.all) == 2


async def test_a_slow_receiver_delays_nobody_else(url: str, receiver: Receiver) -> None:
    async with Post(url, timeout_seconds=60) as post:
        with Receiver() as slow:
            slow.script.add(Fault.hang(), times=None)
            for _ in range(3):
                await post.subscribe(slow.url)
            await post.subscribe(receiver.url)
            await post.tell(*(new_event(f"r-{number}") for number in range(50)))
            delivering = asyncio.create_task(post.courier.run())
            await receiver.log.seen(count=50)
            assert len(slow.log.all) <= 3 * 4
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)


async def test_replicas_share_the_work_and_send_each_once(url: str, receiver: Receiver) -> None:
    async with Post(url, claimant="a") as first, Post(url, first.clock, claimant="b") as second:
        await first.subscribe(receiver.url)
        await first.tell(*(new_event(f"r-{number}") for number in range(60)))
        await asyncio.gather(first.deliver(), second.deliver())
    assert sorted(map(str, receiver.subjects())) == sorted(f"r-{number}" for number in range(60))


async def test_what_a_dead_process_held_is_taken_over(url: str, receiver: Receiver) -> None:
    async with Post(url, claimant="dead", timeout_seconds=20) as dead:
        subscription, _ = await dead.subscribe(receiver.url)
        await dead.tell(new_event("r-1"))
        now = dead.clock.now()
        claimed = await dead.database.write(
            store_deliveries.claim, subscription.subscription_id, "dead", now, now + timedelta(seconds=50), 5
        )
        assert len(claimed) == 1
        async with Post(url, dead.clock, claimant="alive") as alive:
            await alive.deliver(after=45)
            assert receiver.log.all == []
            await alive.deliver(after=6)
            assert receiver.subjects() == ["r-1"]


async def test_what_is_on_its_way_for_long_is_not_taken_over(url: str, receiver: Receiver) -> None:
    receiver.script.add(Fault.hang(), times=1)
    async with Post(url, claimant="slow", timeout_seconds=60) as slow, Post(url, slow.clock, claimant="other") as other:
        await slow.subscribe(receiver.url)
        await slow.tell(new_event("r-1"))
        running = asyncio.create_task(slow.courier.run())
        await receiver.log.seen(count=1)
        for _ in range(10):
            await slow.clock.sleeping(3)  # the look for what is due, the routing, the renewal of leases
            await other.deliver(after=3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(receiver.log.all) == 1


async def test_a_stop_gives_back_what_is_on_its_way(url: str, receiver: Receiver) -> None:
    receiver.script.add(Fault.hang(), times=1)
    async with Post(url) as post:
        subscription, _ = await post.subscribe(receiver.url)
        await post.tell(new_event("r-1"))
        running = asyncio.create_task(post.courier.run())
        await receiver.log.seen(count=1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        (delivery,) = await post.deliveries(subscription)
        assert (delivery.state, delivery.last_outcome) == (DeliveryState.PENDING, "interrupted")
    async with Post(url) as again:
        await again.deliver()
    assert receiver.subjects() == ["r-1", "r-1"]


async def test_a_deleted_subscription_gets_nothing(post: Post, receiver: Receiver) -> None:
    subscription, _ = await post.subscribe(receiver.url)
    await post.tell(new_event("r-1"))
    await post.subscribers.test(subscription.subscription_id)
    await post.subscribers.delete(subscription.subscription_id)
    await post.deliver()
    assert len(receiver.log.all) == 1
    with pytest.raises(SubscriptionNotFound):
        await post.fresh(subscription)


async def test_what_happens_to_subscriptions_is_told_without_end(post: Post, receiver: Receiver) -> None:
    """A subscription hears of the others' failures, not of its own; a failure to tell of failures is no event."""
    with Receiver() as broken:
        broken.script.add(Fault.status(500), times=None)
        await post.subscribe(broken.url)
        await post.subscribe(receiver.url, types=["delivery.*"])
        await post.tell(new_event("r-1"))
        for _ in range(5):
            await post.deliver(after=400)
            await post.tell()
    assert await told(post) == [("delivery.failed", "PENDING")]
    assert [event.get_type() for event in receiver.events()] == ["org.kfadapter.delivery.failed"]


async def test_old_events_and_deliveries_are_forgotten_together_with_their_tries(
    post: Post, receiver: Receiver
) -> None:
    subscription, _ = await post.subscribe(receiver.url)
    await post.tell(new_event("old", at=post.clock.now()))
    await post.deliver()
    post.clock.advance(31 * DAY)
    await post.tell(new_event("new", at=post.clock.now()))
    retention = EventRetention(post.database, post.clock, kept_for=timedelta(days=30), kept_count=1000)
    assert await retention.forget() == (1, 1)
    assert [one.subject for one in await post.deliveries(subscription)] == ["new"]
    assert [one.subject for one in await post.database.write(everything)] == ["new"]


PRIVATE = [
    "http://127.0.0.1/",
    "http://127.8.8.8:80/x",
    "http://localhost/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://100.100.100.200/",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[64:ff9b::a9fe:a9fe]/",
]


@pytest.mark.parametrize("target", PRIVATE)
async def test_no_subscription_leads_into_this_network(database: Any, url: str, target: str) -> None:
    async with Post(url, networks=()) as post:
        with pytest.raises(AddressRefused):
            await post.subscribe(target)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "017700000001", "private.example"])
async def test_a_name_that_leads_into_this_network_is_not_called(url: str, receiver: Receiver, host: str) -> None:
    port = receiver.server.port

    def look_up(name: str, port: int) -> list[tuple[int, str]]:
        return [(socket.AF_INET, "127.0.0.1")]

    async with Post(url, networks=(), look_up=look_up) as post:
        subscription, _ = await post.subscribe(f"http://{host}:{port}/")
        tested = await post.subscribers.test(subscription.subscription_id)
    assert tested.answer.outcome in {"unreachable", "refused"}
    assert tested.answer.status is None
    assert "127.0.0.1 is not a public address" in tested.answer.text or "canonical" in tested.answer.text
    assert receiver.log.all == []


async def test_a_name_is_checked_at_every_connection(url: str, receiver: Receiver) -> None:
    """It leads to an allowed address first, and then to one that is not: nothing is remembered in between."""
    addresses = ["127.0.0.1", "127.0.0.1", "127.0.0.2"]

    def look_up(name: str, port: int) -> list[tuple[int, str]]:
        return [(socket.AF_INET, addresses.pop(0))]

    async with Post(url, networks=["127.0.0.1/32"], look_up=look_up) as post:
        subscription, _ = await post.subscribe(f"http://changes.example:{receiver.server.port}/")
        for expected in (200, 200, None):
            tested = await post.subscribers.test(subscription.subscription_id)
            assert tested.answer.status == expected
        assert "127.0.0.2 is not a public address" in tested.answer.text
    assert len(receiver.log.all) == 2


async def test_only_hosts_that_are_allowed_may_be_subscribed(url: str) -> None:
    async with Post(url, hosts=["*.example.com", "hooks.example.org"]) as post:
        for good in ("https://a.example.com/", "https://HOOKS.example.org/x"):
            await post.subscribe(good)
        for bad in ("https://example.com/", "https://a.example.com.evil.org/", "https://127.0.0.1/"):
            with pytest.raises(AddressRefused, match="KFADAPTER_WEBHOOK_HOSTS"):
                await post.subscribe(bad)


async def test_a_redirect_into_this_network_is_not_followed(post: Post, receiver: Receiver) -> None:
    with Receiver() as inner:
        subscription, _ = await post.subscribe(receiver.url)
        receiver.script.add(Fault.redirect(inner.url, 307))
        tested = await post.subscribers.test(subscription.subscription_id)
        assert "a redirect to" in tested.answer.text
        assert inner.log.all == []


@pytest.mark.parametrize(
    "target",
    [
        "",
        "x",
        "ftp://example.com/",
        "https://",
        "https:///x",
        "https://user:password@example.com/",
        "https://example.com/#x",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://example.com/\r\nx: y",
        "https://[::1/",
        "https://example.com/" + "x" * 2000,
    ],
)
async def test_what_is_no_address_is_refused(post: Post, target: str) -> None:
    with pytest.raises(SubscriptionRefused):
        await post.subscribe(target)


@pytest.mark.parametrize("secret", ["", "x", "whsec_", "whsec_AAAA", "whsec_" + "A" * 100, "whsec_ü" + "A" * 32])
async def test_a_weak_secret_is_refused_and_not_repeated(post: Post, receiver: Receiver, secret: str) -> None:
    with pytest.raises(SubscriptionRefused) as refused:
        await post.subscribe(receiver.url, secret)
    assert not secret or secret.removeprefix("whsec_") not in str(refused.value) or len(secret) < 8


async def test_a_secret_of_ones_own_signs(post: Post, receiver: Receiver) -> None:
    own = "whsec_" + "QUJD" * 11
    subscription, secret = await post.subscribe(receiver.url, own)
    await post.subscribers.test(subscription.subscription_id)
    assert secret == own
    assert verified(receiver.log.all[0], own)


async def test_a_changed_subscription_sends_what_waits_to_its_new_place(post: Post, receiver: Receiver) -> None:
    subscription, _ = await post.subscribe("http://127.0.0.1:1/")
    await post.tell(new_event("r-1"))
    await post.deliver()
    values = {"url": receiver.url, "filter": EventFilter(types=("task.*",))}
    changed = await post.subscribers.change(subscription.subscription_id, values, revision=1)
    assert (changed.revision, changed.filter.types) == (2, ("task.*",))
    await post.tell(new_event("r-2"))
    await post.deliver(after=60)
    assert receiver.subjects() == ["r-1"]
