"""Results of earlier executions in real runs: when they are used, what is told of them, and when they must not be."""

# Components are written as their authors would: they print, open files, and have types that mypy does not follow.
# mypy: ignore-errors

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Compile = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")


@pytest.fixture
def chain(kfp: Any, compiled: Compile) -> dict[str, Any]:
    """Two tasks; each leaves a line in a file when it runs, so that executions can be counted."""
    dsl = kfp.dsl

    @dsl.component
    def train(journal: str, word: str, model: dsl.Output[dsl.Model]) -> int:
        with open(journal, "a") as file:
            file.write("train\n")
        with open(model.path, "w") as file:
            file.write(word)
        model.metadata["loss"] = 0.5
        return len(word)

    @dsl.component
    def judge(journal: str, model: dsl.Input[dsl.Model], length: int) -> str:
        with open(journal, "a") as file:
            file.write("judge\n")
        with open(model.path) as file:
            return f"{file.read()} {length}"

    def pipeline(journal: str, word: str) -> str:
        trained = train(journal=journal, word=word)
        return judge(journal=journal, model=trained.outputs["model"], length=trained.outputs["Output"]).output

    return compiled(pipeline)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    place = tmp_path / "journal"
    place.touch()
    return place


def given(journal: Path, word: str = "radio") -> dict[str, Any]:
    return {"journal": str(journal), "word": word}


def executed(journal: Path) -> list[str]:
    return journal.read_text().split()


