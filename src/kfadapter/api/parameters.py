"""Parameters that several routes under `/v1` share."""

from typing import Annotated

from fastapi import Path, Query

from kfadapter.kubeflow.filters import Filter

LARGEST_PAGE = 200
PAGE_SIZE = 50

PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Entries a page.")]
PageToken = Annotated[str, Query(max_length=8192, description="`next_page_token` of the page before.")]
SortBy = Annotated[
    str, Query(max_length=200, description="A field, or a field and `desc`, as `created_at desc`; Kubeflow's own.")
]
FilterText = Annotated[
    str,
    Query(
        max_length=16384,
        description='KFP\'s predicates as JSON, all of which must hold: `{"predicates": [{"key": "display_name", '
        '"operation": "EQUALS", "string_value": "qoe"}]}`.',
    ),
]
Name = Annotated[str, Query(max_length=1024, description="Only those shown under exactly this name.")]
Text = Annotated[str, Query(max_length=1024, description="Only those with this text in the name they are shown under.")]
PipelineID = Annotated[str, Path(description="Kubeflow's id of the pipeline.")]
VersionName = Annotated[str, Path(description="The version's id, its name, or `latest`.")]
IncludeSpec = Annotated[bool, Query(description="Send the specification along, in `pipeline_spec`.")]


def list_filter(filter: str, name: str = "", text: str = "") -> Filter | None:
    """The predicates of a list: the caller's own, and those of the shortcuts.

    Raises:
        FilterRefused: The caller's own are not in KFP's language.
    """
    wanted = Filter.parse(filter) if filter else Filter()
    if name:
        wanted = wanted & Filter.equals("display_name", name)
    if text:
        wanted = wanted & Filter.contains("display_name", text)
    return wanted if wanted.predicates else None
