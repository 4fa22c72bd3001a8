"""The OpenAPI document of `/v1` against what is served: whatever is sent, no 5xx, and only the shapes it tells."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from contract.test_v1_pipelines import FLOW, HELLO, upload
from support.adapter import RunningAdapter

EXAMPLES = 15
# Parameters that make an answer wait, which is tested elsewhere.
SLOW = {"wait", "follow"}


@pytest.fixture(scope="module")
def engine_adapter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAdapter]:
    with RunningAdapter(tmp_path_factory.mktemp("data")) as running:
        made = upload(running, HELLO, name="hello")
        upload(running, FLOW, name="hello", version="two")
        upload(running, FLOW, name="flow")
        assert made["created"]
        yield running


@pytest.fixture
def api_schema(engine_adapter: RunningAdapter) -> Any:
    schema = schemathesis.openapi.from_url(f"{engine_adapter.url}/v1/openapi.json")
    return schema.include(path_regex=r"^/v1/(pipelines|experiments|server|runs|recurring-runs)").exclude(
        path_regex="events"
    )


CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_every_answer_with_a_body_tells_what_it_is(engine_adapter: RunningAdapter) -> None:
    document = engine_adapter.http.get("/v1/openapi.json").json()
    silent = [
        f"{method} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        if status in ("200", "201") and "content" not in answer
    ]
    assert silent == []


# The adapter in this process draws its jitter while cases are made.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.timeout(600)
def test_whatever_is_sent_is_answered_as_described(api_schema: Any, engine_adapter: RunningAdapter) -> None:
    ids = _ids(engine_adapter)
    operations = [result.ok() for result in api_schema.get_all_operations()]
    assert len(operations) > 55
    for operation in operations:
        _try(operation, engine_adapter, ids)


def _try(operation: Any, adapter: RunningAdapter, ids: dict[str, str]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), is_there=strategies.booleans())
    def sends(case: Any, is_there: bool) -> None:
        for name in set(case.path_parameters or {}) & set(ids):
            if is_there and case.method != "DELETE":
                case.path_parameters[name] = ids[name]
        for name in SLOW & set(case.query or {}):
            del case.query[name]
        answer = case.call(base_url=adapter.url)
        case.validate_response(answer, checks=CHECKED)

    sends()


def _ids(adapter: RunningAdapter) -> dict[str, str]:
    found = adapter.http.get("/v1/pipelines", params={"name": "flow", "view": "FULL"}).json()["pipelines"]
    experiments = adapter.http.get("/v1/experiments").json()["experiments"]
    run = adapter.http.post("/v1/runs", json={"pipeline": "hello", "arguments": {"word": "x"}}).json()
    return {
        "run_id": run.get("run_id", "gone"),
        "pipeline_id": found[0]["pipeline_id"] if found else "gone",
        "version": "latest",
        "experiment_id": experiments[0]["experiment_id"] if experiments else "gone",
    }


def test_every_problem_is_declared_as_problem_details(engine_adapter: RunningAdapter) -> None:
    document = engine_adapter.http.get("/v1/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            declared = operation["responses"]
            assert set(declared["default"]["content"]) == {"application/problem+json"}, (method, path)
            if "{" in path:
                assert "404" in declared, (method, path)


def test_answers_have_exactly_the_declared_keys(engine_adapter: RunningAdapter) -> None:
    http = engine_adapter.http
    document = http.get("/v1/openapi.json").json()
    upload(engine_adapter, FLOW, name="keys")
    found = http.get("/v1/pipelines?name=keys&view=FULL").json()["pipelines"][0]
    below = f"/v1/pipelines/{found['pipeline_id']}"
    keys: Callable[[str], set[str]] = lambda name: set(document["components"]["schemas"][name]["properties"])  # noqa: E731
    assert set(found) == keys("PipelineWithParameters")
    detail = http.get(below).json()
    assert set(detail) == keys("PipelineDetail")
    assert set(detail["latest_version"]) == keys("VersionDetail") - {"pipeline_spec"}
    assert set(http.get(f"{below}/versions/latest/preflight").json()) == keys("Preflight")
    assert set(http.get("/v1/server").json()["kubeflow"]) == keys("KubeflowServer")
