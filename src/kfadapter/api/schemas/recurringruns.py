"""Recurring runs: what may be asked, and the shapes of answers."""

from datetime import datetime

from pydantic import Field

from kfadapter.api.schemas.content import Remark
from kfadapter.api.schemas.shape import JSONValue, Shape, Time


class ScheduleShape(Shape):
    """When runs are started: either `cron` or `interval_seconds`."""

    cron: str | None = Field(default=None, description="Second, minute, hour, day, month and, if given, weekday.")
    interval_seconds: int | None = Field(default=None, ge=1)
    start: datetime | None = Field(default=None, description="Nothing is started before.")
    end: datetime | None = Field(default=None, description="Nothing is started after.")


class NewRecurringRunShape(Shape):
    """A recurring run to be made."""

    name: str = Field(min_length=1, max_length=128)
    description: str = ""
    schedule: ScheduleShape
    pipeline: str = Field(default="", description="Name or id.")
    version: str = Field(
        default="latest", description="Name or id; `latest`: each run takes the newest, where Kubeflow can do that."
    )
    pipeline_spec: dict[str, JSONValue] | None = None
    experiment: str = ""
    create_experiment: bool = False
    arguments: dict[str, JSONValue] = Field(default_factory=dict)
    pipeline_root: str = ""
    service_account: str = ""
    max_concurrency: int = Field(default=1, ge=1, le=10, description="So many of its runs at the same time.")
    catchup: bool = Field(default=False, description="Start what was missed while it was switched off or away.")
    enabled: bool = True


class RecurringPatchShape(Shape):
    """What is to be different; what is not given stays."""

    name: str | None = Field(default=None, min_length=1, max_length=128)
    description: str | None = None
    schedule: ScheduleShape | None = None
    version: str | None = None
    arguments: dict[str, JSONValue] = Field(default_factory=dict, description="Single ones; null takes one away.")
    max_concurrency: int | None = Field(default=None, ge=1, le=10)
    catchup: bool | None = None
    enabled: bool | None = None


class RecurringRunShape(Shape):
    """A recurring run."""

    recurring_run_id: str
    name: str
    description: str | None
    enabled: bool
    schedule: ScheduleShape
    time_zone: str
    time_zone_note: str | None
    next_times: list[datetime] = Field(description="The next five moments at which a run is due, in UTC.")
    warnings: list[Remark] = Field(description="Remarks about the schedule, such as that it starts a run each second.")
    max_concurrency: int
    catchup: bool
    pipeline_id: str | None
    pipeline_name: str | None
    pipeline_version_id: str | None = Field(description="null: each run takes the newest version.")
    experiment_id: str | None
    arguments: dict[str, JSONValue]
    created_at: Time
    updated_at: Time


class RecurringPageShape(Shape):
    """A page of recurring runs."""

    recurring_runs: list[RecurringRunShape]
    next_page_token: str


class FireTimes(Shape):
    """When runs are due next."""

    recurring_run_id: str
    enabled: bool
    time_zone: str
    time_zone_note: str | None
    times: list[datetime]
