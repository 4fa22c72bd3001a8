"""Predicates, and how they survive being decoded once or twice."""

import json
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote_plus

import pytest

from kfadapter.kubeflow.filters import Filter


@pytest.mark.parametrize("name", ["50% off", "a+b", "100%25", "größe", "a b", '"quoted" \\ back', "日本", "a&b=c#d?e"])
def test_a_filter_reads_the_same_decoded_once_more_or_not(name: str) -> None:
    text = Filter.equals("display_name", name).to_query()
    for decoded in (text, unquote_plus(text)):
        assert json.loads(decoded) == {
            "predicates": [{"operation": "EQUALS", "key": "display_name", "string_value": name}]
        }


def test_predicates_are_joined() -> None:
    both = Filter.is_in("run_id", ["a", "b"]) & Filter.contains("display_name", "x")
    assert [predicate["operation"] for predicate in both.predicates] == ["IN", "IS_SUBSTRING"]
    assert both.predicates[0]["string_values"] == {"values": ["a", "b"]}


def test_times_are_whole_seconds_in_utc() -> None:
    berlin = timezone(timedelta(hours=2))
    moment = datetime(2026, 1, 31, 12, 0, 5, 900_000, tzinfo=berlin)
    assert Filter.at_least("finished_at", moment).predicates[0]["timestamp_value"] == "2026-01-31T10:00:05Z"
    assert Filter.at_least("x", datetime(2026, 1, 1, tzinfo=UTC)).predicates[0]["timestamp_value"].__class__ is str
