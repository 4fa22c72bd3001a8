"""What every test starts from: no variable of the service in the environment."""

import os

import pytest

UPSTREAM = ("KUBEFLOW_HOST", "KUBEFLOW_PORT", "KF_NAMESPACE", "KF_ADAPTER_PORT", "TRAININGMGR_HOST", "TRAININGMGR_PORT")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("KFADAPTER_") or name in UPSTREAM:
            monkeypatch.delenv(name)
