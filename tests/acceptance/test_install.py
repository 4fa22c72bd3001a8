"""The locked groups are enough: what the service imports is in them, without the packages tests bring along."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import kfadapter.cli.serve, kfadapter.engine.server, kfadapter.cli.demo.command
from kfadapter.pipelines.package import open_package
open_package(open(r"{package}", "rb").read())
"""
PACKAGE = ROOT / "tests" / "data" / "kfp-conformance" / "pipelines" / "hello.yaml"


@pytest.mark.process
@pytest.mark.parametrize("group", ["core", "engine"])
def test_a_locked_group_is_enough_to_run(tmp_path: Path, group: str) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    environment = tmp_path / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    python = str(environment / "bin" / "python")
    lock = str(ROOT / "requirements" / f"{group}.txt")
    install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "--requirement", lock]
    subprocess.run(install, check=True)
    started = subprocess.run(
        [python, "-c", PROGRAM.format(package=PACKAGE)],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert started.returncode == 0, started.stderr
    listed = subprocess.run(
        [uv, "pip", "list", "--python", python, "--format", "freeze"], check=True, capture_output=True, text=True
    ).stdout
    names = {line.split("==")[0] for line in listed.splitlines()}
    assert not names & {"kfp", "kubernetes", "pytest"}
