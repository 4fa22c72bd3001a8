"""`/v1/pipelines/{id}/versions`: versions, their specifications, and what they say."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.test_v1_pipelines import FLOW, HELLO, NOWHERE, PIPELINES, problem, upload
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter

TWO_DOCUMENTS = (PIPELINES / "two_documents.yaml").read_bytes()


def base(made: dict[str, Any], version: str = "") -> str:
    version = version or made["version"]["pipeline_version_id"]
    return f"/v1/pipelines/{made['pipeline']['pipeline_id']}/versions/{version}"


def test_versions_are_listed_newest_first_with_their_digests(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    upload(any_adapter, FLOW, name="p", version="b")
    page = any_adapter.http.get(base(made).rpartition("/")[0]).json()
    assert {one["display_name"] for one in page["pipeline_versions"]} == {"p", "b"}
    assert len({one["digest"] for one in page["pipeline_versions"]}) == 2
    assert all(one["sdk_version"].startswith("kfp-") for one in page["pipeline_versions"])
    assert "pipeline_spec" not in page["pipeline_versions"][0]


def test_pages_of_versions_need_no_order_beside_their_token(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    for _ in range(3):
        upload(any_adapter, HELLO, name="p")
    path = base(made).rpartition("/")[0]
    first = any_adapter.http.get(path, params={"page_size": 3}).json()
    second = any_adapter.http.get(path, params={"page_size": 3, "page_token": first["next_page_token"]}).json()
    names = [one["display_name"] for page in (first, second) for one in page["pipeline_versions"]]
    assert sorted(names) == ["2", "3", "4", "p"]


def test_a_version_is_meant_by_id_name_or_latest(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    upload(any_adapter, HELLO, name="p", version="team/x 1")
    assert any_adapter.http.get(base(made)).json()["display_name"] == "p"
    assert any_adapter.http.get(base(made, "p")).json()["display_name"] == "p"
    named = any_adapter.http.get(base(made, "by-name/team/x 1")).json()
    assert named["display_name"] == "team/x 1"
    assert any_adapter.http.get(base(made, "latest")).status_code == 200
    problem(any_adapter.http.get(base(made, "nobody")), 404, "name-not-found")
    problem(any_adapter.http.get(base(made, NOWHERE)), 404, "not-found")


def test_another_pipelines_version_is_not_found(any_adapter: RunningAdapter) -> None:
    mine, other = upload(any_adapter, HELLO, name="mine"), upload(any_adapter, HELLO, name="other")
    assert any_adapter.http.get(base(mine) + "/parameters").status_code == 200
    stolen = base(other, mine["version"]["pipeline_version_id"])
    for path in (stolen, f"{stolen}/parameters", f"{stolen}/spec"):
        problem(any_adapter.http.get(path), 404, "not-found")


def test_the_specification_comes_as_it_was_uploaded(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, FLOW, name="p")
    as_yaml = any_adapter.http.get(base(made) + "/spec.yaml")
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(as_yaml.content) == yaml.safe_load(FLOW)
    assert any_adapter.http.get(base(made) + "/spec.json").json() == yaml.safe_load(FLOW)
    assert any_adapter.http.get(base(made) + "/spec").headers["content-type"] == "application/json"
    chosen = any_adapter.http.get(base(made) + "/spec", headers={"Accept": "application/yaml, application/json;q=0.5"})
    assert chosen.headers["content-type"] == "application/yaml"
    refused = any_adapter.http.get(base(made) + "/spec", headers={"Accept": "image/png"})
    assert refused.status_code == 406


def test_a_platform_document_is_the_second_one(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, TWO_DOCUMENTS, name="p")
    text = any_adapter.http.get(base(made) + "/spec.yaml").text
    assert list(yaml.safe_load_all(text)) == list(yaml.safe_load_all(TWO_DOCUMENTS))
    # Uploaded again it is the same content.
    answer = any_adapter.http.post("/v1/pipelines?name=p&if_changed=true", content=text.encode())
    assert answer.json()["unchanged"] is True


def test_an_unchanged_specification_is_304_without_asking_kubeflow(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    made = upload(adapter, FLOW, name="p")
    for form in ("spec.yaml", "spec.json", "graph.json", "parameters", "images"):
        tag = adapter.http.get(f"{base(made)}/{form}").headers["etag"]
        assert tag.startswith('"')
        before = len(asked_for_pipelines(fake))
        again = adapter.http.get(f"{base(made)}/{form}", headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert len(asked_for_pipelines(fake)) == before


def asked_for_pipelines(fake: FakeKubeflow) -> list[str]:
    """What was asked but for what the index of runs asks by itself."""
    return [request.path for request in fake.requests if "/pipelines" in request.path]


def test_only_addresses_by_id_are_kept_for_good(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    assert "immutable" in any_adapter.http.get(f"{base(made)}/spec.json").headers["cache-control"]
    assert "no-cache" in any_adapter.http.get(f"{base(made, 'latest')}/spec.json").headers["cache-control"]
    by_name = any_adapter.http.get(f"{base(made, 'p')}/spec.json")
    again = any_adapter.http.get(f"{base(made, 'p')}/spec.json", headers={"If-None-Match": by_name.headers["etag"]})
    assert again.status_code == 304


def test_yaml_and_json_have_tags_of_their_own(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    tag = any_adapter.http.get(f"{base(made)}/spec.yaml").headers["etag"]
    assert any_adapter.http.get(f"{base(made)}/spec.json", headers={"If-None-Match": tag}).status_code == 200


def test_a_specification_is_fetched_once_for_all_who_ask(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    pipeline_id = fake.add_pipeline("p", spec=yaml.safe_load(FLOW), versions=())
    version_id = fake.add_version(pipeline_id, "v", spec=yaml.safe_load(FLOW))
    path = f"/v1/pipelines/{pipeline_id}/versions/{version_id}"
    for form in ("parameters", "graph", "schema", "images", "warnings"):
        assert adapter.http.get(f"{path}/{form}").status_code == 200
    assert fake.count("GET", f"/versions/{version_id}") == 1


def test_parameters_say_what_goes_in_and_comes_out(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    body = any_adapter.http.get(base(made) + "/parameters").json()
    [word] = body["parameters"]
    assert (word["name"], word["type"]) == ("word", "STRING")
    assert [one["name"] for one in body["outputs"]["parameters"]] == ["Output"]


def test_the_schema_is_a_json_schema(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, FLOW, name="p")
    answer = any_adapter.http.get(base(made) + "/schema")
    assert answer.headers["content-type"] == "application/schema+json"
    assert set(answer.json()["properties"]) == {"names", "seed"}


@pytest.mark.parametrize(
    ("suffix", "accept", "begins"),
    [
        ("svg", "image/svg+xml", "<"),
        ("dot", "text/vnd.graphviz", "digraph"),
        ("mmd", "text/vnd.mermaid", ""),
        ("json", "application/json", "{"),
    ],
)
def test_the_graph_comes_in_four_forms(any_adapter: RunningAdapter, suffix: str, accept: str, begins: str) -> None:
    made = upload(any_adapter, FLOW, name="p")
    by_suffix = any_adapter.http.get(f"{base(made)}/graph.{suffix}")
    by_accept = any_adapter.http.get(f"{base(made)}/graph", headers={"Accept": accept})
    assert by_suffix.headers["content-type"].split(";")[0] == by_accept.headers["content-type"].split(";")[0] == accept
    assert by_suffix.content == by_accept.content
    assert by_suffix.text.lstrip().startswith(begins)
    assert "toss" in by_suffix.text


def test_images_and_remarks_are_data(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, FLOW, name="p")
    images = any_adapter.http.get(base(made) + "/images").json()["images"]
    assert [one["name"] for one in images] == ["python:3.11"]
    assert len(images[0]["steps"]) == 9
    remarks = any_adapter.http.get(base(made) + "/warnings").json()["warnings"]
    assert all({"rule", "severity", "path", "message", "advice"} == set(one) for one in remarks)


def test_preflight_says_what_an_old_cluster_cannot_honour(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    spec = json.loads((PIPELINES / "all_types.json").read_text())
    pipeline_id = fake.add_pipeline("p", spec=spec)
    body = adapter.http.get(f"/v1/pipelines/{pipeline_id}/versions/latest/preflight").json()
    assert body["asked"] == "release"
    literals = [one for one in body["findings"] if one["feature"] == "literals"]
    assert body["ok"] is not bool(literals)
    assert bool(literals) == (fake.wire.value == "2.3.0")


def test_preflight_of_the_engine_is_its_own_word_or_unavailable(make_adapter: Callable[..., RunningAdapter]) -> None:
    adapter = make_adapter()
    made = upload(adapter, HELLO, name="p")
    body = adapter.http.get(base(made) + "/preflight").json()
    assert body["asked"] in ("engine", "nobody")
    assert (body["ok"] is None) == bool(body["unavailable"])


def test_preflight_of_a_server_without_release_says_so(make_adapter: Callable[..., RunningAdapter]) -> None:
    with FakeKubeflow(tag_name="") as fake:
        adapter = make_adapter(kubeflow_url=fake.url)
        pipeline_id = fake.add_pipeline("p")
        body = adapter.http.get(f"/v1/pipelines/{pipeline_id}/versions/latest/preflight").json()
    assert (body["asked"], body["ok"]) == ("nobody", None)
    [gap] = body["unavailable"]
    assert gap["what"] == "findings"
    assert "release" in gap["reason"]


def test_arguments_are_checked_as_the_training_manager_would_send_them(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, FLOW, name="p")
    path = base(made, "latest") + ":checkArguments"
    good = any_adapter.http.post(path, json={"arguments": {"seed": "7", "colour": "red"}}).json()
    assert good["accepted"] is True
    assert good["passed"] == {"seed": 7}
    assert good["ignored"] == ["colour"]
    assert good["defaulted"] == ["names"]
    bad = any_adapter.http.post(path, json={"arguments": {"seed": "x"}}).json()
    assert bad["accepted"] is False
    assert [one["name"] for one in bad["problems"]] == ["seed"]
    problem(any_adapter.http.post(path, json={"arguments": []}), 422, "invalid-request")
    problem(any_adapter.http.post(path, content=b"{"), 422, "invalid-request")


def test_versions_are_renamed_where_kubeflow_can(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    answer = any_adapter.http.patch(base(made, "latest"), json={"display_name": "one", "tags": {"a": "b"}})
    if answer.status_code == 501:
        problem(answer, 501, "not-available-here")
        return
    assert (answer.json()["display_name"], answer.json()["tags"]) == ("one", {"a": "b"})
    assert any_adapter.http.get(base(made, "one")).json()["pipeline_version_id"] in base(made)


def test_a_deleted_version_is_gone_everywhere(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    assert any_adapter.http.get(base(made) + "/graph").status_code == 200
    assert any_adapter.http.delete(base(made)).status_code == 204
    problem(any_adapter.http.get(base(made)), 404, "not-found")
    problem(any_adapter.http.get(base(made) + "/graph"), 404, "not-found")
    shown = any_adapter.http.get(f"/v1/pipelines/{made['pipeline']['pipeline_id']}").json()
    assert (shown["version_count"], shown["latest_version"], shown["parameters"]) == (0, None, [])
    problem(any_adapter.http.get(base(made, "latest")), 404, "name-not-found")


def test_a_further_version_may_be_a_form_with_its_name(any_adapter: RunningAdapter, tmp_path: Path) -> None:
    made = upload(any_adapter, HELLO, name="p")
    path = base(made).rpartition("/")[0]
    answer = any_adapter.http.post(path, files={"file": ("x.yaml", FLOW)}, data={"name": "by form"})
    assert answer.json()["version"]["display_name"] == "by form"
    assert answer.json()["pipeline"]["pipeline_id"] == made["pipeline"]["pipeline_id"]
    problem(any_adapter.http.post(f"/v1/pipelines/{NOWHERE}/versions", content=HELLO), 404, "not-found")


def test_versions_of_one_second_are_the_newest_first(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="quick")["pipeline"]["pipeline_id"]
    path = f"/v1/pipelines/{made}/versions"
    for name, content in (("v1", FLOW), ("v2", HELLO), ("v3", FLOW)):
        assert any_adapter.http.post(path, params={"name": name}, content=content).status_code == 201
    assert any_adapter.http.get(f"{path}/latest").json()["display_name"] == "v3"
    listed = any_adapter.http.get(path).json()["pipeline_versions"]
    assert [one["display_name"] for one in listed] == ["v3", "v2", "v1", "quick"]


def test_what_came_in_the_newest_second_counts_as_unchanged(adapter: RunningAdapter, fake: FakeKubeflow) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with fake.lock:
        pipeline_id = fake.add_pipeline("quick", spec=yaml.safe_load(FLOW), created_at=now)
        fake.add_version(pipeline_id, "v1.0", spec=yaml.safe_load(HELLO), created_at=now)
        fake.add_version(pipeline_id, "2", spec=yaml.safe_load(FLOW), created_at=now)
    for content in (HELLO, FLOW):
        again = upload(adapter, content, name="quick", if_changed=True)
        assert again["unchanged"] is True, again["version"]["name"]


def test_the_engine_is_believed_which_version_came_last(make_adapter: Any) -> None:
    adapter = make_adapter()
    made = upload(adapter, HELLO, name="quick")["pipeline"]["pipeline_id"]
    path = f"/v1/pipelines/{made}/versions"
    for name, content in (("zeta", FLOW), ("alpha", HELLO)):
        assert adapter.http.post(path, params={"name": name}, content=content).status_code == 201
    assert adapter.http.get(f"{path}/latest").json()["display_name"] == "alpha"
    assert adapter.http.get(path).json()["pipeline_versions"][0]["display_name"] == "alpha"
