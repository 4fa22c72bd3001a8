"""Runs: create, get, list, terminate, retry, archive, unarchive, delete."""

from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import EMPTY, JSONAnswer
from kfadapter.engine.protocol.faults import ApiError, Code, layered
from kfadapter.engine.protocol.messages import EMPTY as EMPTY_MESSAGE
from kfadapter.engine.protocol.messages import RUN
from kfadapter.engine.protocol.paging import read_list_query
from kfadapter.engine.protocol.queries import LISTING
from kfadapter.engine.store.experiments import get_experiment
from kfadapter.engine.store.runs import LISTABLE, archive_run, list_runs, unarchive_run

FULL = "FULL"


async def create(parts: Parts, call: Call) -> Response:
    """Starts a run."""
    return JSONAnswer(await parts.runs.create(await call.message(RUN)))


async def get(parts: Parts, call: Call) -> Response:
    """A run; `view=FULL`, which KFP has from 3.0 on, fills every field of its tasks. 2.17 passes over any view."""
    run_id = call.parameters["run_id"]
    call.given({})
    is_full = FULL in call.texts("view")
    with layered("Failed to get a run", f"Failed to fetch run {run_id}"):
        return JSONAnswer(await parts.runs.get(run_id, full=is_full))


async def list_(parts: Parts, call: Call) -> Response:
    """A page of runs, of one experiment when one is named."""
    given = call.given(LISTING)
    query = read_list_query(given, LISTABLE)
    experiment_id = given.get("experiment_id", "")
    if experiment_id:
        with layered(
            "Failed to list runs",
            f"Failed to list runs due to error fetching namespace for experiment {experiment_id}. "
            "Try filtering based on namespace",
            f"Failed to fetch namespace from experiment {experiment_id}",
        ):
            await parts.store.read(get_experiment, experiment_id)
    return JSONAnswer(await parts.store.read(list_runs, query, experiment_id))


async def terminate(parts: Parts, call: Call) -> Response:
    """Ends a run that is under way."""
    await call.message(EMPTY_MESSAGE)
    with layered("Failed to terminate a run"):
        await parts.runs.terminate(call.parameters["run_id"])
    return EMPTY


async def retry(parts: Parts, call: Call) -> Response:
    """Runs again what failed."""
    await call.message(EMPTY_MESSAGE)
    with layered("Failed to retry a run"):
        await parts.runs.retry(call.parameters["run_id"])
    return EMPTY


async def archive(parts: Parts, call: Call) -> Response:
    """Puts a run away; it goes on if it is running."""
    await call.message(EMPTY_MESSAGE)
    run_id = call.parameters["run_id"]
    with layered(
        "Failed to archive a run",
        f"Failed to archive run {run_id} as it failed to be retrieved",
        f"Failed to fetch run {run_id}",
    ):
        await parts.store.write(archive_run, run_id)
    return EMPTY


async def unarchive(parts: Parts, call: Call) -> Response:
    """Takes a run back."""
    await call.message(EMPTY_MESSAGE)
    run_id = call.parameters["run_id"]
    try:
        await parts.store.write(unarchive_run, run_id)
    except ApiError as exc:
        layers = ["Failed to unarchive a run"]
        if exc.code is Code.NOT_FOUND:
            layers += [f"Failed to unarchive run {run_id} as it does not exist", f"Failed to fetch run {run_id}"]
        raise exc.within(*layers) from exc
    return EMPTY


async def delete(parts: Parts, call: Call) -> Response:
    """Removes a run and its files."""
    with layered("Failed to delete a run"):
        await parts.runs.delete(call.parameters["run_id"])
    parts.schedules_changed()
    return EMPTY


ROUTES = (
    Route("POST", "/runs", create),
    Route("GET", "/runs", list_),
    Route("POST", "/runs/{run_id}:terminate", terminate),
    Route("POST", "/runs/{run_id}:retry", retry),
    Route("POST", "/runs/{run_id}:archive", archive),
    Route("POST", "/runs/{run_id}:unarchive", unarchive),
    Route("GET", "/runs/{run_id}", get),
    Route("DELETE", "/runs/{run_id}", delete),
)
