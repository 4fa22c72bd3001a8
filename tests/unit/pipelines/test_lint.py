"""Remarks: each rule says something where it should, and nothing where it should not."""

from typing import Any

import pytest

from kfadapter.pipelines.description import PipelineDescription, describe
from kfadapter.pipelines.lint import RULES, Severity, lint, lint_cron
from support.described import described


def pipeline(container: dict[str, Any] | None = None, **more: Any) -> PipelineDescription:
    platform: dict[str, Any] = {"kubernetes": {"deploymentSpec": {"executors": {"exec-a": more.get("settings", {})}}}}
    spec: dict[str, Any] = {
        "pipelineInfo": {"name": "p", "description": "What it is for."},
        "sdkVersion": more.get("sdk", "kfp-2.17.0"),
        "root": {
            "dag": {"tasks": {"a": {"componentRef": {"name": "comp-a"}, **more.get("task", {})}}},
            "inputDefinitions": {"parameters": more.get("parameters", {})},
        },
        "components": {"comp-a": {"executorLabel": "exec-a", **more.get("component", {})}},
        "deploymentSpec": {"executors": {"exec-a": {"container": {"image": "a:1", **(container or {})}}}},
    }
    return describe({"pipeline_spec": spec, "platform_spec": {"platforms": platform}})


def found(description: PipelineDescription) -> dict[str, list[str]]:
    remarks: dict[str, list[str]] = {}
    for warning in lint(description):
        remarks.setdefault(warning.rule, []).append(warning.path)
    return remarks


SOURCE = [
    "sh",
    "-ec",
    "python3 -m kfp.dsl.executor_main",
    "\nimport kfp\n\ndef f():\n    import random\n    random.random()\n",
]
INSTALLS = [
    "sh",
    "-c",
    "python3 -m pip install --index-url http://x/simple --trusted-host x 'p>=1' 'q==1' && \"$0\" \"$@\"",
]
FIXED = "a@sha256:" + "0" * 64
LIMITS = {"resources": {"resourceCpuLimit": "1", "resourceMemoryLimit": "1Gi"}}
CACHED = {"cachingOptions": {"enableCache": True}}


@pytest.mark.parametrize(
    ("rule", "description", "path"),
    [
        ("image-latest", pipeline({"image": "team/a"}), "steps.a"),
        ("image-latest", pipeline({"image": "host:5000/team/a:latest"}), "steps.a"),
        ("image-without-digest", pipeline(), "images.a:1"),
        ("no-memory-limit", pipeline(), "steps.a"),
        ("no-cpu-limit", pipeline(), "steps.a"),
        ("no-timeout", pipeline(), "steps.a"),
        ("old-sdk", pipeline(sdk="kfp-2.2.0"), "pipeline"),
        ("unknown-sdk", pipeline(sdk=""), "pipeline"),
        ("unpinned-package", pipeline({"command": INSTALLS + SOURCE}), "steps.a"),
        ("untrusted-index", pipeline({"command": INSTALLS + SOURCE}), "steps.a"),
        ("secret-in-plain", pipeline({"env": [{"name": "DB_PASSWORD", "value": "hunter22"}]}), "steps.a"),
        ("secret-in-plain", pipeline({"args": ["--url", "https://me:hunter22@host/"]}), "steps.a"),
        ("secret-in-plain", pipeline(parameters={"apiKey": {"defaultValue": "abcdefgh"}}), "inputs.apiKey"),
        ("no-description", described("types"), "pipeline"),
        ("input-without-description", pipeline(parameters={"n": {}}), "inputs.n"),
        ("unused-input", described("unused-input"), "inputs.unused"),
        ("unfit-default", pipeline(parameters={"n": {"parameterType": "LIST", "defaultValue": "x"}}), "inputs.n"),
        ("unfit-default", pipeline(parameters={"n": {"literals": ["a"], "defaultValue": "b"}}), "inputs.n"),
        ("cached-randomness", pipeline({"command": SOURCE}, task=CACHED), "steps.a"),
        (
            "cached-without-inputs",
            pipeline(task=CACHED, component={"outputDefinitions": {"parameters": {"o": {}}}}),
            "steps.a",
        ),
        ("exit-task-retries-nothing", described("exit-handler-with-status"), "steps.told"),
        ("image-always-pulled", pipeline({"image": FIXED}, settings={"imagePullPolicy": "Always"}), "steps.a"),
        ("unknown-field", described("newer-fields"), "signature"),
        ("unknown-field", pipeline(settings={"newer": 1}), "platform.exec-a.newer"),
    ],
)  # fmt: skip
def test_a_rule_says_something_where_it_should(rule: str, description: PipelineDescription, path: str) -> None:
    assert path in found(description)[rule]


