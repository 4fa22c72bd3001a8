"""docs/pipelines.md says what the code does."""

import json
import re
from pathlib import Path

from kfadapter.pipelines.dry_run import check_arguments
from kfadapter.pipelines.graph import NodeKind, ReasonKind, SourceKind
from kfadapter.pipelines.lint import RULES, lint_cron
from support.described import DATA, described

TEXT = (DATA.parents[1] / "docs" / "pipelines.md").read_text()
CRONS = ("* * * * * *", "*/5 * * * * *", "0 * * * * *", "0 0 3 * *", "0 0 0 31 2 *", "never")


def test_every_rule_is_documented() -> None:
    rules = {rule.id for rule in RULES} | {warning.rule for cron in CRONS for warning in lint_cron(cron)}
    assert {rule for rule in rules if f"`{rule}`" not in TEXT} == set()
    assert len(rules) == len(RULES) + 6


def test_every_severity_is_as_documented() -> None:
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| (warning|note) \|", TEXT, re.MULTILINE)
    documented = {rule: severity for names, severity in rows for rule in re.findall(r"`([a-z-]+)`", names)}
    assert documented == {rule.id: rule.severity.value for rule in RULES}


def test_every_kind_is_documented() -> None:
    kinds = [*NodeKind, *ReasonKind, *SourceKind]
    assert [kind.value for kind in kinds if f"`{kind.value}`" not in TEXT] == []


def test_the_worked_example_is_real() -> None:
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    city = described("city")
    parameters = [parameter.to_json() for parameter in city.inputs.parameters]
    assert examples[0] in parameters
    report = check_arguments(city.inputs.parameters, {"rows": "500", "Epochs": "3", "trainingjob_id": "7"}).to_json()
    assert examples[1].items() <= report.items()


def test_the_nodes_of_the_worked_example_are_real() -> None:
    nodes = described("city").graph.by_id
    loop, told = nodes["exit-handler-1.for-loop-2"], nodes["told"]
    assert loop.iteration is not None
    assert told.trigger is not None
    texts = [loop.iteration.text, told.trigger.text]
    texts += [each.label for each in (*nodes[f"{loop.id}.tune"].inputs, *nodes["exit-handler-1.summarise"].inputs)]
    condition = nodes[f"{loop.id}.condition-branches-3.condition-4"].trigger
    assert condition is not None
    documented = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)))
    assert {*texts[:2], condition.text, f"{loop.id}.measure.data", f"all {loop.id}.tune.Output"} <= documented
    assert Path(TEXT.split("](pictures/")[1].split(")")[0]).name == "city.svg"
