"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option("--url", help="The adapter to talk to; KFADAPTER_URL, or http://127.0.0.1:5001.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print the adapter's own JSON and nothing else.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]
DataDir = Annotated[Path | None, typer.Option(help="Directory for everything that is kept.")]
