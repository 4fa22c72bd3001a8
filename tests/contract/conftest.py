"""An adapter that serves for real, in front of each Kubeflow it must work with."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kfadapter.kubeflow.client import Kubeflow
from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager
from kfadapter.training.ledger import Ledger
from support.adapter import RunningAdapter
from support.ledger_steps import POLICY
from support.ledgers import new_database, open_ledger, postgresql_server

MakeAdapter = Callable[..., RunningAdapter]


@pytest.fixture
def training_manager() -> Iterator[FakeTrainingManager]:
    with FakeTrainingManager() as server:
        yield server


@pytest.fixture(params=["2.17", "2.3.0"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeKubeflow]:
    """A scriptable Kubeflow: today's behind no prefix, AIMLFW's behind the UI's."""
    with FakeKubeflow(wire=request.param, prefix="/pipeline" if request.param == "2.3.0" else "") as server:
        yield server


@pytest.fixture
def make_adapter(tmp_path: Path, training_manager: FakeTrainingManager) -> Iterator[MakeAdapter]:
    with ExitStack() as stack:

        def make(**settings: object) -> RunningAdapter:
            settings.setdefault("training_manager_url", training_manager.url)
            return stack.enter_context(RunningAdapter(tmp_path / "data", **settings))

        yield make


@pytest.fixture
async def kubeflow(fake: FakeKubeflow) -> AsyncIterator[Kubeflow]:
    """The client, in front of the scriptable Kubeflow."""
    async with Kubeflow(fake.base_url) as client:
        yield client


@pytest.fixture
def adapter(fake: FakeKubeflow, make_adapter: MakeAdapter) -> RunningAdapter:
    """An adapter in front of the scriptable Kubeflow."""
    return make_adapter(kubeflow_url=fake.url)


@pytest.fixture(params=["2.17", "2.3.0", "engine"])
def any_adapter(request: pytest.FixtureRequest, make_adapter: MakeAdapter) -> Iterator[RunningAdapter]:
    """An adapter in front of each kind of Kubeflow, the embedded engine too."""
    if request.param == "engine":
        yield make_adapter()
        return
    with FakeKubeflow(wire=request.param, prefix="/pipeline" if request.param == "2.3.0" else "") as server:
        yield make_adapter(kubeflow_url=server.url)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql_server(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return new_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with open_ledger(url, policy=POLICY, claimant="first") as opened:
        yield opened


@pytest.fixture
def second(url: str, ledger: Ledger) -> Iterator[Ledger]:
    """Another process on the same database."""
    with open_ledger(url, policy=POLICY, claimant="second") as opened:
        yield opened
