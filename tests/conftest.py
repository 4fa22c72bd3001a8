"""What every test starts from: no variable of the service in the environment, and Ctrl-C that works."""

import os
import signal

import pytest

UPSTREAM = ("KUBEFLOW_HOST", "KUBEFLOW_PORT", "KF_NAMESPACE", "KF_ADAPTER_PORT", "TRAININGMGR_HOST", "TRAININGMGR_PORT")


def pytest_configure() -> None:
    """Have Ctrl-C reach the programs that tests start, wherever the tests themselves were started.

    A shell without job control (`sh -c "scripts/test &"`) starts what is in the background with SIGINT
    ignored; that outlives fork and exec, so a program that a test interrupts would never hear of it.
    A handler does not: with one here, each new program starts with the default.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("KFADAPTER_") or name in UPSTREAM:
            monkeypatch.delenv(name)
