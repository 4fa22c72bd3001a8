"""Settings: upstream's names, ours, and one line that names the variable when a value cannot be used."""

import sys
from pathlib import Path

import pytest

from kfadapter.errors import SettingsError
from kfadapter.settings import installer_environment, load_settings, passed_environment


def test_upstreams_six_variables_mean_what_they_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KUBEFLOW_HOST": "ml-pipeline-ui.kubeflow",
        "KUBEFLOW_PORT": "80",
        "KF_NAMESPACE": "ric",
        "KF_ADAPTER_PORT": "5009",
        "TRAININGMGR_HOST": "tm.traininghost",
        "TRAININGMGR_PORT": "32002",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.kubeflow_base_url == "http://ml-pipeline-ui.kubeflow:80/pipeline"
    assert settings.training_manager_base_url == "http://tm.traininghost:32002"
    assert settings.port == 5009
    assert settings.kubeflow_namespace is None


def test_our_variables_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEFLOW_HOST", "old")
    monkeypatch.setenv("KUBEFLOW_PORT", "80")
    monkeypatch.setenv("KF_ADAPTER_PORT", "5009")
    monkeypatch.setenv("KFADAPTER_KUBEFLOW_URL", "https://new/prefix/")
    monkeypatch.setenv("KFADAPTER_PORT", "6000")
    settings = load_settings()
    assert settings.kubeflow_base_url == "https://new/prefix"
    assert settings.port == 6000


def test_addresses_of_packages_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFADAPTER_ENGINE_PACKAGE_URLS", "https://a/b/, http://localhost:80/")
    assert load_settings().engine_package_urls == ("https://a/b/", "http://localhost:80/")
    monkeypatch.setenv("KFADAPTER_ENGINE_PACKAGE_URLS", "a/b")
    with pytest.raises(SettingsError, match="KFADAPTER_ENGINE_PACKAGE_URLS"):
        load_settings()


def test_pythons_for_images_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFADAPTER_ENGINE_INTERPRETERS", f"python:3.9*={sys.executable}, *={sys.executable}")
    assert load_settings().engine_interpreters == (f"python:3.9*={sys.executable}", f"*={sys.executable}")
    for wrong in ("python:3.9", "python:3.9*=/no/such/python", f"={sys.executable}"):
        monkeypatch.setenv("KFADAPTER_ENGINE_INTERPRETERS", wrong)
        with pytest.raises(SettingsError, match="KFADAPTER_ENGINE_INTERPRETERS"):
            load_settings()


def test_directories_of_secrets_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KFADAPTER_ENGINE_SECRETS_DIR", str(tmp_path))
    assert load_settings().engine_secrets_dir == tmp_path
    monkeypatch.setenv("KFADAPTER_ENGINE_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="KFADAPTER_ENGINE_SECRETS_DIR"):
        load_settings()


def test_options_win_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFADAPTER_PORT", "6000")
    assert load_settings(port=0, host=None).port == 0


def test_without_kubeflow_the_embedded_engine_is_meant() -> None:
    settings = load_settings()
    assert settings.kubeflow_base_url is None
    assert settings.training_manager_base_url is None


def test_an_ipv6_host_is_bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEFLOW_HOST", "::1")
    monkeypatch.setenv("KUBEFLOW_PORT", "80")
    assert load_settings().kubeflow_base_url == "http://[::1]:80/pipeline"


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFADAPTER_KUBEFLOW_URL", "")
    assert load_settings().kubeflow_base_url is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KFADAPTER_PORT", "many"),
        ("KF_ADAPTER_PORT", "70000"),
        ("KFADAPTER_KUBEFLOW_URL", "ml-pipeline:8888"),
        ("KFADAPTER_KUBEFLOW_URL", "http://"),
        ("KFADAPTER_DATABASE_URL", "mysql://host/name"),
        ("KFADAPTER_POLL_SECONDS", "0"),
        ("KFADAPTER_NOTIFY_GRACE_SECONDS", "-1"),
        ("KFADAPTER_LOG_LEVEL", "loud"),
        ("KFADAPTER_UPLOAD_LIMIT_BYTES", "0"),
    ],
)
def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.variable == variable


@pytest.mark.parametrize(
    ("given", "missing"),
    [("KUBEFLOW_HOST", "KUBEFLOW_PORT"), ("KUBEFLOW_PORT", "KUBEFLOW_HOST"), ("TRAININGMGR_HOST", "TRAININGMGR_PORT")],
)
def test_half_a_pair_names_the_missing_half(monkeypatch: pytest.MonkeyPatch, given: str, missing: str) -> None:
    monkeypatch.setenv(given, "80")
    with pytest.raises(SettingsError, match=missing):
        load_settings()


def test_installers_see_their_variables_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "somewhere")
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    environment = installer_environment()
    assert environment["PIP_INDEX_URL"] == "somewhere"
    assert "DATABASE_PASSWORD" not in environment


def test_tasks_see_only_what_is_passed_on_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "north")
    assert passed_environment(("REGION", "MISSING")) == {"REGION": "north"}
