"""A scriptable Kubeflow as a process of its own that takes as long for each answer as it is told.

Real Kubeflow Pipelines servers take some 5 to 50 ms for an answer. The stand-in shows what the adapter costs beside
such a server, without the noise of runs that really execute.
"""

import argparse
import signal

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--milliseconds", type=float, default=0.0)
    arguments = parser.parse_args()
    with FakeKubeflow() as kubeflow:
        if arguments.milliseconds:
            kubeflow.fail(Fault.delay(arguments.milliseconds / 1000), times=None)
        print(f"stand-in is ready at {kubeflow.url}", flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
