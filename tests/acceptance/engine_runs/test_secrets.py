"""No secret of the service reaches a task: not by variables, not by descriptors, not by way of other processes."""

# mypy: ignore-errors

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.engine_client import EngineClient
from support.processes import AdapterProcess

pytestmark = pytest.mark.process
SECRET = "hush-hush-8f3a"
LOOK = """
from kfp import dsl
def greet(word: str) -> str:
    import os
    found = []
    pid = os.getpid()
    while pid > 1:
        for name in ("environ", "cmdline", "fd/0", "fd/1", "fd/2"):
            try:
                with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
                    os.set_blocking(file.fileno(), False)
                    content = os.pread(file.fileno(), 1 << 20, 0)
            except OSError:
                continue
            if word.encode()[::-1] in content:
                found.append(f"{name} of {open(f'/proc/{pid}/comm').read().strip()}")
        pid = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
        if pid == int(os.environ["STOP_AT"]):
            break
    return ", ".join(found)
"""


@pytest.fixture
def engine(tmp_path: Path, environments: Path, settings: Any) -> Iterator[AdapterProcess]:
    data = tmp_path / "data"
    data.mkdir()
    (data / "environments").symlink_to(environments)
    secrets = {
        "KFADAPTER_DATABASE_URL": f"postgresql://user:{SECRET}@host/db",
        "SOME_TOKEN": SECRET,
        "UV_INDEX_OTHER_PASSWORD": SECRET,
        "PIP_EXTRA_INDEX_URL": f"http://user:{SECRET}@localhost:1/simple",
    }
    with AdapterProcess("engine", data, {**settings.installer_environment, **secrets}) as process:
        yield process


def test_a_task_finds_no_secret_in_its_runner_or_the_service(
    engine: AdapterProcess, conformance: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    spec = conformance("hello")
    (executor,) = spec["deploymentSpec"]["executors"].values()
    executor["container"]["command"][-1] = LOOK
    executor["container"]["env"] = [{"name": "STOP_AT", "value": str(os.getpid())}]
    with EngineClient(engine.url) as client:
        run_id = client.run(spec, word=SECRET[::-1])
        assert client.until(run_id)["state"] == "SUCCEEDED", client.messages(run_id)
    answers = list((tmp_path / "data" / "runs" / run_id).glob("tasks/*/attempt-0/executor_output.json"))
    assert answers[0].read_text() == '{"parameterValues": {"Output": ""}}'
    held = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in held if SECRET.encode() in path.read_bytes()] == []
