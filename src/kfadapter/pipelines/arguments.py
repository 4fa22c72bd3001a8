"""Fitting arguments to the inputs a pipeline declares: which value belongs to which input, and in what JSON type.

The Training Manager sends every value as Python's `str()` of it, so texts are read as what the input asks for:
JSON first, then a Python literal. Names are matched exactly, then by the caller's aliases, then without regard to
case, `_` and `-`. Every problem is reported at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kfadapter.errors import ArgumentProblem, ArgumentsError
from kfadapter.pipelines.coercion import WANTED, Unfit, coerce, shown
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import Parameter

_NONE_TEXT = "None"


@dataclass(frozen=True, kw_only=True)
class FittedArguments:
    """Arguments as a run gets them.

    Attributes:
        passed: What goes into the run's parameters, in the declared JSON types, in the inputs' order.
        effective: What the pipeline sees: `passed` and the defaults of the other inputs.
        ignored: Names that were given and had no effect, sorted.
    """

    passed: dict[str, JSON]
    effective: dict[str, JSON]
    ignored: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Match:
    """The value an input gets, and the given names it came from."""

    value: object
    names: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """All that is known once arguments have been fitted: what could be, where it came from, and what could not."""

    arguments: FittedArguments
    matches: Mapping[str, Match]
    problems: tuple[ArgumentProblem, ...]


def fit_arguments(
    parameters: Iterable[Parameter],
    given: Mapping[str, object],
    aliases: Mapping[str, object] | None = None,
    *,
    alias_sources: Mapping[str, Iterable[str]] | None = None,
) -> FittedArguments:
    """Give every input its value.

    An optional input is not given when its value is null or, as the Training Manager writes it, the text `None`;
    its default applies. For a required text input `None` is a text like others.

    Args:
        parameters: The pipeline's inputs.
        given: What the caller sent.
        aliases: Values for inputs that were not given by their exact name.
        alias_sources: The given names an alias was made of: when the alias is used they count as used too.

    Raises:
        ArgumentsError: Arguments are missing, unfit or ambiguous; names every one, in the inputs' order.
    """
    fitting = fit_all(parameters, given, aliases or {}, alias_sources or {})
    if fitting.problems:
        raise ArgumentsError(fitting.problems)
    return fitting.arguments


def fit_all(
    parameters: Iterable[Parameter],
    given: Mapping[str, object],
    aliases: Mapping[str, object],
    alias_sources: Mapping[str, Iterable[str]],
) -> Fitting:
    """As `fit_arguments`, but problems are told, not raised."""
    declared = tuple(parameters)
    matches, problems = _match(declared, given, aliases, alias_sources)
    passed: dict[str, JSON] = {}
    for parameter in declared:
        problem = problems.get(parameter.name) or _fit(parameter, matches.get(parameter.name), passed)
        if problem is not None:
            problems[parameter.name] = problem
    used = frozenset[str]().union(*(match.names for match in matches.values()))
    arguments = FittedArguments(
        passed=passed,
        effective=_effective(declared, passed),
        ignored=tuple(sorted(name for name in given if name not in used)),
    )
    found = tuple(problems[parameter.name] for parameter in declared if parameter.name in problems)
    return Fitting(arguments=arguments, matches=matches, problems=found)


def _effective(declared: Sequence[Parameter], passed: Mapping[str, JSON]) -> dict[str, JSON]:
    return {
        parameter.name: passed.get(parameter.name, parameter.default)
        for parameter in declared
        if parameter.name in passed or parameter.has_default
    }


def _match(
    declared: Sequence[Parameter],
    given: Mapping[str, object],
    aliases: Mapping[str, object],
    alias_sources: Mapping[str, Iterable[str]],
) -> tuple[dict[str, Match], dict[str, ArgumentProblem]]:
    matches: dict[str, Match] = {}
    problems: dict[str, ArgumentProblem] = {}
    names = {parameter.name for parameter in declared}
    similar = _by_folded(name for name in given if name not in names)
    for parameter in declared:
        name = parameter.name
        if name in given:
            matches[name] = Match(value=given[name], names=frozenset((name,)))
        elif name in aliases:
            matches[name] = _from_alias(name, aliases[name], given, similar, alias_sources)
    unmatched = _by_folded(parameter.name for parameter in declared if parameter.name not in matches)
    for folded, inputs in unmatched.items():
        if not similar.get(folded):
            continue
        if len(inputs) > 1 or not _agree([given[name] for name in similar[folded]]):
            problems.update((name, _ambiguous(name, inputs, similar[folded])) for name in inputs)
        else:
            matches[inputs[0]] = Match(value=given[similar[folded][0]], names=frozenset(similar[folded]))
    return matches, problems


def _from_alias(
    name: str,
    value: object,
    given: Mapping[str, object],
    similar: Mapping[str, Sequence[str]],
    alias_sources: Mapping[str, Iterable[str]],
) -> Match:
    """Given names that say the same as the alias have had their effect with it."""
    same = (other for other in similar.get(_folded(name), ()) if _agree([given[other], value]))
    return Match(value=value, names=frozenset((*same, *alias_sources.get(name, ()))))


def _by_folded(names: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_folded(name), []).append(name)
    return groups


def _folded(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")


def _agree(values: Sequence[object]) -> bool:
    """Whether several spellings of a name say the same, so that it does not matter which one is taken."""
    return all(type(value) is type(values[0]) and value == values[0] for value in values[1:])


def _ambiguous(name: str, inputs: Sequence[str], spellings: Sequence[str]) -> ArgumentProblem:
    if len(inputs) > 1:
        message = f"{_listed(spellings)} may mean any of the inputs {_listed(inputs)}: give the exact name"
    else:
        message = f"input {name} may be meant by {_listed(spellings)}, whose values differ: give its exact name"
    return ArgumentProblem(name=name, kind="ambiguous", message=message)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(shown(name) for name in sorted(names)[:6])


def _fit(parameter: Parameter, match: Match | None, passed: dict[str, JSON]) -> ArgumentProblem | None:
    """Put an input's value into `passed`; the problem, if it cannot be."""
    wanted = WANTED[parameter.type]
    if match is None or _is_absent(parameter, match.value):
        if not parameter.required:
            return None
        message = f"input {parameter.name} needs {wanted} and was not given"
        return ArgumentProblem(name=parameter.name, kind="missing", message=message)
    try:
        value = coerce(match.value, parameter.type)
        _check_allowed(parameter, value)
    except Unfit as exc:
        message = f"input {parameter.name} needs {wanted}, but got {shown(match.value)}"
        return ArgumentProblem(name=parameter.name, kind="unfit", message=f"{message}: {exc}" if str(exc) else message)
    passed[parameter.name] = value
    return None


def _is_absent(parameter: Parameter, value: object) -> bool:
    if value is None:
        return True
    if parameter.required or value != _NONE_TEXT:
        return False
    return _NONE_TEXT not in (parameter.allowed or ())


def _check_allowed(parameter: Parameter, value: JSON) -> None:
    if parameter.allowed is not None and value not in parameter.allowed:
        raise Unfit(f"only {', '.join(shown(allowed) for allowed in parameter.allowed[:10])} are allowed")
