"""Compiled commands: what they install and what they run."""

import pytest

from kfadapter.engine.running.commands import is_lightweight, read_prelude, strip_prelude, with_local_paths

ENSURE = """
if ! [ -x "$(command -v pip)" ]; then
    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip
fi
"""
PIP = "python3 -m pip install --quiet --no-warn-script-location"
KFP = "'kfp==2.17.0' '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<\"3.9\"'"
PROGRAM = 'program_path=$(mktemp -d)\n_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main "$@"\n'
OWN = """
export PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d)
python3 -m venv "$tmp/venv" --system-site-packages
. "$tmp/venv/bin/activate"
"""


@pytest.mark.parametrize(
    ("prelude", "groups"),
    [
        (f'{ENSURE}\nPIP_DISABLE_PIP_VERSION_CHECK=1 {PIP} {KFP} && "$0" "$@"\n', (("kfp==2.17.0", "--no-deps"),)),
        (
            f'{ENSURE}\nPIP_DISABLE_PIP_VERSION_CHECK=1 {PIP} \'pandas<3\' "x[y]" &&  {PIP} {KFP} && "$0" "$@"\n',
            (("pandas<3", "x[y]"), ("kfp==2.17.0", "--no-deps")),
        ),
        (
            f'{ENSURE}\nPIP_DISABLE_PIP_VERSION_CHECK=1 {PIP} --index-url https://i/s --trusted-host i a && "$0" "$@"',
            (("--index-url", "https://i/s", "--trusted-host", "i", "a"),),
        ),
        (
            f'{ENSURE}\nPIP_DISABLE_PIP_VERSION_CHECK=1 {OWN} {PIP} {KFP} && "$0" "$@"\n',
            (("kfp==2.17.0", "--no-deps"),),
        ),
        (f'{ENSURE}\nPIP_DISABLE_PIP_VERSION_CHECK=1 {PIP} \'it"s\' && "$0" "$@"\n', (('it"s',),)),
    ],
)
def test_known_preludes_say_what_they_install(prelude: str, groups: tuple[tuple[str, ...], ...]) -> None:
    command = ["sh", "-c", prelude, "sh", "-ec", PROGRAM, "def f(): pass"]
    stripped = strip_prelude(command)
    assert stripped.groups == groups
    assert stripped.command == ("sh", "-ec", PROGRAM, "def f(): pass")
    assert not stripped.installs_itself
    assert is_lightweight(command)


@pytest.mark.parametrize(
    "prelude",
    [
        'apt-get install -y git && "$0" "$@"',
        f'{ENSURE} {PIP} "$(cat secret)" && "$0" "$@"',
        f'{PIP} a ; "$0" "$@"',
        f'{PIP} a && "$0" "$@" && echo done',
        f'{PIP} \'a && "$0" "$@"',
    ],
)
def test_other_preludes_are_left_alone(prelude: str) -> None:
    assert read_prelude(prelude) is None
    stripped = strip_prelude(["sh", "-c", prelude, "sh", "-ec", PROGRAM, "source"])
    assert stripped.installs_itself
    assert stripped.command[2] == prelude


def test_commands_without_a_prelude_run_as_they_are() -> None:
    assert strip_prelude(["python3", "main.py"]).command == ("python3", "main.py")
    assert strip_prelude([]).command == ()
    assert is_lightweight(["sh", "-ec", PROGRAM, "source"])
    assert not is_lightweight(["sh", "-c", "echo hi"])
    assert not is_lightweight(["python3", "-m", "kfp.dsl.executor_main"])


@pytest.mark.parametrize(
    ("version", "is_helped"), [("2.0.1", True), ("2.2.0", True), ("2.13.0", False), ("2.17.0", False)]
)
def test_old_sdks_are_taught_local_paths_without_moving_a_line(version: str, is_helped: bool) -> None:
    source = "\nimport kfp\n\ndef f(): pass\n"
    prelude = f'{PIP} \'kfp=={version}\' && "$0" "$@"'
    command = with_local_paths(strip_prelude(["sh", "-c", prelude, "sh", "-ec", PROGRAM, source])).command
    assert command[3].endswith(source)
    assert ("_get_path" in command[3]) is is_helped
    assert command[3].count("\n") == source.count("\n")
