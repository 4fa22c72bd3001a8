"""What would become of somebody's arguments, without starting anything."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kfadapter.errors import ArgumentProblem
from kfadapter.pipelines.arguments import Fitting, fit_all
from kfadapter.pipelines.coercion import Unfit, as_json, shown
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import Parameter


@dataclass(frozen=True, kw_only=True)
class Coerced:
    """A value that is passed in another form, or under another name, than it was given.

    Attributes:
        input: The pipeline's input.
        given_as: The name it was given by; empty when the caller's own fields made it (an alias).
        before: As given.
        after: As passed.
    """

    input: str
    given_as: str
    before: JSON
    after: JSON

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"input": self.input, "given_as": self.given_as or None, "from": self.before, "to": self.after}


@dataclass(frozen=True, kw_only=True)
class ArgumentsReport:
    """What would become of arguments.

    Attributes:
        passed: What a run would get, in the inputs' order.
        effective: What the pipeline would see: `passed` and the defaults of the other inputs.
        defaulted: Inputs whose default would apply.
        coerced: Values that change their form or name on the way.
        ignored: Given names that would have no effect, sorted.
        problems: Inputs that are missing, unfit or ambiguous; a run would be refused.
    """

    passed: Mapping[str, JSON]
    effective: Mapping[str, JSON]
    defaulted: tuple[str, ...]
    coerced: tuple[Coerced, ...]
    ignored: tuple[str, ...]
    problems: tuple[ArgumentProblem, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether a run would start."""
        return not self.problems

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "accepted": self.is_accepted,
            "passed": dict(self.passed),
            "effective": dict(self.effective),
            "defaulted": list(self.defaulted),
            "coerced": [each.to_json() for each in self.coerced],
            "ignored": list(self.ignored),
            "problems": [
                {"name": problem.name, "kind": problem.kind, "message": problem.message} for problem in self.problems
            ],
        }


def check_arguments(
    parameters: Iterable[Parameter],
    given: Mapping[str, object],
    aliases: Mapping[str, object] | None = None,
    *,
    alias_sources: Mapping[str, Iterable[str]] | None = None,
) -> ArgumentsReport:
    """What `fit_arguments` would do with the same arguments, told instead of raised.

    With problems `passed` and `effective` hold what could be read all the same.
    """
    declared = tuple(parameters)
    fitting = fit_all(declared, given, aliases or {}, alias_sources or {})
    passed = fitting.arguments.passed
    return ArgumentsReport(
        passed=passed,
        effective=fitting.arguments.effective,
        defaulted=tuple(each.name for each in declared if each.name not in passed and each.has_default),
        coerced=tuple(_coerced(declared, given, fitting)),
        ignored=fitting.arguments.ignored,
        problems=fitting.problems,
    )


def _coerced(declared: Iterable[Parameter], given: Mapping[str, object], fitting: Fitting) -> Iterator[Coerced]:
    for name in (parameter.name for parameter in declared if parameter.name in fitting.arguments.passed):
        match = fitting.matches[name]
        spellings = [name] if name in match.names else sorted(match.names)
        given_as = next((each for each in spellings if each in given and given[each] is match.value), "")
        after = fitting.arguments.passed[name]
        if given_as != name or not _same(match.value, after):
            yield Coerced(input=name, given_as=given_as, before=_shown(match.value), after=after)


def _same(before: object, after: JSON) -> bool:
    return type(before) is type(after) and before == after


def _shown(value: object) -> JSON:
    """A given value as JSON; what JSON cannot hold is told in words."""
    try:
        return as_json(value)
    except Unfit:
        return shown(value)
