"""The demo's pipeline: what is shipped is what its source compiles to, and its components do what they say."""

import importlib.util
import json
from importlib.resources import files
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from kfp import compiler

from kfadapter.pipelines.package import open_package

SHIPPED = files("kfadapter.cli.demo.qoe")


@pytest.fixture(scope="module")
def source() -> ModuleType:
    spec = importlib.util.spec_from_file_location("qoe_pipeline", str(SHIPPED.joinpath("pipeline.py")))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Recorded:
    """An artifact in a plain directory."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.metadata: dict[str, Any] = {}
        self.logged: dict[str, float] = {}

    def log_metric(self, name: str, value: float) -> None:
        self.logged[name] = value


def train(source: ModuleType, directory: Path, **overrides: Any) -> SimpleNamespace:
    data, model, metrics = (Recorded(directory / name) for name in ("data", "model", "metrics"))
    source.generate_measurements.python_func("f_1", 16, 30, 7, ["urban", "rural"], data)
    arguments = {"epochs": 8, "learning_rate": 0.01, "holdout": 0.25, "normalise": True, "hidden_layers": [6]}
    loss = source.train.python_func(
        data, **(arguments | overrides), seed=7, modelname="m", modelversion="1", model=model
    )
    return SimpleNamespace(data=data, model=model, metrics=metrics, loss=loss)


def test_the_shipped_yaml_is_what_the_source_compiles_to(source: ModuleType, tmp_path: Path) -> None:
    compiler.Compiler().compile(source.qoe_throughput, str(tmp_path / "pipeline.yaml"))
    assert yaml.safe_load((tmp_path / "pipeline.yaml").read_text()) == yaml.safe_load(
        SHIPPED.joinpath("pipeline.yaml").read_text()
    )


def test_the_shipped_yaml_is_a_package_with_inputs_of_five_types_all_described() -> None:
    package = open_package(SHIPPED.joinpath("pipeline.yaml").read_bytes())
    inputs = {one.name: one for one in package.spec.parameters}
    assert {one.type.value for one in inputs.values()} == {
        "STRING",
        "NUMBER_INTEGER",
        "NUMBER_DOUBLE",
        "BOOLEAN",
        "LIST",
    }
    assert {name for name, one in inputs.items() if one.required} == {
        "featurepath",
        "epochs",
        "modelname",
        "modelversion",
    }
    assert all(one.description for one in inputs.values())


def test_tasks_need_nothing_but_kfp() -> None:
    text = SHIPPED.joinpath("pipeline.yaml").read_text()
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert text.count("'kfp==2.17.0'") == 3
    assert len(installs) == 3


def test_training_beats_the_mean_on_cells_it_has_not_seen(source: ModuleType, tmp_path: Path) -> None:
    trained = train(source, tmp_path, epochs=30)
    scores = source.evaluate.python_func(trained.data, trained.model, trained.metrics)
    assert scores.better_than_mean
    assert scores.r2 > 0.8
    assert trained.metrics.logged["rmse_mbps"] < trained.metrics.logged["rmse_of_mean_mbps"] / 2
    assert trained.metrics.logged["held_out_samples"] == 4 * 30


def test_the_same_seed_gives_the_same_model(source: ModuleType, tmp_path: Path) -> None:
    models = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        models.append(json.loads(Path(train(source, tmp_path / name, epochs=2).model.path).read_text()))
    assert models[0] == models[1]


def test_more_epochs_fit_better(source: ModuleType, tmp_path: Path) -> None:
    losses = []
    for epochs in (1, 12):
        (tmp_path / str(epochs)).mkdir()
        losses.append(train(source, tmp_path / str(epochs), epochs=epochs).loss)
    assert losses[1] < losses[0]


def test_a_network_without_hidden_layers_is_a_linear_regression(source: ModuleType, tmp_path: Path) -> None:
    trained = train(source, tmp_path, hidden_layers=[])
    assert trained.model.metadata["weights"] == 5


def test_training_says_how_far_it_is(source: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(source, tmp_path, epochs=10)
    epochs = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert len(epochs) == 10
    assert epochs[-1].startswith("epoch  10/10  training error")


def test_evaluation_without_held_out_cells_says_what_to_change(source: ModuleType, tmp_path: Path) -> None:
    trained = train(source, tmp_path, holdout=0.0, epochs=1)
    with pytest.raises(ValueError, match="raise `holdout`"):
        source.evaluate.python_func(trained.data, trained.model, trained.metrics)
