"""How the commands show things: Rich on a terminal, whole lines and no decoration in pipes and files."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 100_000
SHORT_ID = 8
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Kubeflow's words for runs and tasks, the ledger's for training runs, and those of notifications.
STYLES = {
    "SUCCEEDED": ("✓", "green"),
    "DELIVERED": ("✓", "green"),
    "CACHED": ("✓", "green"),
    "RUNNING": ("▸", "cyan"),
    "ACTIVE": ("▸", "cyan"),
    "PENDING": ("·", "dim"),
    "INTENDED": ("·", "dim"),
    "UNCERTAIN": ("?", "yellow"),
    "SKIPPED": ("-", "dim"),
    "FAILED": ("✗", "red"),
    "LOST": ("✗", "red"),
    "REFUSED": ("✗", "red"),
    "NOT_STARTED": ("✗", "red"),
    "DEAD": ("✗", "red"),
    "CANCELING": ("-", "yellow"),
    "CANCELED": ("-", "yellow"),
    "CANCELLED": ("-", "yellow"),
}
UNKNOWN = ("·", "default")

Cell = str | Text


def screen(*, to_stderr: bool = False) -> Console:
    """Standard output, or standard error. Nothing is wrapped or cut when it is no terminal."""
    if (sys.stderr if to_stderr else sys.stdout).isatty():
        return Console(highlight=False, stderr=to_stderr)
    return Console(highlight=False, width=PIPE_WIDTH, no_color=True, stderr=to_stderr)


def show_table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, nothing: str) -> None:
    """A table with one line a row.

    Args:
        console: Where to.
        columns: Their headings.
        rows: As many cells each.
        nothing: The sentence to say when there are no rows.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        console.print(nothing)
        return
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*row)
    _print_trimmed(console, table)


def show_facts(console: Console, facts: Iterable[tuple[str, Cell]]) -> None:
    """Names and values under each other; those without a value are left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if str(value):
            table.add_row(name, _cell(value))
    _print_trimmed(console, table)


def show_gaps(console: Console, gaps: Iterable[Mapping[str, str]]) -> None:
    """What an answer could not tell (its `unavailable`), a line each."""
    for gap in gaps:
        console.print(Text(f"not available: {printable(gap['what'])}: {printable(gap['reason'])}", style="yellow"))


def heading(console: Console, text: str) -> None:
    """A line that opens a part of a page."""
    console.print()
    console.print(Text(printable(text), style="bold"))


def state_text(state: str | None) -> Text:
    """A state with its mark and colour."""
    word = (state or "UNKNOWN").upper()
    mark, style = STYLES.get(word, UNKNOWN)
    return Text(f"{mark} {printable(word)}", style=style)


def run_id_text(console: Console, run_id: str) -> str:
    """A run's id: whole in pipes; on a terminal its beginning, which the commands take as well."""
    return run_id[:SHORT_ID] if console.is_terminal else run_id


def value_text(value: Any) -> str:
    """A JSON value in one line; texts without quotes."""
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """Text of others with its control characters made visible: a name must not command the terminal."""
    return CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def one_line(text: str) -> str:
    """Text of others in one line."""
    return " ".join(printable(text).split())


def print_json(text: str) -> None:
    """The adapter's JSON as it came, with one line end."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def _cell(value: Cell) -> Text:
    return value if isinstance(value, Text) else Text(one_line(value))


def _print_trimmed(console: Console, table: Table) -> None:
    """Print without the blanks Rich fills lines up with: they are in the way in pipes."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.file.write(line.rstrip() + "\n")
