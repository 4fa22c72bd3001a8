"""Results that are used again: kept apart from their runs, and only as long as they are what they were."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.running.cache import COPIED_BYTES, Origin, ResultCache
from kfadapter.engine.running.fingerprints import Fingerprints, Unidentified
from kfadapter.engine.running.ir import Component
from kfadapter.engine.running.values import Values

ORIGIN = Origin(run_id="run", task_id="task")
KEY = "a" * 64
COMPONENT = Component("train", {"outputDefinitions": {"parameters": {"Output": {"parameterType": "STRING"}}}})
CONTAINER = {"image": "python:3.11", "command": ["sh", "-c", "{{$.inputs.parameters['word']}}"], "args": ["{{$}}"]}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def attempt(runs: Path) -> Callable[[str], Path]:
    """Makes the directory of an attempt of a run."""

    def make(run: str) -> Path:
        path = runs / run / "tasks" / "task" / "attempt-0"
        (path / "outputs").mkdir(parents=True)
        return path

    return make


@pytest.fixture
def cache(tmp_path: Path, runs: Path) -> ResultCache:
    return ResultCache(tmp_path / "cache", runs)


def outputs(uri: Path | str) -> Values:
    model = {"name": "model", "type": {"schemaTitle": "system.Model"}, "uri": str(uri), "metadata": {"loss": 0.5}}
    return Values(parameters={"Output": [1, "two"]}, artifacts={"model": [model]})


def uri(found: Any) -> Path:
    return Path(found.outputs.artifacts["model"][0]["uri"])


def kept(cache: ResultCache, made: Path, content: bytes = b"weights") -> Path:
    """Keep a result with one file; its path in the run."""
    place = made / "outputs" / "model"
    place.write_bytes(content)
    assert cache.keep(KEY, outputs(place), made, ORIGIN)
    return place


def test_a_result_is_found_with_its_files_in_the_new_place(cache: ResultCache, attempt: Any) -> None:
    kept(cache, attempt("one"))
    second = attempt("two")
    found = cache.find(KEY, second)
    assert found is not None
    assert found.origin == ORIGIN
    assert found.outputs.parameters == {"Output": [1, "two"]}
    assert found.outputs.artifacts["model"][0] == {**outputs(second / "outputs" / "model").artifacts["model"][0]}
    assert uri(found).read_bytes() == b"weights"
    assert cache.find("b" * 64, attempt("three")) is None


def test_directories_links_and_odd_names_come_along(cache: ResultCache, attempt: Any) -> None:
    first = attempt("one")
    place = first / "outputs" / "model"
    (place / "deep" / "empty").mkdir(parents=True)
    (place / "deep" / "wéights, of\na sort").write_bytes(b"x")
    (place / "latest").symlink_to("deep")
    assert cache.keep(KEY, outputs(place), first, ORIGIN)
    found = uri(cache.find(KEY, attempt("two")))
    assert sorted(str(one.relative_to(found)) for one in found.rglob("*")) == [
        "deep",
        "deep/empty",
        "deep/wéights, of\na sort",
        "latest",
    ]
    assert (found / "latest" / "wéights, of\na sort").read_bytes() == b"x"


def test_a_result_outlives_its_run_and_a_run_its_result(cache: ResultCache, attempt: Any, tmp_path: Path) -> None:
    place = kept(cache, attempt("one"))
    place.unlink()
    found = uri(cache.find(KEY, attempt("two")))
    (tmp_path / "cache" / KEY / "outputs" / "model").unlink()
    assert found.read_bytes() == b"weights"


@pytest.mark.parametrize("damage", ["gone", "changed", "torn"])
def test_a_result_that_is_not_what_it_was_is_none(
    cache: ResultCache, attempt: Any, tmp_path: Path, damage: str
) -> None:
    kept(cache, attempt("one"))
    entry = tmp_path / "cache" / KEY
    if damage == "gone":
        (entry / "outputs" / "model").unlink()
    elif damage == "changed":
        (entry / "outputs" / "model").write_bytes(b"WEIGHTS")
    else:
        (entry / "entry.json").write_text("{")
    second = attempt("two")
    assert cache.find(KEY, second) is None
    assert list((second / "outputs").iterdir()) == []
    kept(cache, attempt("three"))
    assert cache.find(KEY, second) is not None


def test_a_large_file_that_a_run_changed_in_place_spoils_the_result(cache: ResultCache, attempt: Any) -> None:
    """Large files are shared, not copied: whoever changes one changes it for all, which must be noticed."""
    place = kept(cache, attempt("one"), b"x" * (COPIED_BYTES + 1))
    with place.open("r+b") as file:
        file.write(b"y")
    os.utime(place, ns=(time.time_ns(), time.time_ns()))
    assert cache.find(KEY, attempt("two")) is None


def test_a_small_file_that_a_run_changes_spoils_nothing(cache: ResultCache, attempt: Any) -> None:
    kept(cache, attempt("one")).write_bytes(b"changed")
    assert uri(cache.find(KEY, attempt("two"))).read_bytes() == b"weights"


def test_results_expire(tmp_path: Path, runs: Path, attempt: Any) -> None:
    kept(ResultCache(tmp_path / "cache", runs, expiry_seconds=3600), attempt("one"))
    assert ResultCache(tmp_path / "cache", runs, expiry_seconds=3600).find(KEY, attempt("two")) is not None
    assert ResultCache(tmp_path / "cache", runs, expiry_seconds=1e-9).find(KEY, attempt("three")) is None
    assert not (tmp_path / "cache" / KEY).exists()


def test_the_last_of_two_results_stays(cache: ResultCache, attempt: Any, tmp_path: Path) -> None:
    kept(cache, attempt("one"), b"first")
    kept(cache, attempt("two"), b"second")
    assert uri(cache.find(KEY, attempt("three"))).read_bytes() == b"second"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [KEY]


def test_what_lies_elsewhere_is_kept_by_its_name(cache: ResultCache, attempt: Any, tmp_path: Path) -> None:
    assert cache.keep(KEY, outputs("s3://bucket/model"), attempt("one"), ORIGIN)
    found = cache.find(KEY, attempt("two"))
    assert found is not None
    assert found.outputs.artifacts["model"][0]["uri"] == "s3://bucket/model"
    data = tmp_path / "data"
    data.write_bytes(b"x")
    assert cache.keep(KEY, outputs(data), attempt("three"), ORIGIN)
    assert uri(cache.find(KEY, attempt("four"))) == data
    data.unlink()
    assert cache.find(KEY, attempt("five")) is None


def test_what_goes_with_its_run_is_not_kept(cache: ResultCache, attempt: Any, runs: Path) -> None:
    first = attempt("one")
    assert not cache.keep(KEY, outputs(runs / "one" / "workspace" / "model"), first, ORIGIN)
    os.mkfifo(first / "outputs" / "pipe")
    assert not cache.keep(KEY, outputs(first / "outputs" / "model"), first, ORIGIN)
    assert cache.find(KEY, attempt("two")) is None


def key(inputs: Values, runs: Path, *, pipeline: str = "p", container: Any = CONTAINER, **names: str) -> str:
    return Fingerprints(pipeline, runs).of(COMPONENT, container, inputs, names, {})


def test_the_same_task_has_the_same_key_and_any_other_another(runs: Path) -> None:
    given = Values(parameters={"word": "x"})
    same = key(given, runs)
    assert key(given, runs, pipeline_job_uuid="another") == same
    others = [
        key(Values(parameters={"word": "y"}), runs),
        key(Values(parameters={"word": 1}), runs),
        key(given, runs, pipeline="q"),
        key(given, runs, container={**CONTAINER, "image": "python:3.12"}),
        key(given, runs, container={**CONTAINER, "args": []}),
        key(given, runs, container={**CONTAINER, "env": [{"name": "A", "value": "1"}]}),
    ]
    assert len({same, *others}) == 1 + len(others)


def test_a_command_that_asks_for_the_runs_own_facts_has_another_key_in_each_run(runs: Path) -> None:
    asking = {**CONTAINER, "args": ["{{$.pipeline_job_uuid}}"]}
    keys = {key(Values(), runs, container=asking, pipeline_job_uuid=one) for one in ("a", "b")}
    assert len(keys) == 2


def test_artifacts_count_by_content_not_by_the_run_they_lie_in(runs: Path, attempt: Any) -> None:
    places = {run: attempt(run) / "outputs" / "model" for run in ("one", "two", "three")}
    for run, place in places.items():
        place.write_bytes(b"other" if run == "three" else b"same")
    keys = {run: key(outputs(place), runs) for run, place in places.items()}
    assert keys["one"] == keys["two"] != keys["three"]
    changed = outputs(places["one"])
    changed.artifacts["model"][0]["metadata"]["loss"] = 0.4
    assert key(changed, runs) != keys["one"]


def test_artifacts_elsewhere_count_by_their_name_and_content(runs: Path, tmp_path: Path) -> None:
    assert key(outputs("s3://a/b"), runs) != key(outputs("s3://a/c"), runs)
    (tmp_path / "a").write_bytes(b"x")
    before = key(outputs(tmp_path / "a"), runs)
    assert key(outputs(f"file://{tmp_path}/a"), runs) != before  # another name, which the task may look at
    (tmp_path / "a").write_bytes(b"y")
    assert key(outputs(tmp_path / "a"), runs) != before


def test_an_input_that_cannot_be_read_has_no_identity(runs: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unidentified):
        key(outputs(tmp_path / "pipe"), runs)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Unidentified):
        Fingerprints("p", runs).of(COMPONENT, CONTAINER, outputs(tmp_path / "file"), {}, {}, lambda: True)
