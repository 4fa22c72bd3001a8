"""`/v1/subscriptions` as its users see it: over HTTP, in front of the whole service."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from kfadapter.events.types import EventType
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.events import NOW, add, new_event
from support.receivers import Receiver, verified

MakeAdapter = Callable[..., RunningAdapter]
ROUTE = "/v1/subscriptions"


@pytest.fixture
def adapter(fake: FakeKubeflow, make_adapter: MakeAdapter) -> RunningAdapter:
    return make_adapter(kubeflow_url=fake.url, webhook_private_networks=("127.0.0.0/8",))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def tell(adapter: RunningAdapter, *events: Any) -> None:
    adapter.call(add(adapter.service.database, *events))


def create(adapter: RunningAdapter, url: str, **fields: Any) -> dict[str, Any]:
    answer = adapter.http.post(ROUTE, json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def call(adapter: RunningAdapter, method: str, path: str, **parts: Any) -> httpx.Response:
    return adapter.http.request(method, ROUTE + path, **parts)


def test_a_subscription_is_made_read_changed_and_deleted(adapter: RunningAdapter, receiver: Receiver) -> None:
    wanted = {"types": ["run.finished"], "pipelines": ["qoe"], "states": ["FAILED"]}
    answer = adapter.http.post(ROUTE, json={"url": receiver.url, "display_name": "me", "filter": wanted})
    made = answer.json()
    path = "/" + made["subscription_id"]
    assert answer.headers["location"] == ROUTE + path
    assert made["secret"].startswith("whsec_")
    assert (made["state"], made["filter"], made["display_name"]) == ("ACTIVE", wanted, "me")

    read = call(adapter, "GET", path)
    assert read.headers["etag"] == '"1"'
    assert "secret" not in read.text.replace("subscriptions", "")
    assert [one["subscription_id"] for one in call(adapter, "GET", "").json()["subscriptions"]] == [path[1:]]

    changed = call(adapter, "PATCH", path, json={"display_name": "you"}, headers={"if-match": '"1"'})
    assert (changed.json()["display_name"], changed.json()["filter"]) == ("you", wanted)
    assert changed.headers["etag"] == '"2"'
    stale = call(adapter, "PATCH", path, json={"display_name": "x"}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["type"]) == (412, "urn:kfadapter:problem:subscription-changed")
    nothing = call(adapter, "PATCH", path, json={"filter": None, "display_name": None}).json()
    assert (nothing["filter"], nothing["display_name"], nothing["url"]) == ({}, "", receiver.url)
    assert call(adapter, "PATCH", path, json={"url": None}).status_code == 422

    assert call(adapter, "DELETE", path).status_code == 204
    for method in ("GET", "DELETE"):
        gone = call(adapter, method, path)
        assert (gone.status_code, gone.json()["type"]) == (404, "urn:kfadapter:problem:subscription-not-found")


def test_an_event_is_delivered_within_moments(adapter: RunningAdapter, receiver: Receiver) -> None:
    made = create(adapter, receiver.url, filter={"types": ["run.*"], "jobs": ["7"]})
    tell(adapter, new_event("no"), new_event("yes", EventType.RUN_FINISHED, job_id="7"))
    (request,) = receiver.wait_for(1)
    assert verified(request, made["secret"])["subject"] == "yes"


def test_how_deliveries_went_can_be_read(adapter: RunningAdapter, receiver: Receiver) -> None:
    made = create(adapter, receiver.url)
    receiver.script.add(Fault.status(500, "oops"))
    tell(adapter, new_event("r-1"))
    receiver.wait_for(2)
    path = f"/{made['subscription_id']}/deliveries"
    found = call(adapter, "GET", path).json()["deliveries"]
    run = next(one for one in found if one["subject"] == "r-1")
    detail = call(adapter, "GET", f"{path}/{run['delivery_id']}").json()
    assert detail["event"]["subject"] == "r-1"
    assert detail["tries"][0]["status"] == 500
    assert detail["tries"][0]["answer"] == "oops"


def test_deliveries_come_in_pages_and_by_state(adapter: RunningAdapter, receiver: Receiver) -> None:
    made = create(adapter, receiver.url)
    tell(adapter, *(new_event(f"r-{number}") for number in range(5)))
    receiver.wait_for(5)
    path = f"/{made['subscription_id']}/deliveries"
    seen, token = [], ""
    while True:
        body = call(adapter, "GET", path, params={"page_size": 2, "page_token": token}).json()
        seen += [one["subject"] for one in body["deliveries"]]
        if not (token := body["next_page_token"]):
            break
    assert sorted(seen) == [f"r-{number}" for number in range(5)]
    assert call(adapter, "GET", path, params={"state": "DEAD"}).json()["deliveries"] == []
    bad = call(adapter, "GET", path, params={"page_token": "x"})
    assert (bad.status_code, bad.json()["type"]) == (400, "urn:kfadapter:problem:bad-page-token")


def test_a_test_says_what_the_receiver_answered(adapter: RunningAdapter, receiver: Receiver) -> None:
    made = create(adapter, receiver.url)
    receiver.script.add(Fault.status(418, "teapot"))
    tested = call(adapter, "POST", f"/{made['subscription_id']}:test").json()
    assert (tested["outcome"], tested["status"], tested["answer"]) == ("refused", 418, "teapot")


def test_pause_resume_rotate_redeliver_and_replay(adapter: RunningAdapter, receiver: Receiver) -> None:
    made = create(adapter, receiver.url)
    path = f"/{made['subscription_id']}"
    assert call(adapter, "POST", path + ":pause").json()["state"] == "PAUSED"
    tell(adapter, new_event("r-1", at=NOW))
    assert call(adapter, "POST", path + ":resume").json()["state"] == "ACTIVE"
    first = receiver.wait_for(1)[0]
    rotated = call(adapter, "POST", path + ":rotateSecret").json()["secret"]
    assert rotated != made["secret"]
    delivery = call(adapter, "GET", path + "/deliveries").json()["deliveries"][0]
    again = call(adapter, "POST", f"{path}/deliveries/{delivery['delivery_id']}:redeliver")
    assert (again.status_code, again.json()) == (202, {"deliveries": 1})
    second = receiver.wait_for(2)[1]
    assert verified(second, rotated) == verified(second, made["secret"]) == verified(first, made["secret"])
    since = (NOW - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert call(adapter, "POST", path + ":replay", json={"since": since}).json()["deliveries"] == 1
    receiver.wait_for(3)
    assert call(adapter, "POST", path + ":redeliver").json() == {"deliveries": 0}


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "/url"),
        ({"url": 7}, 422, "/url"),
        ({"url": "x"}, 422, "/url"),
        ({"url": "http://10.0.0.1/"}, 422, "/url"),
        ({"url": "http://127.0.0.1/", "nonsense": 1}, 422, "/nonsense"),
        ({"url": "http://127.0.0.1/", "filter": {"types": "run.*"}}, 422, "/filter/types"),
        ({"url": "http://127.0.0.1/", "filter": {"types": ["nonsense"]}}, 400, "/filter/types"),
        ({"url": "http://127.0.0.1/", "filter": {"nonsense": []}}, 422, "/filter/nonsense"),
        ({"url": "http://127.0.0.1/", "secret": "short"}, 422, "/secret"),
        ({"url": "http://127.0.0.1/", "display_name": "x" * 201}, 422, "/display_name"),
    ],
)
def test_what_is_wrong_with_a_subscription_is_pointed_at(
    adapter: RunningAdapter, body: dict[str, Any], status: int, pointer: str
) -> None:
    answer = adapter.http.post(ROUTE, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_refused(adapter: RunningAdapter, content: bytes) -> None:
    answer = adapter.http.post(ROUTE, content=content)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_unknown_subscriptions_and_deliveries_are_404_everywhere(adapter: RunningAdapter, receiver: Receiver) -> None:
    known = "/" + create(adapter, receiver.url)["subscription_id"]
    calls = [
        *(("POST", f"/nonsense:{verb}") for verb in ("pause", "resume", "test", "rotateSecret", "redeliver")),
        ("GET", "/nonsense"),
        ("PATCH", "/nonsense"),
        ("DELETE", "/nonsense"),
        ("GET", "/nonsense/deliveries"),
        *((method, known + "/deliveries/" + rest) for method, rest in [("GET", "9"), ("GET", "x"), ("GET", "9" * 30)]),
        ("POST", known + "/deliveries/9:redeliver"),
    ]
    for method, path in calls:
        answer = call(adapter, method, path, **({"json": {}} if method == "PATCH" else {}))
        assert answer.status_code == 404, (method, path, answer.text)
    replayed = call(adapter, "POST", "/nonsense:replay", json={"since": "2030-01-01T00:00:00Z"})
    assert replayed.status_code == 404


def test_a_secret_is_in_no_answer_and_no_log(
    adapter: RunningAdapter, receiver: Receiver, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = create(adapter, receiver.url)
    path = f"/{made['subscription_id']}"
    receiver.script.add(Fault.status(500))
    answers = [call(adapter, "POST", path + ":test").text]
    tell(adapter, new_event("r-1"))
    receiver.wait_for(2)
    answers += [call(adapter, "GET", one).text for one in ("", path, path + "/deliveries", path + "/deliveries/1")]
    answers.append(adapter.http.get("/v1/events?after=0", headers={"accept": "application/json"}).text)
    answers.append(json.dumps([caplog.text, *capsys.readouterr()]))
    assert not any(made["secret"].removeprefix("whsec_") in one for one in answers)


def test_a_new_address_is_tried_at_once(adapter: RunningAdapter, receiver: Receiver) -> None:
    made = create(adapter, "http://127.0.0.1:1/")
    tell(adapter, new_event("r-1"))
    path = f"/{made['subscription_id']}"
    while call(adapter, "GET", path).json()["failures"] < 2:
        pass
    call(adapter, "PATCH", path, json={"url": receiver.url})
    receiver.wait_for(1)


def test_numbers_of_deliveries_are_among_the_metrics(adapter: RunningAdapter, receiver: Receiver) -> None:
    create(adapter, receiver.url)
    tell(adapter, new_event("r-1"))
    receiver.wait_for(1)
    metrics = adapter.http.get("/metrics").text
    assert 'kfadapter_subscriptions{state="ACTIVE"} 1.0' in metrics
    assert "kfadapter_deliveries{state=" in metrics
