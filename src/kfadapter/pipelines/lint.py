"""What a careful colleague would say about a pipeline before it runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from kfadapter.pipelines import lint_rules
from kfadapter.pipelines.cron_rules import cron_remarks
from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.lint_rules import Remark
from kfadapter.pipelines.scalars import JSON

MAX_OF_A_RULE = 100
"""Of a rule that has more to say the rest is only counted."""


class Severity(StrEnum):
    """How much it matters."""

    WARNING = "warning"  # likely to hurt some day
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, kw_only=True)
class LintWarning:
    """One remark.

    Attributes:
        rule: Its stable id, as `image-latest`.
        severity: How much it matters.
        path: What it is about: `steps.train`, `inputs.epochs`, `pipeline`, `schedule`.
        message: What is the matter.
        advice: What to do.
    """

    rule: str
    severity: Severity
    path: str
    message: str
    advice: str

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "path": self.path,
            "message": self.message,
            "advice": self.advice,
        }


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: its stable id, how much it matters, what to do, and how it is found."""

    id: str
    severity: Severity
    advice: str
    find: Callable[[PipelineDescription], Iterator[Remark]]


RULES = (
    Rule(
        id="image-latest",
        severity=Severity.WARNING,
        advice="name the version you tested: a tag, or better a digest (image@sha256:…)",
        find=lint_rules.floating_images,
    ),
    Rule(
        id="image-without-digest",
        severity=Severity.NOTE,
        advice="add the digest (image:tag@sha256:…): a tag may be moved to another image",
        find=lint_rules.images_without_digest,
    ),
    Rule(
        id="no-memory-limit",
        severity=Severity.NOTE,
        advice="call set_memory_limit on the task, so that it cannot take a node's memory from others",
        find=lint_rules.no_memory_limit,
    ),
    Rule(
        id="no-cpu-limit",
        severity=Severity.NOTE,
        advice="call set_cpu_limit or set_cpu_request on the task, so that the scheduler can plan",
        find=lint_rules.no_cpu_limit,
    ),
    Rule(
        id="no-timeout",
        severity=Severity.NOTE,
        advice="call kubernetes.set_timeout on the task, so that one that hangs ends",
        find=lint_rules.no_timeout,
    ),
    Rule(
        id="old-sdk",
        severity=Severity.WARNING,
        advice="compile the pipeline again with a current kfp",
        find=lint_rules.old_sdk,
    ),
    Rule(
        id="unknown-sdk",
        severity=Severity.NOTE,
        advice="compile the pipeline with kfp, or leave sdkVersion as the compiler wrote it",
        find=lint_rules.unknown_sdk,
    ),
    Rule(
        id="unpinned-package",
        severity=Severity.WARNING,
        advice="name one version (package==1.2.3): what was tested is then what runs",
        find=lint_rules.unpinned_packages,
    ),
    Rule(
        id="untrusted-index",
        severity=Severity.WARNING,
        advice="use an https index whose certificate is checked: what it serves is run",
        find=lint_rules.untrusted_indexes,
    ),
    Rule(
        id="secret-in-plain",
        severity=Severity.WARNING,
        advice="keep it in a Kubernetes secret and use kubernetes.use_secret_as_env: everyone can read a pipeline",
        find=lint_rules.secrets_in_plain,
    ),
    Rule(
        id="no-description",
        severity=Severity.NOTE,
        advice="give the pipeline function a docstring, or dsl.pipeline a description",
        find=lint_rules.no_description,
    ),
    Rule(
        id="input-without-description",
        severity=Severity.NOTE,
        advice="describe it under Args: in the pipeline function's docstring",
        find=lint_rules.inputs_without_description,
    ),
    Rule(
        id="unused-input",
        severity=Severity.WARNING,
        advice="use it or remove it: whoever gives it expects an effect",
        find=lint_rules.unused_inputs,
    ),
    Rule(
        id="unfit-default",
        severity=Severity.WARNING,
        advice="give a default of the input's type and, where it has literals, one of them",
        find=lint_rules.unfit_defaults,
    ),
    Rule(
        id="cached-without-inputs",
        severity=Severity.NOTE,
        advice="call set_caching_options(False) if it reads something that changes: it runs once and never again",
        find=lint_rules.cached_without_inputs,
    ),
    Rule(
        id="cached-randomness",
        severity=Severity.WARNING,
        advice="call set_caching_options(False), or make time or seed an input",
        find=lint_rules.cached_randomness,
    ),
    Rule(
        id="exit-task-retries-nothing",
        severity=Severity.NOTE,
        advice="call set_retry on the exit task: it runs once, and nobody cleans up when it fails",
        find=lint_rules.exit_tasks_without_retry,
    ),
    Rule(
        id="wide-loop",
        severity=Severity.NOTE,
        advice="give ParallelFor a parallelism, so that its pods do not all start at once",
        find=lint_rules.wide_loops,
    ),
    Rule(
        id="image-always-pulled",
        severity=Severity.NOTE,
        advice="use IfNotPresent with a fixed tag: it saves a look-up for every pod",
        find=lint_rules.always_pulled,
    ),
    Rule(
        id="unknown-field",
        severity=Severity.NOTE,
        advice="see whether your Kubeflow knows it: an older server refuses the pipeline, or passes over a setting",
        find=lint_rules.unknown_fields,
    ),
)
"""Every rule, in the order of a report."""


def lint(description: PipelineDescription) -> tuple[LintWarning, ...]:
    """Remarks about a pipeline: warnings first, then in the order of the rules, at most a hundred of each rule."""
    found = [warning for rule in RULES for warning in _found(rule, description)]
    return tuple(sorted(found, key=lambda warning: warning.severity is not Severity.WARNING))


def _found(rule: Rule, description: PipelineDescription) -> Iterator[LintWarning]:
    remarks = rule.find(description)
    for path, message in islice(remarks, MAX_OF_A_RULE):
        yield _warning(rule, path, message)
    if further := sum(1 for _ in remarks):
        yield _warning(rule, "pipeline", f"{MAX_OF_A_RULE} places are listed; the same holds of {further:,} more")


def _warning(rule: Rule, path: str, message: str) -> LintWarning:
    return LintWarning(rule=rule.id, severity=rule.severity, path=path, message=message, advice=rule.advice)


def lint_cron(cron: str) -> tuple[LintWarning, ...]:
    """Remarks about a schedule, a cron text of six fields as Kubeflow reads it (seconds first), or of five."""
    return tuple(
        LintWarning(rule=rule, severity=Severity.WARNING, path="schedule", message=message, advice=advice)
        for rule, message, advice in cron_remarks(cron)
    )
