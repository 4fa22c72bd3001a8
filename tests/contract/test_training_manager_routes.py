"""The Training Manager's contract, over real sockets: what every route answers, in front of every Kubeflow."""

import io
import json
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from kfadapter.testing.training_manager import FakeTrainingManager
from support.adapter import RunningAdapter

PIPELINES = Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines"
HELLO = (PIPELINES / "hello.yaml").read_bytes()
LITERALS = (PIPELINES / "all_types.yaml").read_bytes()
TWO_DOCUMENTS = (PIPELINES / "two_documents.yaml").read_bytes()


def without_literals() -> bytes:
    """One input of every type; Kubeflow 2.3.0 refuses specs that limit the values of an input."""
    spec = json.loads((PIPELINES / "all_types.json").read_bytes())
    for parameter in spec["root"]["inputDefinitions"]["parameters"].values():
        parameter.pop("literals", None)
    return json.dumps(spec).encode()


ALL_TYPES = without_literals()


def upload(adapter: RunningAdapter, name: str, content: bytes = HELLO, description: str | None = "") -> httpx.Response:
    """An upload exactly as the Training Manager sends it: filename "file", no content type of the part."""
    boundary = "f00dfeed"
    parts = [] if description is None else [f'name="description"\r\n\r\n{description}'.encode()]
    parts.append(b'name="file"; filename="file"\r\n\r\n' + content)
    body = b"".join(
        b"--" + boundary.encode() + b"\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts
    )
    return adapter.http.post(
        f"/pipelineIds/{quote(name)}",
        content=body + b"--" + boundary.encode() + b"--\r\n",
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )


def execution_body(pipeline: str, version: str, arguments: Mapping[str, str], experiment: str = "Default") -> Any:
    """An execution body as the Training Manager makes it: every value a text, five arguments of its own."""
    own = {
        "trainingjob_id": "7",
        "featuregroup_name": "base1",
        "modelName": "qoe",
        "modelVersion": "1",
        "modellocation": "",
    }
    return {
        "pipeline_name": pipeline,
        "pipeline_version": version,
        "experiment_name": experiment,
        "arguments": {**arguments, **own},
    }


ALL_TYPES_ARGUMENTS = {
    "text": "5",
    "whole": "3",
    "real": "1e-3",
    "flag": "True",
    "items": "[1, 2]",
    "table": "{'a': 'b'}",
}


def is_json(response: httpx.Response) -> bool:
    return response.headers["content-type"] == "application/json"


# ------------------------------------------------------------------------------------------------- pipelines


def test_no_pipelines_is_an_empty_list(any_adapter: RunningAdapter) -> None:
    answer = any_adapter.http.get("/pipelines")
    assert answer.status_code == 200
    assert is_json(answer)
    assert answer.json() == {"next_page_token": None, "total_size": 0, "pipelines": []}


def test_an_upload_as_the_training_manager_sends_it_is_listed_and_found(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, "qoe_Pipeline", description="quality of experience")
    assert made.status_code == 200, made.text
    assert made.json().keys() == {"id", "name", "version_id", "version_name"}
    assert made.json()["name"] == made.json()["version_name"] == "qoe_Pipeline"
    pipeline_id = made.json()["id"]

    listed = any_adapter.http.get("/pipelines").json()
    (one,) = listed["pipelines"]
    assert listed["total_size"] == 1
    assert one.keys() == {"pipeline_id", "display_name", "description", "created_at"}
    assert (one["pipeline_id"], one["display_name"]) == (pipeline_id, "qoe_Pipeline")
    assert one["description"] == "quality of experience"
    assert one["created_at"].endswith(" GMT")

    found = any_adapter.http.get("/pipelineIds/qoe_Pipeline")
    assert found.json() == {"id": pipeline_id, "name": "qoe_Pipeline"}
    assert any_adapter.http.get("/pipelines/qoe_Pipeline/versions").json() == {"versions_list": ["qoe_Pipeline"]}


def test_description_may_be_left_out(any_adapter: RunningAdapter) -> None:
    assert upload(any_adapter, "plain", description=None).status_code == 200
    assert any_adapter.http.get("/pipelines").json()["pipelines"][0]["description"] is None


