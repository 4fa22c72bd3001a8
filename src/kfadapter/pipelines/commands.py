"""What a compiled command says: the packages it installs first and the Python source it brings along.

The KFP compiler writes a lightweight component's command as `sh -c PRELUDE sh -ec PROGRAM SOURCE`: the prelude installs
packages with pip and then runs `"$0" "$@"`; the program writes the source to a file and starts KFP's executor on it.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kfadapter.pipelines.scalars import JSON

_EXECUTOR_MODULES = ("kfp.dsl.executor_main", "kfp.components.executor_main", "kfp.v2.components.executor_main")
_INSTALL = re.compile(r"(?:^|[\s;&])(?:python3?|\"?\$[A-Za-z_]+\"?) -m pip install\s(?P<arguments>[^\n]*)")
_NAME = re.compile(r"\s*(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_EXACT = re.compile(r"(?<![=!<>~])===?(?!=)\s*[^\s*,;]+(?=\s*(?:$|[,;\s]))")
_OLD_PYTHON_ONLY = re.compile(r"""^[^;]*;\s*python_version\s*<\s*['"]3\.9['"]\s*$""")
_WITH_VALUE = frozenset(
    (
        "--index-url",
        "-i",
        "--extra-index-url",
        "--trusted-host",
        "--find-links",
        "-f",
        "-r",
        "--requirement",
        "-c",
        "-t",
    )
)
_INDEXES = frozenset(("--index-url", "-i", "--extra-index-url"))
_SILENT = frozenset(("--quiet", "-q", "--no-warn-script-location", "--disable-pip-version-check"))
_NOTEBOOK_MARK = "__KFP_EMBEDDED_ARCHIVE_B64"
_VENV_MARK = "python3 -m venv"


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A package that a component installs.

    Attributes:
        text: As pip is given it: `pandas>=2`, `git+https://…`, `./wheels/x.whl`.
        name: The project's name, lower case with `-`; empty when the text does not begin with one.
        is_pinned: It names exactly one version, or one commit.
        is_runtime: It is KFP's own runtime, which the compiler adds, not something the author asked for.
    """

    text: str
    name: str
    is_pinned: bool
    is_runtime: bool = False

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"text": self.text, "name": self.name, "is_pinned": self.is_pinned, "is_runtime": self.is_runtime}


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What a lightweight component installs before it starts.

    Attributes:
        requirements: In pip's order.
        index_urls: Package indexes, the first takes the place of the default one when `replaces_index`.
        trusted_hosts: Hosts whose certificates are not checked.
        replaces_index: `--index-url` is given.
        in_own_venv: Into an environment of its own (`use_venv`).
        options: Further options of pip.
    """

    requirements: tuple[Requirement, ...] = ()
    index_urls: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    replaces_index: bool = False
    in_own_venv: bool = False
    options: tuple[str, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "requirements": [requirement.to_json() for requirement in self.requirements],
            "index_urls": list(self.index_urls),
            "trusted_hosts": list(self.trusted_hosts),
            "replaces_index": self.replaces_index,
            "in_own_venv": self.in_own_venv,
            "options": list(self.options),
        }


@dataclass(frozen=True, kw_only=True)
class ProgramSource:
    """The Python source of a lightweight component.

    Attributes:
        function: The function that is called.
        text: The source, without the lines that the compiler puts before it.
        is_notebook: It carries a Jupyter notebook along.
    """

    function: str
    text: str
    is_notebook: bool = False

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"function": self.function, "text": self.text, "is_notebook": self.is_notebook}


def read_source(command: Sequence[str], args: Sequence[str]) -> ProgramSource | None:
    """The source that a command brings along; None when it is not a lightweight component's."""
    program = _without_prelude(command)
    if len(program) < 4 or not any(module in program[2] for module in _EXECUTOR_MODULES):
        return None
    source = program[3]
    return ProgramSource(
        function=_option(args, "--function_to_execute"),
        text=_without_imports(source),
        is_notebook=_NOTEBOOK_MARK in source,
    )


def read_installation(command: Sequence[str]) -> Installation:
    """What the prelude of a lightweight component's command installs."""
    whole = tuple(command)
    prelude = whole[2] if whole[:2] == ("sh", "-c") and len(whole) > 2 else ""
    words = [word for arguments in _installs(prelude) for word in arguments]
    requirements: dict[str, Requirement] = {}
    options: list[str] = []
    values: dict[str, list[str]] = {}
    remaining = iter(words)
    for word in remaining:
        option, has_value, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if option in _WITH_VALUE:
            values.setdefault(option, []).append(value if has_value else next(remaining, ""))
        elif not word.startswith("-"):
            requirements.setdefault(word, read_requirement(word))
        elif word not in _SILENT:
            options.append(word)
    indexes = [url for option, urls in values.items() if option in _INDEXES for url in urls]
    return Installation(
        requirements=tuple(requirements.values()),
        index_urls=tuple(dict.fromkeys(indexes)),
        trusted_hosts=tuple(dict.fromkeys(values.get("--trusted-host", ()))),
        replaces_index="--index-url" in values or "-i" in values,
        in_own_venv=_VENV_MARK in prelude,
        options=tuple(dict.fromkeys(option for option in options if option != "--no-deps")),
    )


def read_requirement(text: str) -> Requirement:
    """A package as pip is given it."""
    match = _NAME.match(text)
    name = re.sub(r"[-_.]+", "-", match["name"]).lower() if match and "://" not in text.split("@")[0] else ""
    specifier = text.partition(";")[0]
    pinned = bool(_EXACT.search(specifier)) or bool(
        re.search(r"@[0-9a-f]{7,40}(?:$|#)|\.whl(?:$|#)|#sha256=", specifier)
    )
    runtime = name in ("kfp", "kfp-pipeline-spec") or bool(_OLD_PYTHON_ONLY.match(text))
    return Requirement(text=text, name=name, is_pinned=pinned, is_runtime=runtime)


def _without_prelude(command: Sequence[str]) -> tuple[str, ...]:
    whole = tuple(command)
    return whole[3:] if whole[:2] == ("sh", "-c") else whole


def _installs(prelude: str) -> Iterator[list[str]]:
    for match in _INSTALL.finditer(prelude):
        for part in match["arguments"].split("&&")[:1]:
            try:
                yield shlex.split(part)
            except ValueError:
                yield part.split()
        rest = match["arguments"].partition("&&")[2]
        if rest:
            yield from _installs(" " + rest)


def _option(args: Sequence[str], name: str) -> str:
    found = [position for position, argument in enumerate(args) if argument == name]
    return args[found[0] + 1] if found and found[0] + 1 < len(args) else ""


def _without_imports(source: str) -> str:
    lines = source.strip("\n").split("\n")
    while lines and (not lines[0].strip() or lines[0] in _COMPILERS_IMPORTS):
        lines.pop(0)
    return "\n".join(lines).rstrip() + "\n" if lines else ""


_COMPILERS_IMPORTS = frozenset(
    (
        "import kfp",
        "from kfp import dsl",
        "from kfp.dsl import *",
        "from typing import *",
        "from kfp.v2 import dsl",
        "from kfp.v2.dsl import *",
    )
)
