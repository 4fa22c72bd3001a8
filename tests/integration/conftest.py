"""Fakes that share a clock, and a maker of processes that share a ledger."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from kfadapter.testing.clock import ManualClock
from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager
from support.training import Bridge

MakeBridge = Callable[..., Awaitable[Bridge]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def wire() -> str:
    """What Kubeflow talks like; tests to which it matters are parametrised with both."""
    return "2.17"


@pytest.fixture
def fake(wire: str, clock: ManualClock) -> Iterator[FakeKubeflow]:
    with FakeKubeflow(wire=wire, clock=clock) as server:
        yield server


@pytest.fixture
def training_manager(clock: ManualClock) -> Iterator[FakeTrainingManager]:
    with FakeTrainingManager(clock=clock) as server:
        yield server


@pytest.fixture
async def make_bridge(
    tmp_path: Path, fake: FakeKubeflow, training_manager: FakeTrainingManager, clock: ManualClock
) -> AsyncIterator[MakeBridge]:
    """Processes on one ledger. Making one ends the one before, as a kill does: nothing is finished or given back."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> Bridge:
            await stack.aclose()
            bridge = Bridge(tmp_path / "ledger.sqlite", fake, training_manager, clock, **options)
            return await stack.enter_async_context(bridge)

        yield make


@pytest.fixture
async def bridge(make_bridge: MakeBridge) -> Bridge:
    return await make_bridge()
