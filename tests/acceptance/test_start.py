"""How `kfadapter serve` starts, and how it says that it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import AdapterProcess

pytestmark = pytest.mark.process


def attempt(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start the service and let it end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "kfadapter", "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def errors(finished: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in finished.stderr.splitlines() if line.startswith("kfadapter: ")]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KFADAPTER_POLL_SECONDS", "often"),
        ("KFADAPTER_KUBEFLOW_URL", "somewhere"),
        ("KFADAPTER_DATABASE_URL", "mysql://host/name"),
        ("KUBEFLOW_PORT", "80"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(tmp_path: Path, variable: str, value: str) -> None:
    finished = attempt(tmp_path, **{variable: value})
    assert finished.returncode != 0
    (line,) = finished.stderr.splitlines()
    assert line.startswith("kfadapter: ")
    assert variable.rsplit("_", 1)[0] in line


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    finished = attempt(tmp_path)
    assert finished.returncode == 1
    assert "KFADAPTER_DATA_DIR" in errors(finished)[0]


def test_a_damaged_ledger_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ledger.sqlite").write_bytes(b"no database, but longer than a header of one " * 100)
    finished = attempt(tmp_path)
    assert finished.returncode == 1
    assert "ledger" in errors(finished)[0]


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with AdapterProcess("serve", tmp_path / "first") as first:
        port = first.url.rsplit(":", 1)[1]
        finished = attempt(tmp_path, "--host", "127.0.0.1", "--port", port)
    assert finished.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in errors(finished)[0]


def test_a_data_directory_belongs_to_one_service(tmp_path: Path) -> None:
    with AdapterProcess("serve", tmp_path / "data"):
        finished = attempt(tmp_path)
    assert finished.returncode == 1
    assert "another service" in errors(finished)[0]


def test_upstreams_start_file_starts_it(tmp_path: Path) -> None:
    environment = {
        "KUBEFLOW_HOST": "127.0.0.1",
        "KUBEFLOW_PORT": "9",
        "KF_NAMESPACE": "kubeflow",
        "KF_ADAPTER_PORT": "0",
        "TRAININGMGR_HOST": "127.0.0.1",
        "TRAININGMGR_PORT": "9",
        "KFADAPTER_DATA_DIR": str(tmp_path / "data"),
    }
    script = Path(__file__).parents[2] / "kfadapter_main.py"
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert "kfadapter is ready at http://" in process.stdout.readline()
        process.terminate()
        assert process.wait(20) == 0


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    with AdapterProcess("serve", tmp_path / "data") as adapter:
        assert adapter.stop() == 0
    assert "Traceback" not in adapter.log
