"""Which form a caller wants, and whether it has it already."""

import pytest
from starlette.requests import Request

from kfadapter.api.conditional import entity_tag, immutable_headers, is_known
from kfadapter.api.negotiation import preferred

OFFERED = ("application/json", "application/yaml")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/yaml", "application/yaml"),
        ("APPLICATION/YAML;q=0.9, application/json;q=0.1", "application/yaml"),
        ("application/json;q=0, */*", "application/yaml"),
        ("text/html, */*;q=0.1", "application/json"),
        ("image/png", None),
        ("application/json;q=nonsense", None),
        (";;;,,,", None),
    ],
)
def test_the_callers_favourite_is_chosen(accept: str, expected: str | None) -> None:
    assert preferred(accept, OFFERED) == expected


def request_with(if_none_match: str) -> Request:
    return Request({"type": "http", "headers": [(b"if-none-match", if_none_match.encode())]})


def test_a_tag_is_known_alone_in_a_list_and_weakly() -> None:
    tag = entity_tag("p", "v", "spec.yaml", is_derived=False)
    for given in (tag, f'"x", {tag}', f"W/{tag}"):
        assert is_known(request_with(given), tag)
    for given in ("", "*", '"x"', tag.strip('"')):
        assert not is_known(request_with(given), tag)


def test_each_form_of_each_version_has_a_tag_of_its_own() -> None:
    tags = {
        entity_tag(pipeline, version, form, is_derived=derived)
        for pipeline in "ab"
        for version in "cd"
        for form in ("x", "y")
        for derived in (True, False)
    }
    assert len(tags) == 16


def test_only_what_never_changes_is_kept_for_good() -> None:
    assert "immutable" in immutable_headers('"t"', is_by_id=True, is_derived=False)["Cache-Control"]
    for by_id, derived in ((False, False), (True, True), (False, True)):
        assert "no-cache" in immutable_headers('"t"', is_by_id=by_id, is_derived=derived)["Cache-Control"]