def test_a_pipeline_tells_its_typed_inputs(any_adapter: RunningAdapter) -> None:
    pipeline_id = upload(any_adapter, "types", ALL_TYPES).json()["id"]
    answer = any_adapter.http.get(f"/pipelines/{pipeline_id}")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["id"], body["name"]) == (pipeline_id, "types")
    assert body["arguments"]["whole"] is None
    assert body["arguments"]["whole_default"] == 7
    assert body["arguments"]["real_default"] == 0.25
    assert body["arguments"]["flag_default"] is True
    assert body["arguments"]["items_default"] == [1, 2, 3]
    assert body["arguments"]["table_default"] == {"key": "value"}
    parameters = {one["name"]: one for one in body["parameters"]}
    assert parameters["whole"]["type"] == "NUMBER_INTEGER"
    assert parameters["whole"]["required"] is True
    assert parameters["text_optional"]["required"] is False
    assert parameters["mode"]["allowed"] is None
    assert parameters["mode"]["description"] == "How careful to be."
    assert [version["name"] for version in body["versions"]] == ["types"]
    assert body["default_version"]["name"] == "types"
    assert body["created_at"]


def test_the_values_an_input_is_limited_to_are_told(make_adapter: Any) -> None:
    adapter = make_adapter()
    pipeline_id = upload(adapter, "literals", LITERALS).json()["id"]
    parameters = {one["name"]: one for one in adapter.http.get(f"/pipelines/{pipeline_id}").json()["parameters"]}
    assert parameters["mode"]["allowed"] == ["fast", "exact"]
    assert parameters["level"]["allowed"] == [1, 2, 3]


def test_a_spec_stored_beside_a_platform_spec_tells_its_inputs_too(any_adapter: RunningAdapter) -> None:
    pipeline_id = upload(any_adapter, "platform", TWO_DOCUMENTS).json()["id"]
    body = any_adapter.http.get(f"/pipelines/{pipeline_id}").json()
    assert body["arguments"] == {"place": "/data", "claim": "scratch"}


def test_deleting_a_pipeline_takes_its_versions_along(any_adapter: RunningAdapter) -> None:
    pipeline_id = upload(any_adapter, "gone").json()["id"]
    upload(any_adapter, "gone")
    answer = any_adapter.http.delete(f"/pipelines/{pipeline_id}")
    assert answer.json() == {"id": pipeline_id, "status": "Deleted"}
    assert any_adapter.http.get("/pipelines").json()["pipelines"] == []
    again = any_adapter.http.delete(f"/pipelines/{pipeline_id}")
    assert again.status_code == 404
    assert again.json()["payload"] == {"pipe_id": pipeline_id}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_pipeline_id_is_404_with_a_message(any_adapter: RunningAdapter, method: str) -> None:
    answer = any_adapter.http.request(method, "/pipelines/3c1c2e0e-0000-4000-8000-000000000000")
    assert answer.status_code == 404
    assert is_json(answer)
    assert answer.json()["status"] == 404
    assert answer.json()["message"]


@pytest.mark.parametrize("path", ["/pipelineIds/nobody", "/experiments/nobody"])
def test_an_unknown_name_is_400_in_upstreams_words(any_adapter: RunningAdapter, path: str) -> None:
    answer = any_adapter.http.get(path)
    assert answer.status_code == 400
    assert is_json(answer)
    assert answer.json()["message"].endswith("ame does not exist")
    assert "nobody" in answer.json()["payload"].values()


def test_versions_of_an_unknown_pipeline_are_none(any_adapter: RunningAdapter) -> None:
    answer = any_adapter.http.get("/pipelines/nobody/versions")
    assert answer.status_code == 200
    assert answer.json() == {"versions_list": []}


