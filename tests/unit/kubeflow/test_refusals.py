"""Kubeflow's error answers: what they are taken for, and the words a person gets to read."""

import json

import pytest

from kfadapter.errors import (
    KubeflowConflict,
    KubeflowError,
    KubeflowForbidden,
    KubeflowInvalid,
    KubeflowMalformed,
    KubeflowNotFound,
    KubeflowTimeout,
    KubeflowUnavailable,
)
from kfadapter.kubeflow.refusals import REASON_LENGTH, readable, refusal

JSON = "application/json"
STATUS_TYPE = "type.googleapis.com/google.rpc.Status"


def answer(code: int, message: str, detail: str = "", *, old: bool = False) -> bytes:
    document: dict[str, object] = {"code": code, "message": message}
    if old:
        document["error"] = message
    if detail:
        document["details"] = [{"@type": STATUS_TYPE, "code": code, "message": detail}]
    return json.dumps(document).encode()


@pytest.mark.parametrize("old", [False, True], ids=["2.17", "2.3.0"])
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 3, KubeflowInvalid),
        (504, 4, KubeflowTimeout),
        (404, 5, KubeflowNotFound),
        (409, 6, KubeflowConflict),
        (403, 7, KubeflowForbidden),
        (429, 8, KubeflowUnavailable),
        (400, 9, KubeflowConflict),
        (409, 10, KubeflowConflict),
        (501, 12, KubeflowInvalid),
        (503, 14, KubeflowUnavailable),
        (401, 16, KubeflowForbidden),
        (500, 2, KubeflowError),
    ],
)
def test_a_grpc_code_decides_the_kind(status: int, code: int, kind: type[KubeflowError], old: bool) -> None:
    error = refusal(status, JSON, answer(code, "Failed to x: something", "something", old=old))
    assert type(error) is kind
    assert (error.reason, error.status) == ("something", status)


@pytest.mark.parametrize(
    ("chain", "kind", "reason"),
    [
        (
            (
                "Failed to create a new run: InternalServerError: Failed to create a run due to error fetching "
                "manifest: Failed to fetch a template: ResourceNotFoundError: PipelineVersion 7 not found"
            ),
            KubeflowNotFound,
            "PipelineVersion 7 not found",
        ),
        (
            (
                "CreateJob(job.ToV2())Failed to create a run due to conversion error: InternalServerError: "
                "Failed to convert: Invalid input error: Run name cannot be empty"
            ),
            KubeflowInvalid,
            "Run name cannot be empty",
        ),
        (
            (
                "Failed to create a new run: InternalServerError: Failed to store run x to table: "
                "Error 1062 (23000): Duplicate entry 'x' for key 'PRIMARY'"
            ),
            KubeflowConflict,
            "Failed to store run x to table: Error 1062 (23000): Duplicate entry 'x' for key 'PRIMARY'",
        ),
        ("InternalServerError: the disk is full", KubeflowError, "the disk is full"),
    ],
)
def test_an_internal_error_is_told_by_its_innermost_class(chain: str, kind: type[KubeflowError], reason: str) -> None:
    error = refusal(500, JSON, answer(13, chain, "Internal Server Error"))
    assert type(error) is kind
    assert error.reason == reason


def test_an_upload_error_of_2_3_0_loses_its_chain() -> None:
    message = (
        "Failed to create a pipeline and a pipeline version: Failed to create a template: "
        "InvalidInputError: unknown template format: pipeline spec is invalid"
    )
    body = json.dumps({"error_message": message, "error_details": message + "\ngithub.com/a/b.go:12"}).encode()
    error = refusal(500, "text/plain; charset=utf-8", body)
    assert type(error) is KubeflowInvalid
    assert error.reason == "unknown template format: pipeline spec is invalid"


@pytest.mark.parametrize("content_type", [JSON, "text/plain; charset=utf-8"])
def test_an_upload_error_of_2_17_loses_its_stack(content_type: str) -> None:
    body = json.dumps(
        {
            "error_message": "unknown template format",
            "error_details": "unknown template format\ngithub.com/kubeflow/pipelines\n\t/go/src/x.go:148",
        }
    ).encode()
    error = refusal(400, content_type, body)
    assert (type(error), error.reason) == (KubeflowInvalid, "unknown template format")


def test_only_details_of_an_upload_error_are_read_up_to_the_stack() -> None:
    body = json.dumps({"error_details": "no such file\ngithub.com/kubeflow\n\t/go/x.go:1"}).encode()
    assert refusal(400, JSON, body).reason == "no such file"


def test_plain_text_is_the_reason() -> None:
    error = refusal(400, "text/plain", b"Invalid input error: Pipeline.Name length cannot exceed 128\n")
    assert (type(error), error.reason) == (KubeflowInvalid, "Pipeline.Name length cannot exceed 128")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"code":5,"message":"Not Found"}'),
        ("text/plain; charset=utf-8", b"Not Found\n"),
        ("text/plain; charset=utf-8", b"404 page not found\n"),
        ("text/html", b"<html>nope</html>"),
        (JSON, b'{"code":5}'),
    ],
)
def test_a_path_that_is_not_there_is_not_an_unknown_thing(content_type: str, body: bytes) -> None:
    # Otherwise a wrong address would make every run look lost.
    assert type(refusal(404, content_type, body)) is KubeflowMalformed


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, KubeflowMalformed),
        (400, KubeflowMalformed),
        (401, KubeflowForbidden),
        (403, KubeflowForbidden),
        (500, KubeflowMalformed),
        (502, KubeflowUnavailable),
        (503, KubeflowUnavailable),
    ],
)
def test_a_page_for_people_is_named_as_one(status: int, kind: type[KubeflowError]) -> None:
    error = refusal(status, "text/html; charset=utf-8", b"<!DOCTYPE html><html>Sign in</html>")
    assert type(error) is kind
    assert "<" not in error.reason


def test_an_error_without_words_names_the_status() -> None:
    assert refusal(500, "", b"").reason == "Kubeflow answered with status 500"
    assert refusal(418, JSON, b"{}").reason == "Kubeflow answered with status 418"


def test_a_reason_is_short_and_one_line() -> None:
    reason = readable("x" * 5000 + "\n" + "second line")
    assert len(reason) == REASON_LENGTH
    assert "\n" not in reason
    assert readable("\n\n  first words \nsecond") == "first words"


def test_odd_error_bodies_are_survived() -> None:
    for body in (b"[]", b'"text"', b"null", b"\xff\xfe", b'{"code":"x","message":7,"details":{}}', b'{"details":[3]}'):
        assert refusal(500, JSON, body).reason


@pytest.mark.parametrize("status", [401, 429, 503])
def test_the_words_of_a_proxy_are_told_as_what_came_instead_of_kubeflow(status: int) -> None:
    error = refusal(status, "text/plain", b"no healthy upstream\n")
    assert error.reason == f"Kubeflow answered with status {status}: no healthy upstream"