def without_caching(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec as the SDK sends it when a run is to use no cache: options are rewritten in every task."""
    for task in spec["root"]["dag"]["tasks"].values():
        task["cachingOptions"] = {}
    return spec


async def test_a_second_run_takes_the_results_of_the_first(engine: Any, chain: Any, journal: Path) -> None:
    first, end = await engine.run(chain, parameters=given(journal))
    second, again = await engine.run(chain, parameters=given(journal))
    assert executed(journal) == ["train", "judge"]
    assert again["outputs"] == end["outputs"]
    before, after = engine.rows.tasks(first), engine.rows.tasks(second)
    assert [(row["cached"], row["attempts"]) for path, row in before.items() if path != "root"] == [(False, 1)] * 2
    for path in ("train", "judge"):
        row = after[path]
        assert (row["state"], row["cached"], row["attempts"]) == ("SUCCEEDED", True, 0)
        assert "RUNNING" not in row["history"]
        assert row["inputs"]["parameters"] == before[path]["inputs"]["parameters"]
        assert row["outputs"]["parameters"] == before[path]["outputs"]["parameters"]
        assert before[path]["task_id"] in engine.log(second, path)
    model = after["train"]["outputs"]["artifacts"]["model"][0]
    assert model["metadata"] == {"loss": 0.5}
    assert Path(model["uri"]).is_relative_to(engine.directory(second))
    assert Path(model["uri"]).read_text() == "radio"


async def test_results_outlive_their_run_and_the_service(start: Any, chain: Any, journal: Path) -> None:
    first = await start()
    run_id, _ = await first.run(chain, parameters=given(journal))
    await first.supervisor.forget(run_id)
    assert not first.directory(run_id).exists()
    await first.supervisor.stop()
    second = await start()
    assert await second.outputs(chain, parameters=given(journal)) == {"Output": "radio 5"}
    assert executed(journal) == ["train", "judge"]


async def test_other_arguments_run_again_and_only_what_they_touch(
    engine: Any, kfp: Any, compiled: Compile, journal: Path
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def note(journal: str, word: str) -> str:
        with open(journal, "a") as file:
            file.write(f"{word}\n")
        return word

    def pipeline(journal: str, word: str):
        note(journal=journal, word="fixed")
        note(journal=journal, word=word)

    spec = compiled(pipeline)
    await engine.run(spec, parameters=given(journal, "a"))
    run_id, _ = await engine.run(spec, parameters=given(journal, "b"))
    assert sorted(executed(journal)) == ["a", "b", "fixed"]
    assert {path: row["cached"] for path, row in engine.rows.tasks(run_id).items()} == {
        "root": False,
        "note": True,
        "note-2": False,
    }


async def test_results_are_shared_within_a_pipeline_not_among_pipelines(engine: Any, chain: Any, journal: Path) -> None:
    for pipeline_id in ("one", "one", "other", ""):
        await engine.run(chain, parameters=given(journal), pipeline_id=pipeline_id)
    assert executed(journal) == ["train", "judge"] * 3


@pytest.mark.parametrize("settings_of_engine", [{}, {"cache": False}], ids=["by the run", "by the engine"])
async def test_caching_can_be_switched_off(
    start: Any, chain: Any, journal: Path, settings_of_engine: dict[str, Any]
) -> None:
    engine = await start(**settings_of_engine)
    spec = chain if settings_of_engine else without_caching(chain)
    for _ in range(2):
        await engine.run(spec, parameters=given(journal))
    assert executed(journal) == ["train", "judge"] * 2


async def test_results_expire(start: Any, chain: Any, journal: Path) -> None:
    engine = await start(cache_expiry_seconds=1e-6)
    for _ in range(2):
        await engine.run(chain, parameters=given(journal))
    assert executed(journal) == ["train", "judge"] * 2


async def test_a_result_whose_files_are_gone_is_made_again(engine: Any, chain: Any, journal: Path) -> None:
    await engine.run(chain, parameters=given(journal))
    for one in (engine.settings.data_dir / "cache").glob("*/outputs/model"):
        one.unlink()
    assert await engine.outputs(chain, parameters=given(journal)) == {"Output": "radio 5"}
    assert executed(journal) == ["train", "judge", "train"]


async def test_an_author_may_choose_the_key(engine: Any, chain: Any, journal: Path) -> None:
    for task in chain["root"]["dag"]["tasks"].values():
        task["cachingOptions"] = {"enableCache": True, "cacheKey": "mine"}
    await engine.run(chain, parameters=given(journal))
    assert await engine.outputs(chain, parameters=given(journal, "another")) == {"Output": "radio 5"}
    assert executed(journal) == ["train", "judge"]


async def test_what_succeeded_in_a_run_that_failed_is_used_again_and_failures_never(
    engine: Any, kfp: Any, compiled: Compile, journal: Path, tmp_path: Path
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def prepare(journal: str) -> str:
        with open(journal, "a") as file:
            file.write("prepare\n")
        return "ready"

    @dsl.component
    def need(place: str, word: str) -> str:
        with open(place) as file:
            return file.read() + word

    def pipeline(journal: str, place: str) -> str:
        return need(place=place, word=prepare(journal=journal).output).output

    spec, arguments = compiled(pipeline), {"journal": str(journal), "place": str(tmp_path / "place")}
    _, end = await engine.run(spec, parameters=arguments)
    assert end["state"] == "FAILED"
    (tmp_path / "place").write_text("now ")
    assert await engine.outputs(spec, parameters=arguments) == {"Output": "now ready"}
    assert executed(journal) == ["prepare"]


async def test_a_run_that_is_retried_keeps_what_came_from_the_cache(
    engine: Any, kfp: Any, compiled: Compile, make_order: Any, tmp_path: Path
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def stamp() -> str:
        import time

        return str(time.time_ns())

    @dsl.component
    def need(place: str, word: str) -> str:
        with open(place) as file:
            return file.read() + word

    def pipeline(place: str) -> str:
        return need(place=place, word=stamp().output).output

    spec, arguments = compiled(pipeline), {"place": str(tmp_path / "place")}
    first, _ = await engine.run(spec, parameters=arguments)
    order = make_order(spec, arguments)
    await engine.supervisor.submit(order)
    await engine.rows.end(order.run_id)
    (tmp_path / "place").write_text("")
    await engine.supervisor.retry(order)
    end = await engine.rows.end(order.run_id, 2)
    stamped = engine.rows.tasks(first)["stamp"]["outputs"]["parameters"]["Output"]
    assert (end["state"], end["outputs"]["parameters"]) == ("SUCCEEDED", {"Output": stamped})
    assert engine.rows.tasks(order.run_id)["stamp"]["cached"] is True


async def test_tasks_that_know_their_run_are_never_mistaken_for_others(
    engine: Any, kfp: Any, compiled: Compile
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def tell(run: str) -> str:
        return run

    @dsl.component
    def leave(place: str) -> str:
        with open(f"{place}/note", "w") as file:
            file.write("here")
        return "left"

    @dsl.component
    def look(place: str) -> str:
        with open(f"{place}/note") as file:
            return file.read()

    def pipeline() -> str:
        left = leave(place=dsl.WORKSPACE_PATH_PLACEHOLDER)
        look(place=dsl.WORKSPACE_PATH_PLACEHOLDER).after(left)
        return tell(run=dsl.PIPELINE_JOB_ID_PLACEHOLDER).output

    workspace = dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi"))
    spec = compiled(pipeline, pipeline_config=workspace)
    for _ in range(2):
        run_id, end = await engine.run(spec)
        assert end["outputs"]["parameters"] == {"Output": run_id}


async def test_runs_at_the_same_time_get_whole_results(engine: Any, chain: Any, journal: Path) -> None:
    ends = await asyncio.gather(*(engine.outputs(chain, parameters=given(journal)) for _ in range(6)))
    assert ends == [{"Output": "radio 5"}] * 6
    assert await engine.outputs(chain, parameters=given(journal)) == {"Output": "radio 5"}
    assert not list((engine.settings.data_dir / "cache").glob(".*"))
