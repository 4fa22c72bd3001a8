"""Every pipeline of the corpus ends as it is expected to: its state, its tasks' states, its outputs."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.corpus import CORPUS, Case, cases, differences, topics
from support.programs import Programs

FEWEST_PIPELINES = 60
AT_ONCE = 4  # each that waits holds a thread


@pytest.fixture
def needs(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """What the engine is told for the topics that need something: by topic, its settings."""
    for name, key, value in (("secrets/login", "password", "12345678"), ("config/site", "url", "http://here")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / key).write_text(value)
    kept = {"secrets_dir": tmp_path / "secrets", "config_maps_dir": tmp_path / "config"}
    program = {"containers": "docker", "container_environment": Programs(tmp_path / "programs").settings}
    return {"images": program, "vaults": kept, "volumes": program | kept}


@pytest.mark.parametrize("topic", topics())
async def test_pipelines_end_as_expected(start: Any, topic: str, needs: dict[str, dict[str, Any]]) -> None:
    engine = await start(task_slots=3, **needs.get(topic, {}))
    room = asyncio.Semaphore(1 if topic == "caching" else AT_ONCE)

    async def run_in_turn(case: Case) -> list[str]:
        async with room:
            return await run(engine, case)

    found = await asyncio.gather(*(run_in_turn(case) for case in cases(f"{topic}/")))
    assert not [one for several in found for one in several]


async def run(engine: Any, case: Case) -> list[str]:
    """Run a case to its end: what differs."""
    spec, platform = case.documents
    run_id, end = await engine.run(spec, platform_spec=platform, parameters=case.given, display_name=case.name)
    tasks = engine.rows.tasks(run_id)
    root = tasks.pop("root")
    facts = {
        "run_id": run_id,
        "display_name": case.name,
        "job": root["display_name"],
        "pipeline_root": str(engine.directory(run_id)),
        **{f"task_id:{path}": row["task_id"] for path, row in tasks.items()},
        "created_at": order_time(engine, run_id),
    }
    return differences(case, end, tasks, facts)


def order_time(engine: Any, run_id: str) -> str:
    """When the run was created, as its order says."""
    return str(json.loads((engine.directory(run_id) / "run.json").read_text())["order"]["created_at"])


def test_the_corpus_is_large_and_covers_every_topic() -> None:
    names = {case.name.partition("#")[0] for case in cases()}
    assert len(names) >= FEWEST_PIPELINES
    assert {f"{name}.yaml" for name in names} == {
        str(path.relative_to(CORPUS)) for topic in topics() for path in (CORPUS / topic).glob("*.yaml")
    }


def test_the_compiled_files_are_what_the_sources_compile_to() -> None:
    done = subprocess.run([sys.executable, str(CORPUS / "build.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
