"""The OpenAPI document of `/v1`: FastAPI's, with every error as problem details (RFC 9457)."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from kfadapter.api.answers import PROBLEM_TYPE
from kfadapter.api.routing import each_route
from kfadapter.api.schemas.shape import Problem

REFERENCE = "#/components/schemas/{model}"
ALWAYS = {
    "422": "A parameter or the body is not as described.",
    "502": "Kubeflow failed, or something else answered in its place.",
    "503": "Kubeflow cannot be reached, or asks to come back later.",
    "504": "Kubeflow did not answer in time.",
    "default": "Another problem; `type` says which: docs/api.md has the table.",
}
NOT_FOUND = "There is no such thing."
UNUSED = ("HTTPValidationError", "ValidationError")


class DocumentedAPI(FastAPI):
    """A FastAPI whose OpenAPI document tells errors as they are sent."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema is None:
            routes = tuple(each_route(self.routes))
            document = get_openapi(title=self.title, version=self.version, summary=self.summary, routes=routes)
            self.openapi_schema = _with_problems(document)
        return self.openapi_schema


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in UNUSED:
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template=REFERENCE)
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _declare(operation, has_parameters="{" in path)
    return document


def _declare(operation: dict[str, Any], *, has_parameters: bool) -> None:
    content = {PROBLEM_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    sentences = {**({"404": NOT_FOUND} if has_parameters else {}), **ALWAYS}
    responses = operation["responses"]
    for status, response in responses.items():
        if status.startswith(("4", "5")) and "content" not in response:
            response["content"] = content
    responses.pop("422", None)
    for status, sentence in sentences.items():
        responses.setdefault(status, {"description": sentence, "content": content})
