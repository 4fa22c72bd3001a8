"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option("--url", help="The adapter to talk to; KFADAPTER_URL, or http://127.0.0.1:5001.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print the adapter's own JSON and nothing else.")]
Wanted = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name or id.")]
VersionOption = Annotated[str, typer.Option("--version", help="The version's name or id; the latest without it.")]
ArgumentOption = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="NAME=VALUE", help="An argument, as text; may be given many times."),
]


WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for the end; the exit code tells it.")]
Timeout = Annotated[float | None, typer.Option(min=0, help="Wait at most so many seconds; the run goes on.")]


def read_argument(text: str) -> tuple[str, str]:
    """Name and value of an `--arg`.

    Raises:
        typer.BadParameter: It is not written so.
    """
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise typer.BadParameter(f"{text!r} is not written NAME=VALUE", param_hint="--arg")
    return name, value


Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]
DataDir = Annotated[Path | None, typer.Option(help="Directory for everything that is kept.")]
