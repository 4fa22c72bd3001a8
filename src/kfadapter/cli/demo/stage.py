"""Where the story is told: headings, sentences, tables; colours and movement only on a terminal."""

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kfadapter.cli.tables import printable

PLAIN_WIDTH = 110
WIDEST = 120
INDENT = 5


class Stage:
    """Tells the story on standard output.

    Args:
        is_plain: No colours and no live display, even on a terminal.
        steps: How many steps the story has.
    """

    def __init__(self, *, is_plain: bool, steps: int) -> None:
        self.is_live = sys.stdout.isatty() and not is_plain
        self.console = _live_console() if self.is_live else _plain_console()
        self._steps = steps
        self._step = 0

    def title(self, text: str, sentence: str) -> None:
        """The first lines."""
        self.console.print()
        self.console.print(Text(text, style="bold"))
        self.console.print(Text(sentence, style="dim"))

    def step(self, text: str, sentence: str) -> None:
        """Open the next step: what happens, and why it matters."""
        self._step += 1
        self.console.print()
        self.console.print(Text.assemble((f"{self._step}/{self._steps}", "bold cyan"), "  ", (text, "bold")))
        self.say(sentence)

    def say(self, sentence: str, style: str = "") -> None:
        """A sentence below the step's heading."""
        self.show(Text(sentence, style=style))

    def facts(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Names and values; a long value is left to the terminal to wrap, so that it can be copied."""
        known = list(pairs)
        width = max(len(name) for name, _ in known)
        self.space()
        for name, value in known:
            text = Text.assemble(" " * INDENT, (name.ljust(width), "dim"), "  ", printable(value))
            self.console.print(text, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
        """A table; long values go on in the next line, nothing is cut."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
        self.space()
        self.show(table)

    def show(self, what: RenderableType) -> None:
        """Anything, below the step's heading; without the blanks Rich fills lines up with in a log."""
        if self.is_live:
            self.console.print(self.indented(what))
            return
        with self.console.capture() as captured:
            self.console.print(self.indented(what))
        self.console.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())

    def indented(self, what: RenderableType) -> Padding:
        """Set in to where the sentences begin."""
        return Padding(what, (0, 0, 0, INDENT), expand=False)

    def check(self, sentence: str) -> None:
        """Something that was proved."""
        table = Table.grid(padding=(0, 1))
        table.add_row(Text("✓", style="green"), Text(printable(sentence)))
        self.show(table)

    def line(self, text: str) -> None:
        """A line as it is: never wrapped, so that it can be copied."""
        self.console.print(Text(" " * INDENT + printable(text)), soft_wrap=True)

    def space(self) -> None:
        """An empty line."""
        self.console.print()

    def problem(self, sentence: str, log_tail: str) -> None:
        """The story ended badly: what happened, and what the service wrote last."""
        self.console.print()
        self.console.print(Text(f"✗ {printable(sentence)}", style="bold red"))
        if log_tail:
            self.console.print(Text("The last lines of the service's log:", style="dim"))
            self.console.print(Text(printable(log_tail)), soft_wrap=True)


def _live_console() -> Console:
    console = Console(highlight=False)
    return console if console.width <= WIDEST else Console(highlight=False, width=WIDEST)


def _plain_console() -> Console:
    return Console(highlight=False, width=PLAIN_WIDTH, no_color=True, force_terminal=False, legacy_windows=False)
