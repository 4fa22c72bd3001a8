"""Every method of the client that is generated for KFP's API finds a route, and a type for its answer."""

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.server import EngineServer

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PACKAGE = Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines" / "hello.yaml"
NOT_SERVED = {"dummy_filter_service_get_filter": "exists to bring a type into the client; KFP does not serve it either"}
NO_ROUTE = re.compile(r'"message":"(Not Found|Method Not Allowed)')


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EngineServer]:
    server = EngineServer(EngineSettings(data_dir=tmp_path))
    await server.start()
    yield server
    await server.stop(end_runs=True)


def methods(generated: Any, base_url: str) -> Iterator[tuple[str, Any]]:
    client = generated.ApiClient(generated.Configuration(host=base_url))
    for _, service in inspect.getmembers(
        generated, lambda each: inspect.isclass(each) and each.__name__.endswith("Api")
    ):
        for name, method in inspect.getmembers(service(client), inspect.ismethod):
            if not name.startswith("_") and not name.endswith("_with_http_info"):
                yield name, method


def argument(name: str) -> Any:
    if name == "uploadfile":
        return str(PACKAGE)
    return "x" if name in ("name", "namespace") or name.endswith("_id") else {}


def ask(generated: Any, base_url: str) -> dict[str, str]:
    """What each method says: its answer's type, or the error."""
    said = {}
    for name, method in methods(generated, base_url):
        needed = [each for each in inspect.signature(method).parameters if each != "kwargs"]
        try:
            said[name] = type(method(*map(argument, needed))).__name__
        except generated.ApiException as exc:
            said[name] = f"{exc.status} {exc.body}"
    return said


async def test_every_method_is_answered(engine: EngineServer) -> None:
    generated = pytest.importorskip("kfp_server_api")
    said = await asyncio.to_thread(ask, generated, engine.base_url)
    assert len(said) > 30
    assert {name for name, answer in said.items() if NO_ROUTE.search(answer)} == set(NOT_SERVED)
    assert said["pipeline_service_list_pipelines"] == "V2beta1ListPipelinesResponse"
    assert said["upload_pipeline"] == "V2beta1Pipeline"
    assert said["report_service_report_workflow"].startswith("501 ")
