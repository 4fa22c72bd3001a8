"""`kfadapter events` and `kfadapter subscriptions` against a running adapter."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from kfadapter.cli.events import start_of
from kfadapter.cli.main import main
from kfadapter.events.types import EventType
from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.events import NOW, add, new_event
from support.receivers import Receiver

MakeAdapter = Callable[..., RunningAdapter]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def adapter(fake: FakeKubeflow, make_adapter: MakeAdapter, monkeypatch: pytest.MonkeyPatch) -> RunningAdapter:
    adapter = make_adapter(kubeflow_url=fake.url, webhook_private_networks=("127.0.0.0/8",))
    monkeypatch.setenv("KFADAPTER_URL", adapter.url)
    return adapter


@pytest.fixture
def run(adapter: RunningAdapter, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    # The adapter runs in this process too: what it logs is not to be mixed with what the command prints.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    yield run
    structlog.reset_defaults()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def tell(adapter: RunningAdapter, *events: Any) -> None:
    adapter.call(add(adapter.service.database, *events))


def test_events_are_shown_newest_last_one_a_line(adapter: RunningAdapter, run: Run) -> None:
    failed = new_event("r-2", EventType.RUN_FINISHED, state="FAILED", pipeline_name="qoe", data={"error": "no\nmemory"})
    tell(adapter, new_event("r-0"), new_event("r-1"), failed)
    code, out, _ = run("events", "--limit", "2")
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 2)
    assert lines[1].split() == ["2030-01-01", "12:00:00", "run.finished", "r-2", "✗", "FAILED", "qoe", "no", "memory"]


def test_events_as_json_are_cloud_events_and_can_be_chosen(adapter: RunningAdapter, run: Run) -> None:
    tell(
        adapter,
        *(new_event(f"r-{number}", at=NOW + timedelta(days=number), job_id=str(number % 2)) for number in range(6)),
    )
    _, out, _ = run("events", "--json", "--job", "1", "--type", "run.*", "--since", "2030-01-03T00:00:00Z")
    assert [json.loads(line)["subject"] for line in out.splitlines()] == ["r-3", "r-5"]
    assert run("events", "--type", "nonsense")[0] == 1
    code, _, err = run("events", "--since", "yesterday")
    assert (code, "must be a time such as" in err) == (2, True)


def test_following_shows_what_happens_until_it_is_interrupted(adapter: RunningAdapter) -> None:
    tell(adapter, new_event("before"))
    command = [sys.executable, "-m", "kfadapter", "events", "-f", "--json", "--run", "before", "--run", "during"]
    environment = {**os.environ, "KFADAPTER_URL": adapter.url}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["subject"] == "before"
        tell(adapter, new_event("other"), new_event("during"))
        assert json.loads(process.stdout.readline())["subject"] == "during"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


@pytest.mark.parametrize(("text", "ago"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400)])
def test_since_may_say_how_long_ago(text: str, ago: int) -> None:
    now = datetime.now(UTC)
    assert start_of(text, now) == now - timedelta(seconds=ago)


def test_a_subscriptions_life_on_the_command_line(adapter: RunningAdapter, run: Run, receiver: Receiver) -> None:
    _, out, _ = run("subscriptions", "create", receiver.url, "--name", "me", "--type", "run.*", "--json")
    made = json.loads(out)
    key = made["subscription_id"]
    assert made["secret"].startswith("whsec_")
    code, out, _ = run("subscriptions", "list")
    assert (code, key in out, "types: run.*" in out, made["secret"] in out) == (0, True, True, False)
    assert "me" in run("subscriptions", "show", key)[1]
    assert "you" in run("subscriptions", "change", key, "--name", "you", "--everything")[1]
    assert json.loads(run("subscriptions", "show", key, "--json")[1])["filter"] == {}
    assert "PAUSED" in run("subscriptions", "pause", key)[1]
    assert "ACTIVE" in run("subscriptions", "resume", key)[1]
    code, out, _ = run("subscriptions", "test", key)
    assert (code, "thanks" in out) == (0, True)
    receiver.script.add(Fault.status(500))
    assert run("subscriptions", "test", key)[0] == 1
    assert run("subscriptions", "rotate-secret", key)[1].startswith("whsec_")
    tell(adapter, new_event("r-1"))
    receiver.wait_for(3)
    assert "r-1" in run("subscriptions", "deliveries", key)[1]
    number = json.loads(run("subscriptions", "deliveries", key, "--json")[1])["deliveries"][0]["delivery_id"]
    assert "Tries" in run("subscriptions", "deliveries", key, "--delivery", str(number))[1]
    assert "To be sent again: 1" in run("subscriptions", "redeliver", key, "--delivery", str(number))[1]
    assert "To be sent again:" in run("subscriptions", "redeliver", key, "--since", "2030-01-01T00:00:00Z")[1]
    assert "To be sent again: 0" in run("subscriptions", "redeliver", key)[1]
    assert run("subscriptions", "delete", key)[0] == 0
    code, _, err = run("subscriptions", "show", key)
    assert (code, err.strip()) == (1, f"kfadapter: There is no subscription {key}")
