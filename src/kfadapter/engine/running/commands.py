"""What a compiled command asks for: the packages to install first, and what to run then.

The KFP compiler writes a lightweight component's command as `sh -c PRELUDE sh -ec PROGRAM SOURCE`: the prelude installs
packages with pip and then runs `"$0" "$@"`; the program writes the source to a file and starts
`python3 -m kfp.dsl.executor_main` on it.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

EXECUTOR_MODULES = ("kfp.dsl.executor_main", "kfp.components.executor_main")
OLD_PYTHON_MARKER = re.compile(r"""^[^;]*;\s*python_version\s*<\s*['"]3\.9['"]\s*$""")
PIP_INSTALL = ("python3", "-m", "pip", "install")
SILENT_OPTIONS = frozenset({"--quiet", "-q", "--no-warn-script-location", "--disable-pip-version-check"})
ENSURE_PIP = re.compile(r"^\s*if ! \[ -x \"\$\(command -v pip\)\" \]; then\s.*?\sfi\s*$", re.DOTALL | re.MULTILINE)
OWN_ENVIRONMENT = re.compile(
    r"^\s*export PIP_DISABLE_PIP_VERSION_CHECK=1\s*$"
    r"|^\s*tmp=\$\(mktemp -d\)\s*$"
    r"|^\s*python3 -m venv \"\$tmp/venv\" --system-site-packages\s*$"
    r"|^\s*\. \"\$tmp/venv/bin/activate\"\s*$",
    re.MULTILINE,
)
OLD_SDK = re.compile(r"^kfp==2\.[0-6]\.")
# On the source's first line, which the compiler leaves empty, so that line numbers in tracebacks stay right.
LOCAL_PATHS = (
    "from kfp.dsl import Artifact as _Artifact; _Artifact(uri='/').path or setattr(_Artifact, '_get_path', "
    "lambda self, known=_Artifact._get_path: known(self) or self.uri or None); del _Artifact"
)
RUN_THE_REST = '"$0" "$@"'


@dataclass(frozen=True, kw_only=True)
class CompiledCommand:
    """A component's command, taken apart.

    Attributes:
        groups: The arguments of each `pip install`, in order, index options included; empty: nothing to install.
        command: What is run once these are there.
        installs_itself: The prelude has a shape that is not known: it is left in the command and needs a pip.
    """

    groups: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    installs_itself: bool = False


def is_lightweight(command: Sequence[str]) -> bool:
    """Whether a command brings its own Python source along and runs it with KFP's executor: no image is needed."""
    whole = tuple(command)
    program = whole[3:] if whole[:2] == ("sh", "-c") else whole
    return len(program) >= 4 and program[:2] == ("sh", "-ec") and any(one in program[2] for one in EXECUTOR_MODULES)


def strip_prelude(command: Sequence[str]) -> CompiledCommand:
    """Take a compiled command apart."""
    whole = tuple(command)
    if len(whole) < 4 or whole[:2] != ("sh", "-c") or RUN_THE_REST not in whole[2]:
        return CompiledCommand(groups=(), command=whole)
    groups = read_prelude(whole[2])
    if groups is None:
        return CompiledCommand(groups=(), command=whole, installs_itself=True)
    return CompiledCommand(groups=groups, command=whole[3:])


def read_prelude(prelude: str) -> tuple[tuple[str, ...], ...] | None:
    """The groups of packages a prelude installs, or None when it does anything else."""
    text = OWN_ENVIRONMENT.sub("", ENSURE_PIP.sub("", prelude))
    try:
        words = shlex.split(text, comments=False)
    except ValueError:
        return None
    commands = _commands(words)
    if not commands or commands[-1] != ("$0", "$@"):
        return None
    groups = [_requirements(command) for command in commands[:-1]]
    return None if None in groups else tuple(group for group in groups if group)


def _commands(words: Sequence[str]) -> list[tuple[str, ...]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            commands.append([])
        elif not (word == "PIP_DISABLE_PIP_VERSION_CHECK=1" and not commands[-1]):
            commands[-1].append(word)
    return [tuple(command) for command in commands if command]


def _requirements(command: tuple[str, ...]) -> tuple[str, ...] | None:
    if command[:4] != PIP_INSTALL or any(mark in word for word in command for mark in ("$(", "`")):
        return None
    wanted = (word for word in command[4:] if word not in SILENT_OPTIONS)
    return tuple(word for word in wanted if not OLD_PYTHON_MARKER.match(word))


def executor_module(program: str) -> str | None:
    """The module that a lightweight component's program starts, or None."""
    return next((module for module in EXECUTOR_MODULES if f"-m {module}" in program), None)


def with_local_paths(compiled: CompiledCommand) -> CompiledCommand:
    """The command, with artifacts' local paths understood where the SDK it installs is too old to know them.

    Before 2.7 or so `Artifact.path` knew only mounted buckets and gave None for a path of this machine.
    """
    is_old = any(OLD_SDK.match(word) for group in compiled.groups for word in group)
    if not is_old or not is_lightweight(compiled.command):
        return compiled
    shell, option, program, source, *rest = compiled.command
    return replace(compiled, command=(shell, option, program, f"{LOCAL_PATHS}{_own_line(source)}", *rest))


def _own_line(source: str) -> str:
    return source if source.startswith("\n") else f"\n{source}"