@pytest.mark.parametrize("name", ["Ünïcode_名前", "with space [1]", "50% off + more", "a/b", "x" * 100])
def test_names_may_hold_any_character(any_adapter: RunningAdapter, name: str) -> None:
    made = upload(any_adapter, name)
    assert made.status_code == 200, made.text
    assert any_adapter.http.get(f"/pipelineIds/{quote(name)}").json() == {"id": made.json()["id"], "name": name}
    assert any_adapter.http.get(f"/pipelines/{quote(name)}/versions").json() == {"versions_list": [name]}


def test_lists_are_complete(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    for number in range(500):
        fake.add_pipeline(f"pipeline-{number}")
    body = adapter.http.get("/pipelines").json()
    assert body["total_size"] == 500
    assert len({one["pipeline_id"] for one in body["pipelines"]}) == 500


def test_a_page_is_answered_on_request(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    for number in range(45):
        fake.add_pipeline(f"pipeline-{number}")
    names: list[str] = []
    token = ""
    while True:
        answer = adapter.http.get("/pipelines", params={"page_size": 20, "page_token": token})
        names += [one["display_name"] for one in answer.json()["pipelines"]]
        token = answer.json()["next_page_token"]
        if token is None:
            break
        assert answer.headers["X-Next-Page-Token"] == token
    assert sorted(names) == sorted(f"pipeline-{number}" for number in range(45))


@pytest.mark.parametrize("size", ["0", "-1", "many", "1.5", ""])
def test_a_bad_page_size_is_400(adapter: RunningAdapter, size: str) -> None:
    answer = adapter.http.get("/pipelines", params={"page_size": size})
    assert answer.status_code == 400
    assert "page_size" in answer.json()["message"]


def test_250_versions_are_listed_oldest_first(any_adapter: RunningAdapter) -> None:
    upload(any_adapter, "many")
    for _ in range(249):
        assert upload(any_adapter, "many").status_code == 200
    names = any_adapter.http.get("/pipelines/many/versions").json()["versions_list"]
    assert names == ["many", *(str(number) for number in range(2, 251))]


# --------------------------------------------------------------------------------------------------- uploads


def test_later_versions_are_numbered_also_after_deletions(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    first, second, third = (upload(adapter, "gaps").json() for _ in range(3))
    assert [second["version_name"], third["version_name"]] == ["2", "3"]
    version = f"/apis/v2beta1/pipelines/{first['id']}/versions/{second['version_id']}"
    httpx.delete(f"{fake.url}{version}").raise_for_status()
    assert upload(adapter, "gaps").json()["version_name"] == "4"


def test_eight_uploads_race_for_one_pipeline_and_all_keep_their_own_bytes(any_adapter: RunningAdapter) -> None:
    def numbered(number: int) -> bytes:
        return HELLO.replace(b"Greets one word.", f"Greets word {number}.".encode())

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: upload(any_adapter, "raced", numbered(number)), range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    names = [answer.json()["version_name"] for answer in answers]
    assert sorted(names) == sorted(["raced", *(str(number) for number in range(2, 9))])
    kubeflow = any_adapter.service.kubeflow.base_url
    for number, answer in enumerate(answers):
        body = answer.json()
        version = httpx.get(f"{kubeflow}/apis/v2beta1/pipelines/{body['id']}/versions/{body['version_id']}").json()
        assert version["pipeline_spec"]["pipelineInfo"]["description"] == f"Greets word {number}."


def test_uploads_of_different_pipelines_at_once_do_not_mix(any_adapter: RunningAdapter) -> None:
    def one(number: int) -> dict[str, Any]:
        content = HELLO.replace(b"Greets one word.", f"Greets word {number}.".encode())
        return dict(upload(any_adapter, f"parallel-{number}", content).json())

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(one, range(8)))
    kubeflow = any_adapter.service.kubeflow.base_url
    for number, body in enumerate(made):
        version = httpx.get(f"{kubeflow}/apis/v2beta1/pipelines/{body['id']}/versions/{body['version_id']}").json()
        assert version["pipeline_spec"]["pipelineInfo"]["description"] == f"Greets word {number}."


def test_two_documents_stay_two_documents(any_adapter: RunningAdapter) -> None:
    body = upload(any_adapter, "two", TWO_DOCUMENTS).json()
    kubeflow = any_adapter.service.kubeflow.base_url
    version = httpx.get(f"{kubeflow}/apis/v2beta1/pipelines/{body['id']}/versions/{body['version_id']}").json()
    assert version["pipeline_spec"].keys() == {"pipeline_spec", "platform_spec"}


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_a_zip_named_file_is_told_by_its_content(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, "zipped", zipped(**{"pipeline.yaml": HELLO}))
    assert made.status_code == 200, made.text


def test_json_is_accepted(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, "json", (PIPELINES / "hello.json").read_bytes())
    assert made.status_code == 200, made.text


ALIAS_BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n".encode()
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
WORKFLOW = b"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: old-}\nspec: {}\n"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"a: [", "YAML"),
        (b"", "empty"),
        (b"   \n# nothing\n", "empty"),
        (ALIAS_BOMB, "values"),
        (b"[" * 50_000 + b"]" * 50_000, "nest"),
        (zipped(**{"../pipeline.yaml": HELLO}), ".."),
        (zipped(**{"pipeline.yaml": b"a: " + b"x" * 60_000_000}), "unpack"),
        (WORKFLOW, "v1"),
        (b"hello", "pipeline"),
        (b"\x00\xff\xfe", ""),
    ],
    ids=["malformed", "empty", "comments", "aliases", "deep", "outside", "bomb", "v1", "text", "binary"],
)
def test_a_package_kubeflow_must_never_see_is_refused_here(
    fake: FakeKubeflow, adapter: RunningAdapter, content: bytes, word: str
) -> None:
    answer = upload(adapter, "hostile", content)
    assert 400 <= answer.status_code < 500
    assert is_json(answer)
    assert word.lower() in answer.json()["message"].lower()
    assert fake.count("POST", r"upload") == 0


