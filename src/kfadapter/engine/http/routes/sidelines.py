"""Visualizations and authorization, answered as a single-user Kubeflow Pipelines without a visualization service does.

Both are there in v1beta1 too, where the UI and older clients ask for them.
"""

import orjson
from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import EMPTY
from kfadapter.engine.protocol.faults import ApiError, Code, invalid, layered
from kfadapter.engine.protocol.messages import VISUALIZATION
from kfadapter.engine.protocol.wire import Enumeration, Scalar

RESOURCES = Enumeration(("UNASSIGNED_RESOURCES", "VIEWERS"))
VERB = Enumeration(("UNASSIGNED_VERB", "CREATE", "GET", "DELETE"))
CUSTOM = "CUSTOM"


async def authorize(parts: Parts, call: Call) -> Response:
    """Whether the caller may do something: there is one user, who may do everything."""
    given = call.given({"namespace": Scalar.STRING, "resources": RESOURCES, "verb": VERB})
    with layered("Authorize request is not valid"):
        if not given.get("namespace"):
            raise invalid("Namespace is empty. Please specify a valid namespace")
        if given.get("resources", "UNASSIGNED_RESOURCES") == "UNASSIGNED_RESOURCES":
            raise invalid("Resources not specified. Please specify a valid resources")
        if given.get("verb", "UNASSIGNED_VERB") == "UNASSIGNED_VERB":
            raise invalid("Verb not specified. Please specify a valid verb")
    return EMPTY


async def visualize(parts: Parts, call: Call) -> Response:
    """A request is checked; then there is no service that would draw."""
    message = await call.message(VISUALIZATION)
    source, arguments = message.get("source", ""), message.get("arguments", "") or "{}"
    if message.get("type") != CUSTOM and not source:
        raise invalid(f"A visualization requires a Source to be provided. Received {source}")
    try:
        orjson.loads(arguments)
    except orjson.JSONDecodeError as exc:
        reason = f"A visualization requires valid JSON to be provided as Arguments. Received {arguments}"
        raise invalid(reason) from exc
    reason = "Cannot generate visualization.: Unable to verify visualization service aliveness: there is none here"
    raise ApiError(Code.UNKNOWN, reason)


async def report(parts: Parts, call: Call) -> Response:
    """What KFP's persistence agent reports of workflows in a cluster."""
    reason = "there are no workflows to report of: the engine runs pipelines itself"
    raise ApiError(Code.UNIMPLEMENTED, reason, reason)


ROUTES = (
    Route("GET", "/auth", authorize),
    Route("POST", "/workflows", report),
    Route("POST", "/scheduledworkflows", report),
    Route("POST", "/visualizations/{namespace}", visualize),
)
