"""The engine answers the recorded conversations with a real Kubeflow Pipelines API server as that server did."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer
from kfadapter.settings import installer_environment

REPLAY = Path(__file__).parents[1] / "data" / "kfp-conformance" / "replay.py"
EXCHANGES = 787
# A scenario waits up to two minutes for a run's end; a test plays them all, twice.
pytestmark = pytest.mark.timeout(600)

WORDING_OF_THE_DATABASE = {("experiments-list", "page token of experiments used for runs")}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EngineServer]:
    server = EngineServer(EngineSettings(data_dir=tmp_path, installer_environment=installer_environment()))
    await server.start()
    yield server
    await server.stop(end_runs=True)


async def replay(base_url: str, report: Path, *options: str) -> list[dict[str, Any]]:
    """Play every scenario; what came of each step."""
    command = [str(REPLAY), "--base-url", base_url, "--report", str(report), *options]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert report.exists(), printed.decode()
    outcomes: list[dict[str, Any]] = json.loads(report.read_text())
    return outcomes


async def test_every_recorded_exchange_is_answered_alike_twice_in_a_row(engine: EngineServer, tmp_path: Path) -> None:
    """The second time the wording of errors counts too, but for one that quotes a table of KFP's database."""
    for turn, options, tolerated in (("first", (), set()), ("second", ("--strict-messages",), WORDING_OF_THE_DATABASE)):
        outcomes = await replay(engine.base_url, tmp_path / f"{turn}.json", *options)
        failed = {(o["scenario"], o["step"]): o["problems"] for o in outcomes if not o["passed"]}
        assert (set(failed), len(outcomes)) == (tolerated, EXCHANGES), (turn, failed)


async def test_the_api_is_also_there_under_the_prefix_of_the_ui(engine: EngineServer, tmp_path: Path) -> None:
    only = [option for name in ("health", "specs", "experiments") for option in ("--only", name)]
    outcomes = await replay(f"{engine.base_url}/pipeline", tmp_path / "prefixed.json", *only)
    assert outcomes
    assert [(o["scenario"], o["step"], o["problems"]) for o in outcomes if not o["passed"]] == []
