"""Killed services, a Kubeflow and a Training Manager that misbehave: no job is lost, on either database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.chaos import Chaos, Plan
from support.ledgers import new_database, postgresql_server


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql_server(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.mark.process
@pytest.mark.timeout(150)
def test_no_job_is_lost_by_one_service_that_is_killed(tmp_path: Path) -> None:
    verdict = Chaos(Plan(jobs=30, kills=3, seed=11), tmp_path).run()
    assert verdict.is_good, verdict


@pytest.mark.process
@pytest.mark.timeout(150)
def test_no_job_is_lost_by_two_replicas_of_which_one_is_killed(tmp_path: Path, postgresql: str) -> None:
    plan = Plan(jobs=30, kills=3, seed=12, replicas=2, database_url=new_database(postgresql))
    verdict = Chaos(plan, tmp_path).run()
    assert verdict.is_good, verdict
