"""Options that several commands share."""

from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option("--url", help="The adapter to talk to; KFADAPTER_URL, or http://127.0.0.1:5001.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print the adapter's own JSON and nothing else.")]
