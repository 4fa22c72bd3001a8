"""Schedules of recurring runs, checked as KFP checks them."""

from collections.abc import Mapping
from typing import Any

from kfadapter.engine.protocol.faults import invalid
from kfadapter.pipelines.cron import CronFault, read_cron

MAX_CONCURRENCY = 10


def check_trigger(trigger: Mapping[str, Any], max_concurrency: int) -> None:
    """Refuse a schedule that can never be followed.

    Raises:
        ApiError: The cron text, the interval or the concurrency is wrong.
    """
    if not 1 <= max_concurrency <= MAX_CONCURRENCY:
        raise invalid(
            "Max concurrency of a recurring run must be at least 1 and at most "
            f"{MAX_CONCURRENCY}. Received {max_concurrency}"
        )
    cron = trigger.get("cron_schedule", {}).get("cron", "")
    if cron:
        try:
            read_cron(cron)
        except CronFault as exc:
            supported = "Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron)"
            raise invalid(f"{supported}. Error: {exc}") from exc
    if "periodic_schedule" in trigger:
        interval = trigger["periodic_schedule"].get("interval_second", 0)
        if interval < 1:
            raise invalid(f"Found invalid period schedule interval {interval}. Set at interval to least 1 second")
