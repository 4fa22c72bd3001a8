"""Recurring runs: create, get, list, enable, disable, delete."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import EMPTY, JSONAnswer, present, seconds
from kfadapter.engine.protocol.arguments import check_arguments
from kfadapter.engine.protocol.faults import ApiError, Code, invalid, layered, taken_for_internal
from kfadapter.engine.protocol.messages import EMPTY as EMPTY_MESSAGE
from kfadapter.engine.protocol.messages import RECURRING_RUN
from kfadapter.engine.protocol.paging import read_list_query
from kfadapter.engine.protocol.queries import LISTING
from kfadapter.engine.protocol.schedules import check_trigger
from kfadapter.engine.protocol.wire import Enumeration
from kfadapter.engine.runs import SERVICE_ACCOUNT
from kfadapter.engine.store.experiments import get_experiment
from kfadapter.engine.store.manifests import Manifest, fetch_latest, fetch_manifest, resolve_experiment
from kfadapter.engine.store.recurring import (
    LISTABLE,
    NewRecurringRun,
    create_recurring_run,
    delete_recurring_run,
    get_recurring_run,
    list_recurring_runs,
    switch_recurring_run,
)

PROPAGATION_POLICY = Enumeration(("DELETE_PROPAGATION_POLICY_UNSPECIFIED", "FOREGROUND", "BACKGROUND", "ORPHAN"))
ENABLE = "ENABLE"


async def create(parts: Parts, call: Call) -> Response:
    """Stores a recurring run."""
    message = await call.message(RECURRING_RUN)
    _check(message)
    with layered("Failed to create a recurring run"):
        with layered("Failed to create a recurring run due to invalid experimentId and namespace combination"):
            experiment_id = await parts.store.write(resolve_experiment, message.get("experiment_id", ""), parts.now())
        manifest = await _manifest(parts, message)
        during = "Failed to create a recurring run during scheduled workflow creation"
        with layered(during, "invalid pipeline job inputs"):
            given = message.get("runtime_config", {}).get("parameters", {})
            check_arguments(manifest.template.pipeline_spec, given)
        new = _new(message, manifest, experiment_id, parts.now())
        created = await parts.store.write(create_recurring_run, new)
        parts.schedules_changed()
        return JSONAnswer(created)


async def get(parts: Parts, call: Call) -> Response:
    """A recurring run by id."""
    with layered("Failed to fetch a recurring run"):
        return JSONAnswer(await parts.store.read(get_recurring_run, call.parameters["recurring_run_id"]))


async def list_(parts: Parts, call: Call) -> Response:
    """A page of recurring runs, of one experiment when one is named."""
    given = call.given(LISTING)
    query = read_list_query(given, LISTABLE)
    experiment_id = given.get("experiment_id", "")
    if experiment_id:
        with layered(
            "Failed to list jobs",
            f"Failed to list recurring runs due to error fetching namespace for experiment {experiment_id}. "
            "Try filtering based on namespace",
            f"Failed to fetch namespace from experiment {experiment_id}",
        ):
            await parts.store.read(get_experiment, experiment_id)
    return JSONAnswer(await parts.store.read(list_recurring_runs, query, experiment_id))


async def enable(parts: Parts, call: Call) -> Response:
    """Switches a recurring run on."""
    return await _switch(parts, call, "enable", True)


async def disable(parts: Parts, call: Call) -> Response:
    """Switches a recurring run off."""
    return await _switch(parts, call, "disable", False)


async def delete(parts: Parts, call: Call) -> Response:
    """Removes a recurring run; the runs it started stay."""
    recurring_run_id = call.parameters["recurring_run_id"]
    call.given({"propagation_policy": PROPAGATION_POLICY})
    with layered(
        "Failed to delete a recurring run", f"Failed to delete recurring run {recurring_run_id}. Check if exists"
    ):
        await parts.store.write(delete_recurring_run, recurring_run_id)
    return EMPTY


async def _switch(parts: Parts, call: Call, verb: str, enabled: bool) -> Response:
    await call.message(EMPTY_MESSAGE)
    recurring_run_id = call.parameters["recurring_run_id"]
    with layered(
        f"Failed to {verb} a recurring run",
        f"Failed to change recurring run's mode to enable:{str(enabled).lower()}. "
        f"Check if recurring run {recurring_run_id} exists",
    ):
        await parts.store.write(switch_recurring_run, recurring_run_id, enabled, parts.now())
    parts.schedules_changed()
    return EMPTY


def _check(message: Mapping[str, Any]) -> None:
    with layered("Failed to create a recurring run due to conversion error"):
        if not message.get("display_name"):
            with taken_for_internal("Failed to convert a API recurring run to its internal representation"):
                raise invalid("Recurring run's name cannot be empty")
        check_trigger(message.get("trigger", {}), message.get("max_concurrency", 0))


async def _manifest(parts: Parts, message: Mapping[str, Any]) -> Manifest:
    reference = message.get("pipeline_version_reference", {})
    if "pipeline_spec" not in message and not any(reference.values()):
        raise _no_pipeline()
    if reference.get("pipeline_id") and not reference.get("pipeline_version_id"):
        with layered("Failed to validate the input parameters on the latest pipeline version"):
            return await parts.store.read(fetch_latest, reference["pipeline_id"])
    with taken_for_internal("Failed to create a recurring run with an invalid pipeline spec manifest"):
        return await parts.store.read(fetch_manifest, message)


def _no_pipeline() -> ApiError:
    reason = "Internal error: Cannot create a job with an empty pipeline ID"
    return _Bare(Code.INTERNAL, reason, reason, detail_code=Code.UNKNOWN)


class _Bare(ApiError):
    """An error that KFP answers without the layers around it."""

    def within(self, *layers: str) -> ApiError:
        return self


def _new(message: Mapping[str, Any], manifest: Manifest, experiment_id: str, now: int) -> NewRecurringRun:
    is_inline = "pipeline_spec" in message
    follows_latest = not is_inline and not manifest.pipeline_version_id
    config = message.get("runtime_config", {})
    return NewRecurringRun(
        display_name=message["display_name"],
        description=message.get("description", ""),
        experiment_id=experiment_id,
        pipeline_id=manifest.pipeline_id,
        pipeline_version_id=manifest.pipeline_version_id,
        template=manifest.template if is_inline else None,
        # KFP names no account for a recurring run that follows the latest version.
        service_account=message.get("service_account") or ("" if follows_latest else SERVICE_ACCOUNT),
        max_concurrency=message["max_concurrency"],
        no_catchup=message.get("no_catchup", False),
        is_enabled=message.get("mode") == ENABLE,
        created_at=now,
        trigger=_trigger(message.get("trigger", {})),
        runtime_config={name: value for name, value in config.items() if value},
        plugins_input=message.get("plugins_input", {}),
    )


def _trigger(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """A trigger as it is shown: times as texts, 64-bit numbers too."""
    shown = {}
    for kind, schedule in trigger.items():
        times = {name: seconds(schedule[name]) for name in ("start_time", "end_time") if name in schedule}
        interval = str(schedule["interval_second"]) if "interval_second" in schedule else ""
        shown[kind] = present({**times, "cron": schedule.get("cron", ""), "interval_second": interval})
    return shown


ROUTES = (
    Route("POST", "/recurringruns", create),
    Route("GET", "/recurringruns", list_),
    Route("POST", "/recurringruns/{recurring_run_id}:enable", enable),
    Route("POST", "/recurringruns/{recurring_run_id}:disable", disable),
    Route("GET", "/recurringruns/{recurring_run_id}", get),
    Route("DELETE", "/recurringruns/{recurring_run_id}", delete),
)
