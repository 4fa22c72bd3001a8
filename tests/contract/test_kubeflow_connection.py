"""The client when the network or the server misbehaves, over real sockets."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from kfadapter.errors import (
    KubeflowError,
    KubeflowForbidden,
    KubeflowInterrupted,
    KubeflowInvalid,
    KubeflowMalformed,
    KubeflowNotFound,
    KubeflowTimeout,
    KubeflowUnavailable,
)
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.runs import NewRun
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow

RUNS = r"/runs$"
JSON = "application/json"

PASSING = {
    "reset": Fault.reset(),
    "closed": Fault.close(),
    "cut": Fault.cut(),
    "429": Fault.status(429),
    "502": Fault.status(502),
    "503": Fault.status(503, '{"code":14,"message":"later"}'),
    "504": Fault.status(504),
    "503 page": Fault.html(503),
}
LASTING = {
    "reset": (Fault.reset(), KubeflowInterrupted),
    "closed": (Fault.close(), KubeflowInterrupted),
    "cut": (Fault.cut(), KubeflowInterrupted),
    "503": (Fault.status(503), KubeflowUnavailable),
    "hang": (Fault.hang(), KubeflowTimeout),
    "trickle": (Fault.trickle(), KubeflowTimeout),
    "login page": (Fault.html(), KubeflowMalformed),
    "redirect": (Fault.redirect("https://login.example.com/"), KubeflowMalformed),
    "not JSON": (Fault.answer(200, "OK", content_type="text/plain"), KubeflowMalformed),
    "half a JSON": (Fault.answer(200, '{"runs": [', content_type=JSON), KubeflowMalformed),
    "a JSON list": (Fault.answer(200, "[]", content_type=JSON), KubeflowMalformed),
    "nothing": (Fault.answer(200, "", content_type=JSON), KubeflowMalformed),
    "runs that are none": (Fault.answer(200, '{"runs": [{}]}', content_type=JSON), KubeflowMalformed),
    "401": (Fault.status(401, "who are you"), KubeflowForbidden),
    "403": (Fault.status(403, "no"), KubeflowForbidden),
    "500": (Fault.status(500, "oops"), KubeflowError),
    "another server": (Fault.status(404, "nginx"), KubeflowMalformed),
}


def new_run(fake: FakeKubeflow, run_id: str = "11111111-2222-4333-8444-555555555555") -> NewRun:
    pipeline_id = fake.add_pipeline("qoe")
    return NewRun(run_id=run_id, display_name="job", pipeline_id=pipeline_id, parameters={})


def quick(fake: FakeKubeflow, timeout_seconds: float = 0.5) -> Kubeflow:
    return Kubeflow(fake.base_url, timeout_seconds=timeout_seconds)


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_read_survives_two_stumbles(kubeflow: Kubeflow, fake: FakeKubeflow, fault: Fault) -> None:
    run_id = fake.add_runs(1)[0]
    fake.fail(fault, path="/runs/", times=2)
    assert (await kubeflow.runs.get(run_id)).run_id == run_id
    assert fake.count("GET", "/runs/") == 3


@pytest.mark.parametrize(("fault", "kind"), LASTING.values(), ids=LASTING.keys())
async def test_a_read_that_keeps_failing_says_what_is_wrong(
    fake: FakeKubeflow, fault: Fault, kind: type[KubeflowError]
) -> None:
    fake.fail(fault, path=RUNS, times=None)
    async with quick(fake) as kubeflow:
        with pytest.raises(KubeflowError) as caught:
            await kubeflow.runs.list()
    assert type(caught.value) is kind
    assert caught.value.reason
    assert "<" not in caught.value.reason
    assert fake.count("GET", RUNS) <= 3


@pytest.mark.parametrize(("fault", "kind"), LASTING.values(), ids=LASTING.keys())
async def test_a_create_is_sent_once_whatever_happens(
    fake: FakeKubeflow, fault: Fault, kind: type[KubeflowError]
) -> None:
    new = new_run(fake)
    fake.fail(fault, method="POST", path=RUNS, times=None, after=True)
    async with quick(fake) as kubeflow:
        with pytest.raises(KubeflowError) as caught:
            await kubeflow.runs.create(new)
        fake.faults.clear()
        assert fake.count("POST", RUNS) == 1
        assert fake.workflows_started(new.run_id) == 1
        assert (await kubeflow.runs.get(new.run_id)).display_name == "job"
    assert type(caught.value) is kind
    assert not getattr(caught.value, "never_arrived", False)


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.close(), Fault.status(503), Fault.cut()])
async def test_a_deletion_is_sent_once(kubeflow: Kubeflow, fake: FakeKubeflow, fault: Fault) -> None:
    run_id = fake.add_runs(1)[0]
    fake.fail(fault, method="DELETE", times=None, after=True)
    with pytest.raises(KubeflowError):
        await kubeflow.runs.delete(run_id)
    assert fake.count("DELETE") == 1


async def test_a_refused_connection_surely_did_not_arrive(fake: FakeKubeflow) -> None:
    new = new_run(fake)
    fake.outage()
    async with quick(fake) as kubeflow:
        with pytest.raises(KubeflowUnavailable) as caught:
            await kubeflow.runs.create(new)
        assert caught.value.never_arrived
        assert "connection refused" in caught.value.reason
        fake.restore()
        assert (await kubeflow.runs.create(new)).state == "PENDING"
    assert fake.workflows_started(new.run_id) == 1


async def test_an_unknown_host_surely_did_not_arrive() -> None:
    async with Kubeflow("http://kubeflow.invalid:80/pipeline", timeout_seconds=2) as kubeflow:
        with pytest.raises(KubeflowUnavailable) as caught:
            await kubeflow.runs.terminate("x")
    assert caught.value.never_arrived


async def test_a_create_waits_out_a_short_refusal(fake: FakeKubeflow) -> None:
    new = new_run(fake)
    fake.outage()
    async with quick(fake, 5) as kubeflow:
        creation = asyncio.create_task(kubeflow.runs.create(new))
        await asyncio.sleep(0)
        await asyncio.to_thread(fake.restore)
        assert (await creation).run_id == new.run_id
    assert fake.count("POST", RUNS) == 1


@pytest.mark.parametrize("what", ["read", "list of pages", "write", "deletion of many versions"])
async def test_a_hanging_server_costs_no_more_than_the_limit(fake: FakeKubeflow, what: str) -> None:
    new = new_run(fake)
    async with quick(fake, 0.3) as kubeflow:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "read": lambda: kubeflow.runs.get("x"),
            "list of pages": kubeflow.runs.list_all,
            "write": lambda: kubeflow.runs.create(new),
            "deletion of many versions": lambda: kubeflow.pipelines.delete(new.pipeline_id),
        }
        fake.fail(Fault.hang(), times=None)
        begun = time.monotonic()
        with pytest.raises(KubeflowTimeout):
            await calls[what]()
        assert time.monotonic() - begun < 1.5


async def test_a_slow_list_of_many_pages_ends_at_the_limit(fake: FakeKubeflow) -> None:
    fake.add_runs(1000)
    fake.fail(Fault.delay(0.2), path=RUNS, times=None)
    async with quick(fake, 0.5) as kubeflow:
        begun = time.monotonic()
        with pytest.raises(KubeflowTimeout):
            await kubeflow.runs.list_all()
        assert time.monotonic() - begun < 1.5


async def test_retries_stay_within_the_limit(fake: FakeKubeflow) -> None:
    fake.fail(Fault.status(503), path=RUNS)
    fake.fail(Fault.hang(), path=RUNS, times=None)
    async with quick(fake, 0.4) as kubeflow:
        begun = time.monotonic()
        with pytest.raises(KubeflowTimeout):
            await kubeflow.runs.list()
        assert time.monotonic() - begun < 1.5
    assert fake.count("GET", RUNS) == 2


async def test_retry_after_is_honoured(fake: FakeKubeflow) -> None:
    fake.fail(Fault.status(429, headers={"Retry-After": "1"}), path=RUNS)
    async with quick(fake, 5) as kubeflow:
        begun = time.monotonic()
        await kubeflow.runs.list()
        assert time.monotonic() - begun >= 1.0


async def test_retry_after_beyond_the_limit_is_not_waited_for(fake: FakeKubeflow) -> None:
    fake.fail(Fault.status(503, headers={"Retry-After": "3600"}), path=RUNS, times=None)
    async with quick(fake, 5) as kubeflow:
        begun = time.monotonic()
        with pytest.raises(KubeflowUnavailable):
            await kubeflow.runs.list()
        assert time.monotonic() - begun < 2
    assert fake.count("GET", RUNS) == 1


async def test_an_endless_answer_is_not_read_to_its_end(fake: FakeKubeflow) -> None:
    fake.fail(Fault.flood(), path=RUNS)
    connection = Connection(fake.base_url, timeout_seconds=20, answer_limit_bytes=1024 * 1024)
    await connection.open()
    try:
        with pytest.raises(KubeflowMalformed, match="larger than 1 MiB"):
            await connection.get("/runs")
    finally:
        await connection.close()


async def test_a_connection_closed_while_idle_harms_nothing(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    new = new_run(fake)
    await kubeflow.runs.list()
    await asyncio.to_thread(fake.drop_connections)
    assert (await kubeflow.runs.create(new)).run_id == new.run_id
    await asyncio.to_thread(fake.drop_connections)
    assert len((await kubeflow.runs.list()).items) == 1


async def test_reads_share_kept_alive_connections(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    for _ in range(10):
        await kubeflow.runs.list()
    assert fake.open_connections == 1


async def test_one_hanging_call_does_not_hold_up_others(fake: FakeKubeflow) -> None:
    fake.add_pipeline("qoe")
    fake.fail(Fault.hang(), path=RUNS, times=None)
    async with quick(fake, 3) as kubeflow:
        hanging = [asyncio.create_task(kubeflow.runs.list()) for _ in range(50)]
        await fake.log.seen("GET", RUNS, count=50)
        begun = time.monotonic()
        assert (await kubeflow.pipelines.find("qoe")).name == "qoe"
        assert time.monotonic() - begun < 2
        for call in hanging:
            call.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_a_call_that_is_cancelled_leaves_the_client_usable(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    fake.fail(Fault.hang(), path=RUNS)
    call = asyncio.create_task(kubeflow.runs.list())
    await fake.log.seen("GET", RUNS)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await kubeflow.runs.list()).items == ()


async def test_a_wrong_prefix_is_not_an_unknown_run(fake: FakeKubeflow) -> None:
    async with Kubeflow(fake.base_url + "/elsewhere") as kubeflow:
        with pytest.raises(KubeflowMalformed):
            await kubeflow.runs.get("11111111-2222-4333-8444-555555555555")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("prefix", ["", "/pipeline", "/a/b"])
async def test_any_prefix_works(prefix: str, slash: str) -> None:
    with FakeKubeflow(prefix=prefix) as fake:
        async with Kubeflow(fake.base_url + slash) as kubeflow:
            await kubeflow.ping()
            assert (await kubeflow.server()).version == "2.17.0"
            with pytest.raises(KubeflowNotFound):
                await kubeflow.runs.get("11111111-2222-4333-8444-555555555555")


async def test_use_before_open_is_an_error_of_the_program(fake: FakeKubeflow) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await Kubeflow(fake.base_url).ping()


async def test_opening_needs_no_server(fake: FakeKubeflow) -> None:
    fake.outage()
    async with quick(fake) as kubeflow:
        with pytest.raises(KubeflowUnavailable):
            await kubeflow.ping()
        fake.restore()
        await kubeflow.ping()


async def test_the_server_is_asked_once_and_again_after_a_failure(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    fake.fail(Fault.status(500), path="healthz")
    with pytest.raises(KubeflowError):
        await kubeflow.server()
    known = await asyncio.gather(*(kubeflow.server() for _ in range(5)))
    assert {info.version for info in known} == {fake.wire.tag_name}
    assert fake.count("GET", "healthz") == 2


async def test_numbers_of_any_size_are_sent_and_odd_ones_refused(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    spec = {
        "pipelineInfo": {"name": "typed"},
        "root": {"inputDefinitions": {"parameters": {"whole": {"parameterType": "NUMBER_INTEGER"}}}},
    }
    pipeline_id = fake.add_pipeline("typed", spec=spec)
    run_id = "11111111-2222-4333-8444-555555555555"
    new = NewRun(run_id=run_id, display_name="x", pipeline_id=pipeline_id, parameters={"whole": 10**30})
    await kubeflow.runs.create(new)
    assert fake.requests[-1].json()["runtime_config"]["parameters"]["whole"] == pytest.approx(1e30)
    with pytest.raises(KubeflowInvalid):
        await kubeflow.runs.create(
            NewRun(run_id=run_id, display_name="x", pipeline_id=pipeline_id, parameters={"whole": float("nan")})
        )
