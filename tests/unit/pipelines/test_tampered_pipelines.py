"""Whatever somebody does to a compiled pipeline, only the package's error is raised, and all else still works."""

import json
import xml.etree.ElementTree as ET
from typing import Any

from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings

from kfadapter.errors import PackageError
from kfadapter.pipelines.description import PipelineDescription, describe
from kfadapter.pipelines.diff import Verdict, apply, compare, diff, facts_of
from kfadapter.pipelines.format import check_format
from kfadapter.pipelines.ir_proto import pipeline_spec_pb2
from kfadapter.pipelines.lint import lint
from kfadapter.pipelines.render.dot import to_dot
from kfadapter.pipelines.render.mermaid import to_mermaid
from kfadapter.pipelines.render.svg import to_svg
from kfadapter.pipelines.rules import check_pipeline
from kfadapter.pipelines.schema import arguments_schema
from kfadapter.pipelines.validation import validate_document
from support.mutations import tampered

Pair = tuple[dict[str, Any], dict[str, Any] | None]
many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def described_if_possible(pair: Pair) -> PipelineDescription | None:
    try:
        return describe({"pipeline_spec": pair[0], "platform_spec": pair[1]})
    except PackageError:
        return None


@many
@given(tampered())
def test_a_tampered_pipeline_is_described_or_refused(pair: Pair) -> None:
    description = described_if_possible(pair)
    if description is None:
        return
    json.dumps(description.to_json())
    for warning in lint(description):
        assert warning.message
        assert warning.advice
    arguments_schema(description)
    states = dict.fromkeys(description.graph.by_id, "FAILED")
    ET.fromstring(to_svg(description.graph, title=description.name, states=states))
    assert to_dot(description.graph).endswith("}\n")
    assert to_mermaid(description.graph).startswith("flowchart TD\n")


@many
@given(tampered())
def test_whatever_is_refused_at_an_upload_has_problems_in_a_check(pair: Pair) -> None:
    report = validate_document(*pair)
    try:
        check_pipeline(*pair)
    except PackageError:
        assert report.problems
    json.dumps(report.to_json())


@many
@given(tampered())
def test_the_check_of_the_format_agrees_with_protobuf(pair: Pair) -> None:
    module = pipeline_spec_pb2()
    problems = [finding for finding in check_format(*pair) if not finding.is_unknown]
    parts = [("", module.PipelineSpec, pair[0]), ("deploymentSpec", module.PipelineDeploymentConfig, None)]
    deployment = pair[0].get("deploymentSpec") or pair[0].get("deployment_spec")
    parts[1] = ("deploymentSpec", module.PipelineDeploymentConfig, deployment if isinstance(deployment, dict) else {})
    if pair[1] is not None:
        parts.append(("platform_spec", module.PlatformSpec, pair[1]))
    refused = [path for path, kind, document in parts if not parses(kind, document)]
    # protobuf's Python takes a text for an empty message, false for 0.0; Go's, in Kubeflow's server, does not.
    surely = [finding for finding in problems if not isinstance(finding.value, str | list | bool)]
    assert problems if refused else not surely, (refused, problems)


def parses(kind: Any, document: Any) -> bool:
    try:
        json_format.ParseDict(document, kind(), ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, ValueError, AttributeError, OverflowError):
        return False
    return True


@many
@given(tampered(), tampered())
def test_a_diff_can_be_applied_and_turned_round(one: Pair, other: Pair) -> None:
    old, new = described_if_possible(one), described_if_possible(other)
    if old is None or new is None:
        return
    changes = diff(old, new)
    assert apply(changes, facts_of(old)) == facts_of(new)
    back = diff(new, old)
    assert [change.inverse() for change in changes.changes] == list(back.changes)
    assert apply(back, apply(changes, facts_of(old))) == facts_of(old)
    json.dumps(changes.to_json())


@many
@given(tampered())
def test_a_pipeline_does_not_differ_from_itself(pair: Pair) -> None:
    description = described_if_possible(pair)
    if description is not None:
        assert diff(description, description).verdict is Verdict.IDENTICAL
        assert compare(facts_of(description), facts_of(description)).changes == ()
