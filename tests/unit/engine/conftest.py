"""An engine on a real socket whose runs do what the test says."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from support.engine_api import EngineApi
from support.scripted_supervisor import ScriptedSupervisor
from support.told_run import tell_a_run


@pytest.fixture
def supervisor() -> ScriptedSupervisor:
    return ScriptedSupervisor()


@pytest.fixture
async def engine(tmp_path: Path, supervisor: ScriptedSupervisor) -> AsyncIterator[EngineServer]:
    server = EngineServer(EngineSettings(data_dir=tmp_path), supervisor=supervisor)
    supervisor.sink = server.events
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def api(engine: EngineServer) -> AsyncIterator[EngineApi]:
    async with httpx.AsyncClient(base_url=engine.base_url, timeout=30) as client:
        yield EngineApi(client)


@pytest.fixture
async def run_id(api: EngineApi, supervisor: ScriptedSupervisor, tmp_path: Path) -> str:
    """A run with a task in a loop that failed once and made a model, and one that failed for good."""
    return await tell_a_run(api, supervisor, tmp_path)
