"""Every route that is served is documented, and every documented one is served."""

import re
from pathlib import Path

from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENTED = re.compile(r"^\| `(?P<methods>GET|POST|DELETE|PATCH|PUT) (?P<path>/[^` ?]*)`", re.MULTILINE)
PARAMETER = re.compile(r"\{[^}]*\}")


def documented(page: str) -> set[tuple[str, str]]:
    return {
        (match["methods"], PARAMETER.sub("{}", match["path"]))
        for match in DOCUMENTED.finditer((DOCS / page).read_text())
    }


def test_the_routes_of_v1_are_documented(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    openapi = adapter.http.get("/v1/openapi.json").json()
    served = {
        (method.upper(), PARAMETER.sub("{}", path)) for path, methods in openapi["paths"].items() for method in methods
    }
    operators = {("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/v1/openapi.json")}
    assert documented("api.md") == served | operators


def test_the_training_managers_routes_are_documented(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    routes = documented("training-manager.md")
    assert len(routes) == 13
    for method, path in routes:
        answer = adapter.http.request(method, path.replace("{}", "x"))
        assert answer.status_code != 405
        assert "There is nothing at" not in answer.text


def test_the_operators_routes_answer(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    assert adapter.http.get("/healthz").json() == {"status": "ok"}
    assert adapter.http.get("/readyz").json()["checks"] == {"kubeflow": "ok", "database": "ok"}
    adapter.http.get("/pipelines")
    metrics = adapter.http.get("/metrics").text
    assert 'kfadapter_http_requests_total{route="GET /pipelines",status="200"} 1.0' in metrics


def test_readyz_says_that_kubeflow_is_away(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    fake.outage()
    answer = adapter.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "ok"
    assert "cannot be reached" in answer.json()["checks"]["kubeflow"]
