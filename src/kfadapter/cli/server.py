"""`kfadapter server`: what Kubeflow is behind the adapter."""

from typing import Any

import typer
from rich.text import Text

from kfadapter.cli.http import open_adapter
from kfadapter.cli.pipelineviews import EXIT_NO
from kfadapter.cli.tables import heading, one_line, print_json, screen, show_facts, show_table

GIT_DIGEST_LENGTH = 40


def show_server(*, url: str | None, as_json: bool) -> None:
    """Print it; ends with 3 when Kubeflow is not reachable."""
    with open_adapter(url) as adapter:
        body, text = adapter.fetch("GET", "/v1/server")
    if as_json:
        print_json(text)
    else:
        _show(body)
    if not body["kubeflow"]["reachable"]:
        raise typer.Exit(EXIT_NO)


def _short(commit: str) -> str:
    """Git's digests are known by their beginning; the engine says its own version instead of one."""
    return commit[:12] if len(commit) == GIT_DIGEST_LENGTH else commit


def _show(body: dict[str, Any]) -> None:
    console, kubeflow = screen(), body["kubeflow"]
    show_facts(
        console,
        [
            ("kubeflow", kubeflow["url"]),
            ("kind", kubeflow["kind"]),
            ("version", kubeflow["version"] or "not told"),
            ("commit", _short(kubeflow["commit"] or "")),
            ("reachable", "yes" if kubeflow["reachable"] else Text(f"no: {one_line(kubeflow['problem'])}", "red")),
            ("tested with", {True: "yes", False: "no", None: "not known"}[kubeflow["proven"]]),
            ("namespace", kubeflow["namespace"] or ""),
            ("adapter", body["adapter_version"]),
        ],
    )
    heading(console, "What it cannot do")
    rows = [(one["feature"], one["since"], one["detail"]) for one in body["degraded"]]
    show_table(console, ("FEATURE", "SINCE KFP", "WHAT THAT MEANS"), rows, nothing="Nothing is missing.")
