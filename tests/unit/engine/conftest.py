"""An engine on a real socket whose runs do what the test says."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from support.engine_api import EngineApi
from support.scripted_supervisor import ScriptedSupervisor


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