def test_a_careful_pipeline_gets_no_remark() -> None:
    careful = pipeline({"image": "a:1@sha256:" + "0" * 64, **LIMITS}, settings={"activeDeadlineSeconds": 60})
    assert lint(careful) == ()


def test_a_loop_over_many_items_at_once_is_remarked_on() -> None:
    loop = {"parameterIterator": {"itemInput": "i", "items": {"raw": str(list(range(30)))}}}
    inside = {"dag": {"tasks": {"b": {"componentRef": {"name": "comp-b"}}}}, "executorLabel": None}
    assert found(pipeline(task=loop, component=inside))["wide-loop"] == ["steps.a"]
    limited = {**loop, "iteratorPolicy": {"parallelismLimit": 3}}
    assert "wide-loop" not in found(pipeline(task=limited, component=inside))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_COUNT", "{{$.inputs.parameters['token']}}"),
        ("PASSWORD", ""),
        ("tokenizer", "wordpiece"),
        ("SECRET_NAME_REF", "$(SECRET)"),
        ("monkey", "banana"),
    ],
)
def test_what_only_sounds_like_a_secret_is_left_alone(name: str, value: str) -> None:
    assert "secret-in-plain" not in found(pipeline({"env": [{"name": name, "value": value}]}))


def test_a_secret_is_not_repeated() -> None:
    remarks = lint(pipeline({"env": [{"name": "PASSWORD", "value": "hunter22"}]}))
    assert not any("hunter22" in f"{each.message}{each.advice}" for each in remarks)


def test_a_seed_makes_chance_repeatable() -> None:
    seeded = [*SOURCE[:3], SOURCE[3].replace("random.random()", "random.seed(1)")]
    assert "cached-randomness" not in found(pipeline({"command": seeded}, task=CACHED))


def test_images_that_are_never_pulled_are_left_alone() -> None:
    paths = {path for paths in found(described("volumes")).values() for path in paths}
    assert not any("pvc" in path for path in paths)


def test_an_input_that_only_kubernetes_settings_read_is_used() -> None:
    assert "unused-input" not in found(described("names-from-inputs"))


def test_warnings_come_before_notes_and_every_rule_gives_advice() -> None:
    severities = [warning.severity for warning in lint(described("packages"))]
    assert severities == sorted(severities, key=lambda severity: severity is not Severity.WARNING)
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.advice for rule in RULES)


@pytest.mark.parametrize(
    ("cron", "rules"),
    [
        ("* * * * * *", ["cron-each-second"]),
        ("*/10 * * * * *", ["cron-many-a-minute"]),
        ("0,59 0 * * * *", ["cron-each-second"]),
        ("0 * * * * *", ["cron-often"]),
        ("0 */5 * * * *", []),
        ("0 0 3 * * MON-FRI", []),
        ("0 30 4 1,15 * ?", []),
        ("*/5 * * * *", ["cron-five-fields", "cron-many-a-minute"]),
        ("0 0 3 * *", ["cron-five-fields"]),
        ("0 0 0 31 feb *", ["cron-never"]),
        ("0 0 0 31 4 mon", []),
        ("@daily", []),
        ("@every 1s", ["cron-each-second"]),
        ("@every 1h30m", []),
        ("@sometimes", ["cron-unreadable"]),
        ("@every soon", ["cron-unreadable"]),
        ("61 * * * * *", ["cron-unreadable"]),
        ("0 0 0 0 * *", ["cron-unreadable"]),
        ("0 0 */0 * * *", ["cron-unreadable"]),
        ("", ["cron-unreadable"]),
        ("x" * 5_000, ["cron-unreadable"]),
    ],
)
def test_a_schedule_is_remarked_on(cron: str, rules: list[str]) -> None:
    assert [warning.rule for warning in lint_cron(cron)] == rules