def test_a_package_over_the_limit_is_413(fake: FakeKubeflow, make_adapter: Any) -> None:
    adapter = make_adapter(kubeflow_url=fake.url, upload_limit_bytes=100_000)
    answer = upload(adapter, "large", b"#" * 1_000_000)
    assert answer.status_code == 413
    assert is_json(answer)
    assert "100000" in answer.json()["message"]


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"Content-Type": "application/json"}, b"{}"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--\r\n"),
        ({"Content-Type": "multipart/form-data"}, b"no boundary"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\ngarbage"),
        ({}, b""),
    ],
)
def test_a_form_without_a_file_is_400(adapter: RunningAdapter, headers: dict[str, str], content: bytes) -> None:
    answer = adapter.http.post("/pipelineIds/formless", headers=headers, content=content)
    assert answer.status_code == 400
    assert isinstance(answer.json()["message"], str)


def test_an_error_of_kubeflow_at_upload_reaches_the_user(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    body = json.dumps({"error_message": "the store is full", "error_details": "the store is full\ngithub.com/x.go:1"})
    fake.fail(Fault.status(500, body=body.encode()), method="POST", path=r"upload")
    answer = upload(adapter, "refused")
    assert answer.status_code == 502
    assert answer.json()["message"] == "the store is full"


# ------------------------------------------------------------------------------------------------- execution


def test_an_execution_answers_scheduled_and_starts_one_run(any_adapter: RunningAdapter) -> None:
    upload(any_adapter, "hello")
    answer = any_adapter.http.post("/trainingjobs/7/execution", json=execution_body("hello", "hello", {}))
    assert answer.status_code == 200, answer.text
    assert is_json(answer)
    body = answer.json()
    assert body["trainingjob_id"] == "7"
    assert body["run_status"] == "scheduled"
    assert body["run_name"] == f"trainingjob-7-{body['run_id'][:8]}"
    assert (body["experiment_name"], body["pipeline_name"]) == ("Default", "hello")
    assert body["experiment_id"]
    assert body["pipeline_id"]
    assert body["effective_arguments"] == {"word": "world"}
    assert "modellocation" in body["ignored_arguments"]
    assert any_adapter.http.get(f"/runs/{body['run_id']}").json()["run_id"] == body["run_id"]
    assert len(any_adapter.http.get("/runs").json()) == 1


def test_any_pipeline_with_typed_inputs_can_be_trained(any_adapter: RunningAdapter) -> None:
    upload(any_adapter, "types", ALL_TYPES)
    answer = any_adapter.http.post(
        "/trainingjobs/7/execution", json=execution_body("types", "types", ALL_TYPES_ARGUMENTS)
    )
    assert answer.status_code == 200, answer.text
    effective = answer.json()["effective_arguments"]
    assert effective["text"] == "5"
    assert effective["whole"] == 3
    assert effective["real"] == 0.001
    assert effective["flag"] is True
    assert effective["items"] == [1, 2]
    assert effective["table"] == {"a": "b"}
    assert effective["whole_default"] == 7


def test_every_argument_that_does_not_fit_is_named_before_kubeflow_is_called(
    fake: FakeKubeflow, adapter: RunningAdapter
) -> None:
    upload(adapter, "types", ALL_TYPES)
    arguments = {"text": "a", "whole": "many", "flag": "perhaps", "items": "[1", "table": "{}", "level": "x"}
    answer = adapter.http.post("/trainingjobs/7/execution", json=execution_body("types", "", arguments))
    assert answer.status_code == 400
    named = {one["argument"]: one["kind"] for one in answer.json()["errors"]}
    assert named == {"whole": "unfit", "real": "missing", "flag": "unfit", "items": "unfit", "level": "unfit"}
    assert all(name in answer.json()["message"] for name in named)
    assert fake.count("POST", r"/runs$") == 0


def test_aimlfws_own_inputs_are_filled_from_what_the_training_manager_sends(any_adapter: RunningAdapter) -> None:
    spec = json.loads((PIPELINES / "hello.json").read_bytes())
    text = {"parameterType": "STRING"}
    names = ("featurepath", "epochs", "modelname", "modelversion")
    spec["root"]["inputDefinitions"] = {"parameters": dict.fromkeys(names, text)}
    (task,) = spec["root"]["dag"]["tasks"].values()
    task["inputs"]["parameters"]["word"] = {"componentInputParameter": "featurepath"}
    assert upload(any_adapter, "qoe", json.dumps(spec).encode()).status_code == 200
    answer = any_adapter.http.post("/trainingjobs/7/execution", json=execution_body("qoe", "qoe", {"epochs": "1"}))
    assert answer.status_code == 200, answer.text
    assert answer.json()["effective_arguments"] == {
        "featurepath": "base1_7",
        "epochs": "1",
        "modelname": "qoe",
        "modelversion": "1",
    }


@pytest.mark.parametrize("version", ["", "latest"])
def test_an_empty_version_is_the_latest(any_adapter: RunningAdapter, version: str) -> None:
    upload(any_adapter, "hello")
    newest = upload(any_adapter, "hello").json()
    answer = any_adapter.http.post("/trainingjobs/7/execution", json=execution_body("hello", version, {}))
    assert answer.json()["pipeline_version_id"] == newest["version_id"]


def test_a_version_uploaded_a_moment_ago_is_the_latest(any_adapter: RunningAdapter) -> None:
    upload(any_adapter, "hello")
    for number in range(2, 5):
        newest = upload(any_adapter, "hello").json()
        assert newest["version_name"] == str(number)
        answer = any_adapter.http.post("/trainingjobs/7/execution", json=execution_body("hello", "latest", {}))
        assert answer.json()["pipeline_version_id"] == newest["version_id"]


def test_a_pipeline_deleted_and_uploaded_again_is_found_by_its_name(any_adapter: RunningAdapter) -> None:
    first = upload(any_adapter, "hello").json()
    body = execution_body("hello", "hello", {})
    assert any_adapter.http.post("/trainingjobs/1/execution", json=body).status_code == 200
    any_adapter.http.delete(f"/pipelines/{first['id']}")
    second = upload(any_adapter, "hello").json()
    answer = any_adapter.http.post("/trainingjobs/2/execution", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["pipeline_id"] == second["id"]


@pytest.mark.parametrize(
    ("pipeline", "version", "experiment", "message"),
    [
        ("nobody", "", "Default", "PipeLine Name does not exist"),
        ("hello", "99", "Default", "PipeLine Version does not exist"),
        ("hello", "", "nobody", "Experiment name does not exist"),
    ],
)
def test_unknown_names_in_an_execution_are_400(
    any_adapter: RunningAdapter, pipeline: str, version: str, experiment: str, message: str
) -> None:
    upload(any_adapter, "hello")
    answer = any_adapter.http.post("/trainingjobs/7/execution", json=execution_body(pipeline, version, {}, experiment))
    assert answer.status_code == 400
    assert answer.json()["message"] == message


def test_the_default_experiment_is_created_when_it_is_missing(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    for one in httpx.get(f"{fake.url}/apis/v2beta1/experiments").json().get("experiments", []):
        httpx.delete(f"{fake.url}/apis/v2beta1/experiments/{one['experiment_id']}").raise_for_status()
    upload(adapter, "hello")
    answer = adapter.http.post("/trainingjobs/7/execution", json=execution_body("hello", "", {}))
    assert answer.status_code == 200, answer.text
    assert adapter.http.get("/experiments").json() == {"Default": answer.json()["experiment_id"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (b"{}", "Less arguments"),
        (b'{"pipeline_name": "x"}', "Less arguments"),
        (b"[" * 100_000, "not JSON"),
        (b'{"pipeline_name":1,"pipeline_version":2,"experiment_name":[],"arguments":"x"}', "must be"),
    ],
)
def test_a_bad_execution_body_is_400_with_a_reason(adapter: RunningAdapter, content: bytes, message: str) -> None:
    answer = adapter.http.post(
        "/trainingjobs/7/execution", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert is_json(answer)
    assert message in answer.json()["message"]


def test_run_status_is_scheduled_whatever_state_kubeflow_answers(
    fake: FakeKubeflow, adapter: RunningAdapter, training_manager: FakeTrainingManager
) -> None:
    upload(adapter, "hello")
    body = adapter.http.post("/trainingjobs/7/execution", json=execution_body("hello", "", {})).json()
    assert body["run_status"] == "scheduled"
    fake.finish(body["run_id"], "SUCCEEDED")
    told = training_manager.wait_for(1)[0]
    assert (told.run_id, told.run_status, told.job_id) == (body["run_id"], "SUCCEEDED", "7")


def test_an_execution_with_a_key_is_one_run_however_often_it_comes(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    upload(adapter, "hello")
    wanted, key = execution_body("hello", "", {}), {"Idempotency-Key": '"0f8c \\"x\\""'}
    first, second = (adapter.http.post("/trainingjobs/7/execution", json=wanted, headers=key) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert fake.workflows_started(first.json()["run_id"]) == 1
    assert len(fake.run_ids) == 1

    other = execution_body("hello", "", {"word": "other"})
    refused = adapter.http.post("/trainingjobs/7/execution", json=other, headers=key)
    assert refused.status_code == 422
    assert first.json()["run_id"] in refused.json()["message"]

    unkeyed = adapter.http.post("/trainingjobs/7/execution", json=wanted)
    assert unkeyed.json()["run_id"] != first.json()["run_id"]
    elsewhere = adapter.http.post("/trainingjobs/8/execution", json=other, headers=key)
    assert elsewhere.status_code == 200


@pytest.mark.parametrize("key", ["", '""', "x" * 256])
def test_a_key_that_is_none_is_refused(fake: FakeKubeflow, adapter: RunningAdapter, key: str) -> None:
    upload(adapter, "hello")
    body = execution_body("hello", "", {})
    answer = adapter.http.post("/trainingjobs/7/execution", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["message"]
    assert fake.run_ids == []


# ------------------------------------------------------------------------------------------------------ runs


def start(adapter: RunningAdapter, job: int = 7, pipeline: str = "hello") -> dict[str, Any]:
    answer = adapter.http.post(f"/trainingjobs/{job}/execution", json=execution_body(pipeline, "", {}))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def create_run(fake: FakeKubeflow, **fields: Any) -> str:
    answer = httpx.post(f"{fake.url}/apis/v2beta1/runs", json=fields)
    answer.raise_for_status()
    return str(answer.json()["run_id"])


def test_runs_of_every_kind_are_listed(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    upload(adapter, "hello")
    doomed = upload(adapter, "doomed").json()
    kept = start(adapter)
    orphan = start(adapter, 8, "doomed")
    inline = create_run(fake, display_name="inline", pipeline_spec=json.loads((PIPELINES / "hello.json").read_bytes()))
    adapter.http.delete(f"/pipelines/{doomed['id']}")
    body = adapter.http.get("/runs").json()
    by_id = {one["run_id"]: one for one in body.values()}
    assert by_id.keys() == {kept["run_id"], orphan["run_id"], inline}
    assert by_id[kept["run_id"]]["pipeline_name"] == "hello"
    assert by_id[inline]["pipeline_name"] is None
    assert by_id[orphan["run_id"]]["run_status"]
    keys = {"run_id", "run_description", "run_status", "experiment_id", "pipeline_name", "pipeline_id"}
    assert all(keys <= one.keys() for one in body.values())


def test_runs_that_share_a_name_are_all_there(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    spec = json.loads((PIPELINES / "hello.json").read_bytes())
    ids = [create_run(fake, display_name="same", pipeline_spec=spec) for _ in range(3)]
    body = adapter.http.get("/runs").json()
    assert {one["run_id"] for one in body.values()} == set(ids)
    assert "same" in body


def test_a_list_of_runs_costs_a_constant_number_of_calls_a_page(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    fake.add_runs(250)
    before = len(fake.requests)
    assert len(adapter.http.get("/runs").json()) == 250
    assert len(fake.requests) - before <= 4


def test_a_run_shows_kubeflows_word(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    upload(adapter, "hello")
    run = start(adapter)
    fake.finish(run["run_id"], "FAILED")
    assert adapter.http.get(f"/runs/{run['run_id']}").json() == {
        "run_id": run["run_id"],
        "run_name": run["run_name"],
        "run_status": "FAILED",
    }


def test_an_unknown_run_is_404(any_adapter: RunningAdapter) -> None:
    run_id = "3c1c2e0e-0000-4000-8000-000000000000"
    answer = any_adapter.http.get(f"/runs/{run_id}")
    assert answer.status_code == 404
    assert answer.json()["payload"] == {"run_id": run_id}


def test_a_deleted_job_is_terminated_and_not_notified(
    fake: FakeKubeflow, adapter: RunningAdapter, training_manager: FakeTrainingManager
) -> None:
    upload(adapter, "hello")
    deleted, other = start(adapter, 7), start(adapter, 8)
    answer = adapter.http.delete(f"/runs/{deleted['run_id']}")
    assert answer.status_code == 200
    assert is_json(answer)
    assert fake.count("POST", rf"/runs/{deleted['run_id']}:terminate$") == 1
    fake.finish(deleted["run_id"], "FAILED")
    fake.finish(other["run_id"], "SUCCEEDED")
    told = training_manager.wait_for(1)
    assert [one.body["trainingjob_id"] for one in told] == ["8"]


def test_runs_the_adapter_did_not_start_are_terminated_too(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    run_id = create_run(fake, display_name="foreign", pipeline_spec=json.loads((PIPELINES / "hello.json").read_bytes()))
    assert adapter.http.delete(f"/runs/{run_id}").status_code == 200
    assert fake.count("POST", rf"/runs/{run_id}:terminate$") == 1


def test_stopping_a_finished_run_is_calm(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    upload(adapter, "hello")
    run = start(adapter)
    fake.finish(run["run_id"], "SUCCEEDED")
    answer = adapter.http.delete(f"/runs/{run['run_id']}")
    assert answer.status_code == 200
    assert is_json(answer)


@pytest.mark.parametrize("run_id", ["None", "3c1c2e0e-0000-4000-8000-000000000000", "no-uuid"])
def test_stopping_what_is_no_run_is_a_calm_404(any_adapter: RunningAdapter, run_id: str) -> None:
    answer = any_adapter.http.delete(f"/runs/{run_id}")
    assert answer.status_code == 404
    assert is_json(answer)
    assert isinstance(answer.json()["message"], str)


# ----------------------------------------------------------------------------------------------- experiments


def test_all_experiments_are_listed_and_found(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    made = {}
    for number in range(45):
        name = f"experiment-{number}"
        answer = httpx.post(f"{fake.url}/apis/v2beta1/experiments", json={"display_name": name})
        made[name] = answer.json()["experiment_id"]
    body = adapter.http.get("/experiments").json()
    assert made.items() <= body.items()
    assert adapter.http.get("/experiments/experiment-44").json() == {
        "id": made["experiment-44"],
        "name": "experiment-44",
    }


def test_errors_of_experiments_are_no_experiments(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    fake.fail(Fault.status(500), path=r"/experiments$", times=None)
    answer = adapter.http.get("/experiments")
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"


# ------------------------------------------------------------------------------------------- a bad Kubeflow

READS = ["/pipelines", "/pipelines/x", "/pipelines/x/versions", "/pipelineIds/x", "/runs", "/runs/x", "/experiments"]


@pytest.mark.parametrize("path", [*READS, "/experiments/x"])
def test_a_hanging_kubeflow_is_504_within_the_timeout(fake: FakeKubeflow, make_adapter: Any, path: str) -> None:
    adapter = make_adapter(kubeflow_url=fake.url, request_timeout_seconds=0.5)
    fake.fail(Fault.hang(), times=None)
    answer = adapter.http.get(path, timeout=5)
    assert answer.status_code == 504
    assert answer.headers["content-type"] in {"application/json", "application/problem+json"}
    assert isinstance(answer.json()["message"], str)
    assert adapter.http.get("/liveness", timeout=1).text == "Okay"


@pytest.mark.parametrize("path", [*READS, "/experiments/x"])
def test_an_absent_kubeflow_is_503_at_once(fake: FakeKubeflow, adapter: RunningAdapter, path: str) -> None:
    fake.outage()
    answer = adapter.http.get(path, timeout=5)
    assert answer.status_code == 503
    assert isinstance(answer.json()["message"], str)
    assert adapter.http.get("/liveness").text == "Okay"


@pytest.mark.parametrize("fault", [Fault.html(), Fault.cut(), Fault.reset()], ids=["html", "cut", "reset"])
@pytest.mark.parametrize("path", ["/pipelines", "/runs", "/experiments"])
def test_a_broken_answer_is_502_json(fake: FakeKubeflow, adapter: RunningAdapter, path: str, fault: Fault) -> None:
    fake.fail(fault, method="GET", times=None)
    answer = adapter.http.get(path, timeout=15)
    assert answer.status_code in {502, 503}
    assert "<html" not in answer.text.lower()
    assert isinstance(answer.json()["message"], str)


def test_one_hiccup_on_a_read_is_not_seen(fake: FakeKubeflow, adapter: RunningAdapter) -> None:
    fake.add_pipeline("there")
    fake.fail(Fault.status(503), path=r"/pipelines$", times=1)
    assert adapter.http.get("/pipelines").status_code == 200


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.cut()], ids=["reset", "cut"])
def test_a_cut_answer_to_a_create_is_adopted_and_not_repeated(
    fake: FakeKubeflow, adapter: RunningAdapter, fault: Fault
) -> None:
    upload(adapter, "hello")
    fake.fail(fault, method="POST", path=r"/runs$", after=True)
    body = start(adapter)
    assert body["run_status"] == "scheduled"
    assert fake.workflows_started(body["run_id"]) == 1
    assert fake.count("POST", r"/runs$") == 1


def test_unknown_paths_and_methods_are_json(adapter: RunningAdapter) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/pipelines", 405), ("POST", "/liveness", 405)):
        answer = adapter.http.request(method, path)
        assert answer.status_code == status
        assert is_json(answer)
        assert answer.json()["status"] == status
        assert isinstance(answer.json()["message"], str)


def test_liveness_is_upstreams_to_the_letter(adapter: RunningAdapter) -> None:
    answer = adapter.http.get("/liveness")
    assert answer.text == "Okay"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
