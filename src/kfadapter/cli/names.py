"""From what a person types, a name or an id, to the id."""

from uuid import UUID

from kfadapter.cli.http import Adapter, AdapterFailed, segment

SHORTEST_PREFIX = 6
MOST_MATCHES = 10
LATEST = "latest"


def is_id(text: str) -> bool:
    """Whether this is written like an id of Kubeflow (a UUID)."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def pipeline_path(wanted: str) -> str:
    """Where the pipeline with this name or id is shown."""
    return f"/v1/pipelines/{wanted}" if is_id(wanted) else f"/v1/pipelines/by-name/{segment(wanted)}"


def version_path(pipeline_id: str, wanted: str) -> str:
    """Where a version of a pipeline is shown; a name may hold a slash, which an address takes for its own."""
    below = f"/v1/pipelines/{segment(pipeline_id)}/versions"
    return f"{below}/by-name/{segment(wanted)}" if "/" in wanted else f"{below}/{segment(wanted)}"


def version_below(adapter: Adapter, wanted: str, version: str = LATEST) -> str:
    """The address below which everything about a version is found, of a pipeline with this name or id.

    Raises:
        AdapterFailed: There is no such pipeline or version.
    """
    pipeline_id = wanted
    if not is_id(wanted):
        found, _ = adapter.fetch("GET", pipeline_path(wanted))
        pipeline_id = found["pipeline_id"]
    if "/" in version:
        found, _ = adapter.fetch("GET", version_path(pipeline_id, version))
        version = found["pipeline_version_id"]
    return f"/v1/pipelines/{segment(pipeline_id)}/versions/{segment(version)}"


def pipeline_id_of(adapter: Adapter, wanted: str) -> str:
    """The id of the pipeline with this name or id.

    Raises:
        AdapterFailed: There is none, or the name is not unique.
    """
    if is_id(wanted):
        return wanted
    found, _ = adapter.fetch("GET", f"/pipelineIds/{segment(wanted)}")
    return str(found["id"])


def pipeline_name_of(adapter: Adapter, wanted: str) -> str:
    """The name of the pipeline with this name or id; a name is taken as it is.

    Raises:
        AdapterFailed: There is no pipeline with this id.
    """
    if not is_id(wanted):
        return wanted
    found, _ = adapter.fetch("GET", f"/pipelines/{wanted}")
    return str(found["name"])


def run_id_of(adapter: Adapter, wanted: str) -> str:
    """The id of the run with this name or id, or whose id begins like this.

    Raises:
        AdapterFailed: There is none, or there are several.
    """
    if is_id(wanted):
        return wanted
    matches = _runs(adapter, name=wanted)
    if not matches and len(wanted) >= SHORTEST_PREFIX:
        matches = _runs(adapter, id_prefix=wanted)
    if len(matches) == 1:
        return matches[0]
    if matches:
        several = f"{len(matches)} runs or more" if len(matches) == MOST_MATCHES else f"{len(matches)} runs"
        raise AdapterFailed(f"{several} are meant by {wanted}; name one by its id: {', '.join(matches)}")
    raise AdapterFailed(f"No run is found with name or id {wanted}")


def _runs(adapter: Adapter, **criteria: str) -> list[str]:
    found, _ = adapter.fetch("GET", "/v1/runs", params={**criteria, "page_size": MOST_MATCHES})
    return [str(run["run_id"]) for run in found["runs"]]
