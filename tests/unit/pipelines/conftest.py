"""Pipelines to read: the recorded ones, and small ones that are valid but for what a test changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PIPELINES = Path(__file__).parents[2] / "data" / "kfp-conformance" / "pipelines"


@pytest.fixture
def recorded() -> Callable[[str], bytes]:
    """The bytes of a recorded pipeline, by file name."""
    return lambda name: (PIPELINES / name).read_bytes()


@pytest.fixture
def make_pipeline() -> Callable[..., dict[str, Any]]:
    """A small valid pipeline of one task, with these parameters; fields by keyword replace its own."""

    def make(parameters: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        pipeline: dict[str, Any] = {
            "pipelineInfo": {"name": "small"},
            "root": {
                "dag": {"tasks": {"train": {"componentRef": {"name": "comp-train"}, "taskInfo": {"name": "train"}}}},
            },
            "components": {"comp-train": {"executorLabel": "exec-train"}},
            "deploymentSpec": {"executors": {"exec-train": {"container": {"image": "python:3.11"}}}},
            "schemaVersion": "2.1.0",
            "sdkVersion": "kfp-2.17.0",
        }
        if parameters is not None:
            pipeline["root"]["inputDefinitions"] = {"parameters": parameters}
        return pipeline | fields

    return make
