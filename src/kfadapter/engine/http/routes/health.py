"""healthz: what this server is.

`tag_name` is the release of Kubeflow Pipelines whose API is spoken, as a bare version: clients compare it. Which
program speaks it stands in `commit_sha`.
"""

from starlette.responses import Response

from kfadapter import __version__
from kfadapter.engine.http.calls import ANY_METHOD, Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import JSONAnswer

SPOKEN_VERSION = "2.17.0"


async def get_healthz(parts: Parts, call: Call) -> Response:
    """Says that the server is up; any method is answered, as on KFP."""
    return JSONAnswer(
        {
            "commit_sha": f"kfadapter-{__version__}",
            "tag_name": SPOKEN_VERSION,
            "multi_user": False,
            "pipeline_store": "database",
        }
    )


ROUTES = (Route(ANY_METHOD, "/healthz", get_healthz),)
