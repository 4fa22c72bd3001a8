"""The shipped fake is honest: it answers what a real server answered, and its faults are real ones."""

import http.client
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kfadapter.testing.clock import ManualClock
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.kubeflow.world import FakeRun

CONFORMANCE = Path(__file__).parents[1] / "data" / "kfp-conformance"
SCENARIOS = ("health", "pipelines-delete", "pipelines-filter", "two-documents", "runs-create-errors", "runs-terminate")


def get(fake: FakeKubeflow, path: str = "/apis/v2beta1/healthz") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", fake.port, timeout=10)
    try:
        connection.request("GET", fake.prefix + path)
        return connection.getresponse().read()
    finally:
        connection.close()


def outcome(fake: FakeKubeflow, run: FakeRun) -> str | None:
    spec = run.pipeline_spec or fake.world.versions[run.pipeline_version_id].pipeline_spec
    name = spec.get("pipeline_spec", spec)["pipelineInfo"]["name"]
    return {"hold": None, "failing": "FAILED"}.get(name, "SUCCEEDED")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_recorded_conversations_hold(scenario: str) -> None:
    with FakeKubeflow() as fake:
        fake.auto_finish(1.0, lambda run: outcome(fake, run), running_after=0.3)
        replay = [sys.executable, str(CONFORMANCE / "replay.py"), "--base-url", fake.base_url]
        played = subprocess.run(
            [*replay, "--only", scenario, "--skip-quirks"], capture_output=True, text=True, check=False, timeout=60
        )
    assert played.returncode == 0, played.stdout


def test_an_outage_keeps_the_port_and_what_was_stored(fake: FakeKubeflow) -> None:
    fake.add_pipeline("qoe")
    port = fake.port
    fake.outage()
    with pytest.raises(ConnectionRefusedError):
        get(fake)
    fake.restore()
    assert fake.port == port
    assert b"qoe" in get(fake, "/apis/v2beta1/pipelines")


def test_a_reset_is_a_reset_and_a_cut_is_a_cut(fake: FakeKubeflow) -> None:
    fake.fail(Fault.reset())
    fake.fail(Fault.close())
    fake.fail(Fault.cut())
    with pytest.raises(ConnectionResetError):
        get(fake)
    with pytest.raises(http.client.RemoteDisconnected):
        get(fake)
    with pytest.raises(http.client.IncompleteRead):
        get(fake)
    assert get(fake).startswith(b"{")


@pytest.mark.parametrize("fault", [Fault.hang(), Fault.trickle(), Fault.flood(), Fault.delay(600)])
def test_a_stop_ends_whatever_hangs(fault: Fault) -> None:
    errors: list[Exception] = []

    def ask(fake: FakeKubeflow) -> None:
        try:
            get(fake)
        except (OSError, http.client.HTTPException) as exc:
            errors.append(exc)

    with FakeKubeflow() as fake:
        fake.fail(fault)
        client = threading.Thread(target=ask, args=(fake,))
        client.start()
        fake.log.wait_for("GET")
    client.join(10)
    assert not client.is_alive()
    assert len(errors) == 1


def test_requests_are_recorded_as_they_came(fake: FakeKubeflow) -> None:
    get(fake, "/apis/v2beta1/pipelines?filter=%7B%7D&page_size=5")
    (seen,) = fake.requests
    assert (seen.method, seen.query["filter"], seen.query["page_size"]) == ("GET", ["{}"], ["5"])
    assert fake.count("GET", "/pipelines$") == 1
    assert fake.count("POST") == 0


def test_waiting_for_a_request_that_does_not_come_ends(fake: FakeKubeflow) -> None:
    with pytest.raises(TimeoutError):
        fake.log.wait_for("POST", within=0.05)


def test_runs_end_by_themselves_on_the_fakes_clock() -> None:
    clock = ManualClock()
    with FakeKubeflow(clock=clock) as fake:
        fake.auto_finish(10, running_after=3)
        (run_id,) = fake.add_runs(1, state="PENDING")
        seen = [fake.run(run_id)["state"]]
        for seconds in (3, 6, 1):
            clock.advance(seconds)
            seen.append(fake.run(run_id)["state"])
    assert seen == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]
