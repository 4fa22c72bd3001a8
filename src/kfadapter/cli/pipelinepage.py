"""A pipeline as a page: what it is, what it takes, what comes out, its steps, what they run, its versions."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.text import Text

from kfadapter.cli.tables import heading, one_line, printable, show_facts, show_gaps, show_table, value_text
from kfadapter.cli.times import moment

M = TypeVar("M", bound=Mapping[str, Any])
# Long lists of steps belong into a picture.
MOST_STEPS = 60
MARKS = {
    "loop": ("↻", "cyan"),
    "condition": ("?", "yellow"),
    "branches": ("⑂", "yellow"),
    "exit-handler": ("⏏", "magenta"),
    "pipeline": ("▤", "blue"),
    "importer": ("↓", "green"),
}
STEP = ("•", "green")


def show_pipeline(
    console: Console,
    pipeline: Mapping[str, Any],
    version: Mapping[str, Any] | None,
    graph: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> None:
    """A pipeline, and one of its versions."""
    _show_facts(console, pipeline, version)
    if version is not None:
        if version["problem"]:
            console.print(Text(f"cannot be read: {printable(version['problem'])}", style="yellow"))
        heading(console, "Inputs")
        show_inputs(console, version["parameters"], version["artifacts"])
        _show_outputs(console, version["outputs"])
        _show_steps(console, graph.get("nodes", []))
        _show_images(console, version["images"])
        _show_packages(console, version["packages"])
    heading(console, "Versions")
    show_versions(console, versions["pipeline_versions"])
    if versions["next_page_token"]:
        console.print(Text("… and older ones: 'kfadapter pipelines versions NAME' lists all.", style="dim"))
    show_gaps(console, pipeline["unavailable"])


def show_inputs(
    console: Console, parameters: Sequence[Mapping[str, Any]], artifacts: Sequence[Mapping[str, Any]] = ()
) -> None:
    """What a pipeline takes: name, type, whether it is required or what it is otherwise, description."""
    rows = [(one["name"], one["type"], requirement(one), _meaning(one)) for one in required_first(parameters)]
    rows += [
        (one["name"], _artifact_type(one), "required" if one["required"] else "optional", one_line(one["description"]))
        for one in artifacts
    ]
    columns = ("INPUT", "TYPE", "DEFAULT", "DESCRIPTION")
    show_table(console, columns, rows, nothing="It takes no inputs.")


def show_versions(console: Console, versions: Sequence[Mapping[str, Any]]) -> None:
    """Versions, newest first."""
    rows = [
        (
            one["display_name"],
            moment(one["created_at"]),
            (one["digest"] or "")[:12],
            one["sdk_version"] or "",
            one["description"] or "",
            one["pipeline_version_id"],
        )
        for one in versions
    ]
    columns = ("NAME", "CREATED (UTC)", "DIGEST", "SDK", "DESCRIPTION", "ID")
    show_table(console, columns, rows, nothing="There are none.")


def required_first(parameters: Sequence[M]) -> list[M]:
    """What must be given, then what may be, each by name: Kubeflow keeps no order."""
    return sorted(parameters, key=lambda one: (not one["required"], one["name"]))


def requirement(parameter: Mapping[str, Any]) -> str:
    """`required`, or the default, or `optional` where there is neither."""
    if parameter["required"]:
        return "required"
    return "optional" if parameter.get("default") is None else value_text(parameter["default"])


def _show_facts(console: Console, pipeline: Mapping[str, Any], version: Mapping[str, Any] | None) -> None:
    said = version or {}
    tags = pipeline["tags"] or {}
    name = pipeline["name"] if pipeline["name"] != pipeline["display_name"] else ""
    show_facts(
        console,
        [
            ("name", pipeline["display_name"]),
            ("unique name", name),
            ("id", pipeline["pipeline_id"]),
            ("description", pipeline["description"] or said.get("spec_description") or ""),
            ("tags", ", ".join(f"{key}={value}" for key, value in tags.items())),
            ("created", moment(pipeline["created_at"])),
            ("version", said.get("display_name") or "none"),
            ("compiled by", said.get("sdk_version") or ""),
            ("digest", (said.get("digest") or "")[:12]),
        ],
    )


def _show_outputs(console: Console, outputs: Mapping[str, Any]) -> None:
    rows = [(one["name"], one["type"], one_line(one["description"] or "")) for one in outputs["parameters"]]
    rows += [(one["name"], _artifact_type(one), one_line(one["description"] or "")) for one in outputs["artifacts"]]
    if rows:
        heading(console, "Outputs")
        show_table(console, ("OUTPUT", "TYPE", "DESCRIPTION"), rows, nothing="")


def _show_steps(console: Console, nodes: Sequence[Mapping[str, Any]]) -> None:
    heading(console, "Steps")
    lines = in_tree_order(nodes)
    for depth, node in lines[:MOST_STEPS]:
        mark, style = MARKS.get(node["kind"], STEP)
        line = Text("  " * depth)
        line.append(f"{mark} ", style=style)
        line.append(printable(node["display_name"] or node["name"]))
        if note := _note(node):
            line.append(f"  {one_line(note)}", style="dim")
        console.print(line, soft_wrap=True)
    if not lines:
        console.print("It has no steps.")
    elif len(lines) > MOST_STEPS:
        console.print(Text(f"… {len(lines) - MOST_STEPS} more: 'kfadapter pipelines graph NAME'", style="dim"))


def in_tree_order(nodes: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    """Each node behind the group it is in, with its depth; siblings in an order in which they could run."""
    children: dict[str | None, list[Mapping[str, Any]]] = {}
    for node in nodes:
        children.setdefault(node["parent"], []).append(node)
    ordered: list[tuple[int, Mapping[str, Any]]] = []
    waiting = [(0, node) for node in reversed(children.get(None, []))]
    while waiting:
        depth, node = waiting.pop()
        ordered.append((depth, node))
        waiting += [(depth + 1, child) for child in reversed(children.get(node["id"], []))]
    return ordered


def _note(node: Mapping[str, Any]) -> str:
    trigger, iteration = node["trigger"] or {}, node["iteration"] or {}
    return "; ".join(text for text in (trigger.get("text"), iteration.get("text")) if text)


def _show_images(console: Console, images: Sequence[Mapping[str, Any]]) -> None:
    heading(console, "Images")
    rows = [(one["name"], some_names(one["steps"])) for one in images]
    show_table(console, ("IMAGE", "STEPS"), rows, nothing="It runs none.")


def _show_packages(console: Console, packages: Sequence[Mapping[str, Any]]) -> None:
    rows = [(one["text"], some_names(one["steps"])) for one in packages if not one["is_runtime"]]
    if rows:
        heading(console, "Python packages")
        show_table(console, ("PACKAGE", "STEPS"), rows, nothing="")


def some_names(names: Sequence[str]) -> str:
    """The first four, and how many there are if that is not all."""
    shown = ", ".join(names[:4])
    return f"{shown} … ({len(names)})" if len(names) > 4 else shown


def _artifact_type(artifact: Mapping[str, Any]) -> str:
    return f"list of {artifact['type']}" if artifact["is_list"] else str(artifact["type"])


def _meaning(parameter: Mapping[str, Any]) -> str:
    allowed = parameter.get("allowed")
    limits = f"one of {', '.join(map(value_text, allowed))}" if allowed else ""
    return "; ".join(part for part in (one_line(parameter.get("description") or ""), limits) if part)
