"""How long `kfadapter serve` takes to its first answer, and how much memory it holds when idle."""

import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from processes import program

RUNS = 5
IDLE_SECONDS = 3


def main() -> None:
    """Measure with the embedded engine and beside a Kubeflow that is elsewhere."""
    print(f"Python {sys.version.split()[0]}, median of {RUNS} starts")
    for label, arguments in (
        ("with the embedded engine", ()),
        ("beside a Kubeflow", ("--kubeflow-url", "http://127.0.0.1:9/pipeline")),
    ):
        seconds, mebibytes = zip(*(measure(*arguments) for _ in range(RUNS)), strict=True)
        print(
            f"{label}: {statistics.median(seconds):.2f} s to the first /liveness, "
            f"{statistics.median(mebibytes):.0f} MiB idle"
        )


def measure(*arguments: str) -> tuple[float, float]:
    """Seconds from the start of the process to the first answer, and its resident memory when idle, in MiB."""
    with tempfile.TemporaryDirectory() as data_dir:
        started = time.perf_counter()
        with program("serve", Path(data_dir), *arguments) as running:
            with urllib.request.urlopen(f"{running.url}/liveness") as answer:
                assert answer.read() == b"Okay"
            seconds = time.perf_counter() - started
            time.sleep(IDLE_SECONDS)
            return seconds, psutil.Process(running.pid).memory_info().rss / 2**20


if __name__ == "__main__":
    main()
