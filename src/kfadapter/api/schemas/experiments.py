"""Experiments."""

from typing import Literal

from pydantic import Field

from kfadapter.api.schemas.shape import PageOf, Shape, Time


class Experiment(Shape):
    """KFP's folder of runs."""

    experiment_id: str
    display_name: str
    description: str | None
    created_at: Time
    storage_state: str = Field(examples=["AVAILABLE", "ARCHIVED"])
    last_run_created_at: Time


class ExperimentPage(PageOf):
    """A page of experiments."""

    experiments: list[Experiment]


class NewExperiment(Shape):
    """An experiment to create."""

    display_name: str = Field(min_length=1, max_length=128)
    description: str = ""
    if_exists: Literal["refuse", "return"] = Field(
        default="refuse", description="What to do when there is one of that name."
    )
