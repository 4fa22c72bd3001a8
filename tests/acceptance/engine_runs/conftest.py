"""Real runs: a real supervisor, real processes, pipelines compiled by the kfp SDK, and a sink in memory."""

import asyncio
import contextlib
import os
import threading
import uuid
import warnings
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfadapter.clock import SystemClock
from kfadapter.engine.config import EngineSettings
from kfadapter.engine.running.events import Event
from kfadapter.engine.running.run_order import RunOrder
from kfadapter.engine.running.supervisor import Supervisor

INSTALLER_NAMES = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PATIENCE_SECONDS = 60.0
CONFORMANCE = Path(__file__).parents[2] / "data" / "kfp-conformance" / "pipelines"


@dataclass
class Rows:
    """What a store would hold: a sink that keeps events, passes over what it has seen, and can be made to fail."""

    events: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    offsets: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    failures_left: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def apply(self, run_id: str, events: Sequence[Event], offset: int) -> None:
        with self.changed:
            if self.failures_left:
                self.failures_left -= 1
                raise RuntimeError("the store is out of order, as asked")
            held = self.events[run_id]
            last = held[-1].seq if held else 0
            held.extend(event for event in events if event.seq > last)
            self.offsets[run_id] = offset
            self.changed.notify_all()

    def offset(self, run_id: str) -> int:
        return self.offsets[run_id]

    async def wait(self, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Return as soon as the condition holds."""
        await asyncio.to_thread(self._wait, condition, seconds)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "waited in vain"

    def ends(self, run_id: str) -> list[Event]:
        return [event for event in self.events[run_id] if event.type == "run.finished"]

    async def end(self, run_id: str, number: int = 1) -> Mapping[str, Any]:
        """The data of the run's (last) `run.finished`."""
        await self.wait(lambda: len(self.ends(run_id)) >= number)
        return self.ends(run_id)[-1].data

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Every task by its path without `root.`, with all that was said of it."""
        found: dict[str, dict[str, Any]] = {}
        for event in self.events[run_id]:
            if event.type.startswith("task."):
                row = found.setdefault(event.data["task_id"], {"history": []})
                row["history"].append(event.data.get("state", "PENDING"))
                row.update(event.data)
        return {row["path"].removeprefix("root."): row for row in found.values() if "path" in row}

    def states(self, run_id: str) -> dict[str, str]:
        return {path: row.get("state", "PENDING") for path, row in self.tasks(run_id).items() if path != "root"}

    async def running(self, run_id: str, path: str) -> None:
        """Return once a task has a process."""
        await self.wait(lambda: self.states(run_id).get(path) == "RUNNING")


@dataclass
class Engine:
    """A supervisor with its sink, and shortcuts."""

    supervisor: Supervisor
    rows: Rows
    settings: EngineSettings

    async def submit(self, spec: Mapping[str, Any], **more: Any) -> str:
        order = new_order(spec, **more)
        await self.supervisor.submit(order)
        return order.run_id

    async def run(self, spec: Mapping[str, Any], **more: Any) -> tuple[str, Mapping[str, Any]]:
        """Run to the end: the run's id and its end."""
        run_id = await self.submit(spec, **more)
        return run_id, await self.rows.end(run_id)

    async def outputs(self, spec: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """The output parameters of a run that must succeed."""
        _, end = await self.run(spec, **more)
        assert end["state"] == "SUCCEEDED", end["error"]
        return dict(end["outputs"]["parameters"])

    def directory(self, run_id: str) -> Path:
        return self.settings.data_dir / "runs" / run_id

    def log(self, run_id: str, path: str) -> str:
        row = self.rows.tasks(run_id)[path]
        return Path(self.directory(run_id) / row["log"]["path"]).read_text()


def new_order(spec: Mapping[str, Any], parameters: Mapping[str, Any] | None = None, **more: Any) -> RunOrder:
    given = {
        "run_id": str(uuid.uuid4()),
        "display_name": "a run",
        "pipeline_name": spec["pipelineInfo"]["name"],
        "pipeline_spec": spec,
        "platform_spec": None,
        "parameters": parameters or {},
        "pipeline_root": "",
        "created_at": datetime.now(UTC),
    }
    return RunOrder(**(given | more))


@pytest.fixture
def make_order() -> Callable[..., RunOrder]:
    """Makes the order of a run: `make_order(spec, parameters)`."""
    return new_order


@pytest.fixture(scope="session")
def kfp() -> Iterator[Any]:
    """The kfp SDK; its own warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kfp
        import kfp.compiler

        yield kfp


@pytest.fixture
def compiled(kfp: Any, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Compiles a pipeline function to its IR document."""

    def compile_it(pipeline: Callable[..., Any], **more: Any) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrapped = kfp.dsl.pipeline(name="tested", **more)(pipeline)
            kfp.compiler.Compiler().compile(wrapped, str(tmp_path / "pipeline.yaml"))
        return next(yaml.load_all((tmp_path / "pipeline.yaml").read_text(), Loader=yaml.CSafeLoader))

    return compile_it


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory of task environments for all tests, so that each is built once."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def settings(tmp_path: Path, environments: Path) -> EngineSettings:
    data_dir = tmp_path / "engine"
    data_dir.mkdir()
    (data_dir / "environments").symlink_to(environments)
    installer = {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "UV_"))}
    installer |= {name: os.environ[name] for name in INSTALLER_NAMES if name in os.environ}
    return EngineSettings(data_dir=data_dir, task_slots=2, grace_seconds=1, installer_environment=installer)


@pytest.fixture
async def start(settings: EngineSettings) -> AsyncIterator[Callable[..., Any]]:
    """Starts engines; all that is still under way at the end of the test is ended."""
    async with contextlib.AsyncExitStack() as stack:

        async def start_one(rows: Rows | None = None, **changes: Any) -> Engine:
            changed = EngineSettings(**{**settings.__dict__, **changes})
            sink = rows or Rows()
            engine = Engine(Supervisor(changed, sink, SystemClock()), sink, changed)
            await engine.supervisor.start()
            stack.push_async_callback(engine.supervisor.stop, end_runs=True)
            return engine

        yield start_one


@pytest.fixture
async def engine(start: Callable[..., Any]) -> Any:
    return await start()


@pytest.fixture
def conformance() -> Callable[[str], dict[str, Any]]:
    """The first document of a recorded pipeline."""
    return lambda name: next(yaml.load_all((CONFORMANCE / f"{name}.yaml").read_text(), Loader=yaml.CSafeLoader))
