"""The receiver that docs/events.md shows works as it is printed there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kfadapter.events.types import PREFIX, EventType
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.events import add, new_event
from support.processes import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
SECRET = "whsec_" + "QUJD" * 11


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    program = tmp_path / "receiver.py"
    program.write_text(found[1])
    port = free_port()
    environment = {**os.environ, "SECRET": SECRET, "PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield f"http://127.0.0.1:{port}/", process
        process.kill()


@pytest.mark.process
def test_the_printed_receiver_takes_events_and_refuses_forgeries(
    tmp_path: Path, receiver: tuple[str, "subprocess.Popen[str]"]
) -> None:
    url, process = receiver
    network = {"webhook_private_networks": ("127.0.0.0/8",)}
    with FakeKubeflow() as fake, RunningAdapter(tmp_path / "data", kubeflow_url=fake.url, **network) as adapter:
        fields = {"url": url, "secret": SECRET, "filter": {"types": ["run.finished"]}}
        assert adapter.http.post("/v1/subscriptions", json=fields).status_code == 201
        event = new_event("r-1", EventType.RUN_FINISHED, state="SUCCEEDED")
        adapter.call(add(adapter.service.database, event))
        assert process.stdout is not None
        assert process.stdout.readline() == "org.kfadapter.run.finished r-1 SUCCEEDED\n"
        assert httpx.post(url, content=b"{}", headers={"webhook-id": "x"}).status_code == 401


@pytest.mark.parametrize("type_", EventType)
def test_every_type_is_documented(type_: EventType) -> None:
    assert f"`{type_.removeprefix(PREFIX)}`" in PAGE
