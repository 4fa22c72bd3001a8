"""Housekeeping of cached results: by last use, by room, and never of one that is just used."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kfadapter.engine.config import Keeping
from kfadapter.engine.keeping.results import Results
from kfadapter.engine.running.cache import Origin, ResultCache
from kfadapter.engine.running.values import Values

NOW = datetime.now(UTC)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def kept(directory: Path, key: str, *, days: float = 0, kibibytes: int = 4) -> Path:
    """A result that was used last so many days ago."""
    attempt = directory.parent / "runs" / key / "tasks" / "task" / "attempt-0"
    (attempt / "outputs").mkdir(parents=True)
    (attempt / "outputs" / "model").write_bytes(b"x" * kibibytes * 1024)
    cache = ResultCache(directory, directory.parent / "runs")
    assert cache.keep(key, Values(parameters={"Output": 1}), attempt, Origin(run_id="r", task_id="t"))
    at = (NOW - timedelta(days=days)).timestamp()
    os.utime(directory / key / "entry.json", (at, at))
    return directory / key


def reasons(directory: Path, now: datetime = NOW, **limits: float) -> dict[str, str]:
    return {one.name: one.reason for one in Results(directory, Keeping(**limits)).surplus(now)}  # type: ignore[arg-type]


def test_results_go_when_nothing_uses_them(directory: Path) -> None:
    kept(directory, "old", days=31)
    kept(directory, "new", days=29)
    assert reasons(directory) == {"old": "not used for more than 30 days"}
    assert reasons(directory, results_days=0) == {}


def test_the_longest_unused_go_first_when_room_is_short(directory: Path) -> None:
    for number, key in enumerate(("a", "b", "c")):
        kept(directory, key, days=number, kibibytes=64)
    assert list(reasons(directory, results_bytes=150 * 1024)) == ["c"]
    assert list(reasons(directory, results_bytes=100 * 1024)) == ["c", "b"]
    assert reasons(directory, results_bytes=0) == {}


def test_using_a_result_keeps_it(directory: Path) -> None:
    place = kept(directory, "used", days=31)
    results = Results(directory, Keeping())
    (surplus,) = results.surplus(NOW)
    attempt = directory.parent / "attempt"
    assert ResultCache(directory, directory.parent / "runs").find("used", attempt) is not None
    assert not results.remove(surplus)
    assert place.exists()
    (again,) = results.surplus(NOW + timedelta(days=31))
    assert results.remove(again)
    assert not place.exists()


def test_what_an_interrupted_run_left_goes_after_an_hour(directory: Path) -> None:
    draft = directory / ".draft"
    draft.mkdir(parents=True)
    assert reasons(directory) == {}
    assert reasons(directory, NOW + timedelta(hours=2)) == {".draft": "its making was broken off"}
    assert [one.kind for one in Results(directory, Keeping()).surplus(NOW + timedelta(hours=2))] == ["cached result"]


def test_where_nothing_was_kept_nothing_goes(directory: Path) -> None:
    assert reasons(directory) == {}
