"""What the corpus expects is what kfp.local gives too, wherever that is right.

Together with the test that holds the engine to the same expectations this compares both.
"""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.corpus import Case, cases

PROCESSES = 2
PATIENCE_SECONDS = 170
FEWEST_PIPELINES = 40
ORACLE = Path(__file__).parents[2] / "support" / "oracle.py"
SOURCES = Path(__file__).parents[3] / "src"


@pytest.fixture
def interpreter(tmp_path: Path) -> Path:
    """A disposable environment that sees this one's packages: whatever is installed by mistake is thrown away."""
    place = tmp_path / "oracle"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    packages = next((place / "lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return place / "bin" / "python"


def asked() -> list[Case]:
    """The cases about which kfp.local is right."""
    return [case for case in cases() if case.expected.get("oracle", True) is True and case.state == "SUCCEEDED"]


def ask(interpreter: Path, portion: Sequence[Case]) -> list[dict[str, Any]]:
    """What kfp.local gives for some cases."""
    question = [{"name": one.name, "spec": one.documents[0], "parameters": one.given} for one in portion]
    done = subprocess.run(
        [str(interpreter), str(ORACLE)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env={
            "PATH": f"{interpreter.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(SOURCES),
            "HOME": str(interpreter.parents[1]),
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(case: Case, answer: dict[str, Any]) -> dict[str, Any]:
    """The expected outputs, of artifacts only what something is expected of."""
    wanted: dict[str, Any] = dict(case.outputs({}))
    for name, several in case.expected.get("artifacts", {}).items():
        given = answer["outputs"].get(name)
        same = [
            {**found, **one}
            for found, one in zip(given if isinstance(given, list) else [given], several, strict=False)
            if found
        ]
        wanted[name] = same if isinstance(given, list) else next(iter(same), None)
    return wanted


def test_it_is_asked_about_many() -> None:
    assert len({case.name.partition("#")[0] for case in asked()}) >= FEWEST_PIPELINES


def test_kfp_local_gives_the_same(interpreter: Path) -> None:
    questions = {case.name: case for case in asked()}
    portions = [list(questions.values())[number::PROCESSES] for number in range(PROCESSES)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        answers = [one for several in pool.map(lambda portion: ask(interpreter, portion), portions) for one in several]
    assert {one["name"] for one in answers} == set(questions)
    differing = [
        f"{one['name']}: {one['outputs']}, not {wanted} ({one.get('error', '')})"
        for one in answers
        if one["outputs"] != (wanted := expected(questions[one["name"]], one))
    ]
    assert not differing, "\n".join(differing)
