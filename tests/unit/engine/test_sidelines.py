"""Authorization and visualizations, as a server for a single user answers."""

import pytest

from support.engine_api import EngineApi

VIEWER = {"namespace": "kubeflow", "resources": "VIEWERS", "verb": "GET"}


@pytest.mark.parametrize("version", ["v1beta1", "v2beta1"])
async def test_the_one_user_may_do_everything(api: EngineApi, version: str) -> None:
    answer = await api.client.get(f"/apis/{version}/auth", params=VIEWER)
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"namespace": ""}, "Namespace is empty"),
        ({"resources": ""}, "Resources not specified"),
        ({"resources": "UNASSIGNED_RESOURCES"}, "Resources not specified"),
        ({"verb": "0"}, "Verb not specified"),
        ({"verb": "PAINT"}, "verb"),
    ],
)
async def test_what_is_asked_must_be_complete(api: EngineApi, change: dict[str, str], reason: str) -> None:
    params = {name: value for name, value in {**VIEWER, **change}.items() if value}
    status, message = await api.refused("GET", "/auth", params=params)
    assert status == 400
    assert reason in message


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"type": "ROC_CURVE", "source": "gs://b/data.csv"}, 500, "there is none here"),
        ({"type": "CUSTOM", "arguments": "{}"}, 500, "there is none here"),
        ({"type": "ROC_CURVE"}, 400, "requires a Source"),
        ({"type": "CUSTOM", "arguments": "{"}, 400, "requires valid JSON"),
        ({"kind": "CUSTOM"}, 400, "kind"),
    ],
)
async def test_a_visualization_is_checked_and_then_nobody_draws_it(
    api: EngineApi, body: dict[str, str], status: int, reason: str
) -> None:
    answered, message = await api.refused("POST", "/visualizations/kubeflow", json=body)
    assert answered == status
    assert reason in message


async def test_the_first_version_of_the_api_has_its_health_only(api: EngineApi) -> None:
    assert (await api.client.get("/apis/v1beta1/healthz")).status_code == 200
    assert (await api.client.get("/apis/v1beta1/runs")).status_code == 404
    assert (await api.client.get("/apis/v3/healthz")).status_code == 404
