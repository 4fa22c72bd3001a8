"""Cron texts, read as Kubeflow Pipelines reads them."""

import pytest

from kfadapter.pipelines.cron import Cron, CronFault, Every, read_cron


def calendar(text: str) -> Cron:
    rule = read_cron(text)
    assert isinstance(rule, Cron)
    return rule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Empty spec string"),
        ("* * * *", "Expected 5 to 6 fields, found 4: * * * *"),
        ("* * * 3--1/2 * *", "Too many hyphens: 3--1/2"),
        ("* * * -- * *", 'Failed to parse int from : strconv.Atoi: parsing "": invalid syntax'),
        ("* * 9-17/-1 * * *", "Negative number (-1) not allowed: -1"),
        ("* * 1/2/3 * * *", "Too many slashes: 1/2/3"),
        ("* * * 30-32 * *", "End of range (32) above maximum (31): 30-32"),
        ("@every 1d", 'Failed to parse duration @every 1d: time: unknown unit "d" in duration "1d"'),
        ("@every 5", 'Failed to parse duration @every 5: time: missing unit in duration "5"'),
        ("@every 9999999h", 'Failed to parse duration @every 9999999h: time: invalid duration "9999999h"'),
    ],
)
def test_a_text_is_refused_in_the_words_of_robfig_cron(text: str, words: str) -> None:
    """The words are those of its release 1.2.0, asked with these texts."""
    with pytest.raises(CronFault) as refused:
        read_cron(text)
    assert str(refused.value) == words


@pytest.mark.parametrize("text", ["@every", "@every ", "@every soon", "@every 5", "@fortnightly", "60 * * * * *", "a"])
def test_what_is_no_cron_text_is_refused(text: str) -> None:
    with pytest.raises(CronFault):
        read_cron(text)


@pytest.mark.parametrize(
    "text",
    ["0 0 3 * * *", "0 3 * * *", "@daily", "@every 1h30m", "*/5 * * * * *", "0 0 0 ? JAN-mar MON,fri", "0 0 1-5/2 * *"],
)
def test_cron_texts_of_go_are_taken(text: str) -> None:
    read_cron(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("every day", "Expected 5 to 6 fields, found 2: every day"),
        ("0 0 25 * * *", r"End of range \(25\) above maximum \(23\): 25"),
        ("0 0 0 0 * *", r"Beginning of range \(0\) below minimum \(1\): 0"),
        ("0 5-1 * * * *", r"Beginning of range \(5\) beyond end of range \(1\): 5-1"),
        ("1/2/3 * * * * *", "Too many slashes"),
        ("1-2-3 * * * * *", "Too many hyphens"),
        ("*/0 * * * * *", "Step of range should be a positive number"),
        ("x * * * * *", "Failed to parse int from x"),
        ("@sometimes", "Unrecognized descriptor"),
    ],
)
def test_cron_texts_that_mean_nothing_are_refused(text: str, reason: str) -> None:
    with pytest.raises(CronFault, match=reason):
        read_cron(text)


def test_fields_are_numbers_in_their_order() -> None:
    rule = calendar("*/20 5,1 9-11 ? jan-DEC/6 mon")
    assert rule.fields == ((0, 20, 40), (1, 5), (9, 10, 11), tuple(range(1, 32)), (1, 7), (1,))


def test_five_fields_are_those_from_the_second_on() -> None:
    assert read_cron("*/5 * * * *") == read_cron("*/5 * * * * *")


@pytest.mark.parametrize(
    ("text", "either"),
    [("0 0 0 13 * fri", True), ("0 0 0 13 * *", False), ("0 0 0 */2 * fri", False), ("0 0 0 ? * fri", False)],
)
def test_one_kind_of_day_is_enough_where_both_are_restricted(text: str, either: bool) -> None:
    assert calendar(text).either_day is either


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("0 0 0 31 feb,apr *", True),
        ("0 0 0 31 feb,mar *", False),
        ("0 0 0 31 feb fri", False),
        ("0 0 0 31 feb */2", True),
        ("0 0 0 , * *", True),
    ],
)
def test_what_names_no_moment_is_never_due(text: str, never: bool) -> None:
    assert calendar(text).is_never_due is never


@pytest.mark.parametrize(("text", "seconds"), [("@every 1h30m", 5400), ("@every 1.5m", 90), ("@every 20ms", 1)])
def test_an_interval_is_whole_seconds(text: str, seconds: int) -> None:
    assert read_cron(text) == Every(seconds=seconds)
