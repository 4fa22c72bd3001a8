"""The documentation is complete: every setting, route and kind of error is in it."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from kfadapter.api.problems import TYPES
from kfadapter.settings import PREFIX, Settings

DOCS = Path(__file__).parents[2] / "docs"


def variables() -> list[str]:
    names: list[str] = []
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            names.extend(str(choice) for choice in alias.choices)
        else:
            names.append(alias if isinstance(alias, str) else PREFIX + name.upper())
    return names


@pytest.mark.parametrize("variable", variables())
def test_every_setting_is_documented(variable: str) -> None:
    assert f"`{variable}`" in (DOCS / "settings.md").read_text()


def test_documented_settings_exist() -> None:
    text = (DOCS / "settings.md").read_text()
    documented = {word.strip("`") for word in text.replace(",", " ").split() if word.startswith(f"`{PREFIX}")}
    assert documented - {PREFIX} <= set(variables())


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_describes_itself(field: str) -> None:
    assert Settings.model_fields[field].description


@pytest.mark.parametrize("kind", sorted(set(TYPES.values())))
def test_every_kind_of_error_is_documented(kind: str) -> None:
    assert f"`{kind}`" in (DOCS / "api.md").read_text()


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
