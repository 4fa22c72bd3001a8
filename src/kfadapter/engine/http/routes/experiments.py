"""Experiments: create, get, list, archive, unarchive, delete."""

from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.limits import EXPERIMENT_NAME, NAMESPACE, check_length
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import EMPTY, JSONAnswer
from kfadapter.engine.protocol.faults import invalid, layered, taken_for_internal
from kfadapter.engine.protocol.messages import EMPTY as EMPTY_MESSAGE
from kfadapter.engine.protocol.messages import EXPERIMENT
from kfadapter.engine.protocol.paging import read_list_query
from kfadapter.engine.protocol.queries import LISTING
from kfadapter.engine.store.experiments import (
    LISTABLE,
    archive_experiment,
    create_experiment,
    delete_experiment,
    get_experiment,
    list_experiments,
)
from kfadapter.engine.store.schedules import restore_experiment


async def create(parts: Parts, call: Call) -> Response:
    """An experiment with a name that is free."""
    message = await call.message(EXPERIMENT)
    name = message.get("display_name", "")
    with (
        layered("[ExperimentServer]: Failed to create a experiment due to conversion error"),
        taken_for_internal("Failed to convert API experiment to model experiment"),
    ):
        if not name:
            raise invalid("Experiment must have a non-empty name")
        check_length("Experiment.Name", name, EXPERIMENT_NAME)
        check_length("Experiment.Namespace", message.get("namespace", ""), NAMESPACE)
    with layered("Failed to create a experiment"):
        description = message.get("description", "")
        return JSONAnswer(await parts.store.write(create_experiment, name, description, parts.now()))


async def get(parts: Parts, call: Call) -> Response:
    """An experiment by id."""
    with layered("Failed to fetch experiment"):
        return JSONAnswer(await parts.store.read(get_experiment, call.parameters["experiment_id"]))


async def list_(parts: Parts, call: Call) -> Response:
    """A page of experiments."""
    query = read_list_query(call.given(LISTING), LISTABLE)
    return JSONAnswer(await parts.store.read(list_experiments, query))


async def archive(parts: Parts, call: Call) -> Response:
    """Puts an experiment away, with its runs."""
    await call.message(EMPTY_MESSAGE)
    await parts.store.write(archive_experiment, call.parameters["experiment_id"], parts.now())
    return EMPTY


async def unarchive(parts: Parts, call: Call) -> Response:
    """Takes an experiment back; its runs stay where they are."""
    await call.message(EMPTY_MESSAGE)
    await parts.store.write(restore_experiment, call.parameters["experiment_id"], parts.now())
    parts.schedules_changed()
    return EMPTY


async def delete(parts: Parts, call: Call) -> Response:
    """An experiment; its runs outlive it."""
    experiment_id = call.parameters["experiment_id"]
    with layered(
        "Failed to delete experiment", f"Failed to delete experiment {experiment_id} due to error fetching it"
    ):
        await parts.store.write(delete_experiment, experiment_id)
    return EMPTY


ROUTES = (
    Route("POST", "/experiments", create),
    Route("GET", "/experiments", list_),
    Route("POST", "/experiments/{experiment_id}:archive", archive),
    Route("POST", "/experiments/{experiment_id}:unarchive", unarchive),
    Route("GET", "/experiments/{experiment_id}", get),
    Route("DELETE", "/experiments/{experiment_id}", delete),
)
