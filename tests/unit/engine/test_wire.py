"""Requests are read as strictly as KFP's gateway reads them, and refused in its words."""

import json
from typing import Any

import pytest

from kfadapter.engine.protocol.faults import Unreadable
from kfadapter.engine.protocol.messages import EXPERIMENT, FILTER, PIPELINE, RECURRING_RUN, RUN
from kfadapter.engine.protocol.queries import LISTING, read_query
from kfadapter.engine.protocol.wire import Message, Scalar, epoch, number, read_body, read_text


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def test_both_spellings_of_a_field_are_taken() -> None:
    assert read_body(body({"displayName": "a"}), EXPERIMENT) == read_body(body({"display_name": "a"}), EXPERIMENT)


def test_null_is_the_same_as_no_field() -> None:
    assert read_body(body({"display_name": "a", "description": None}), EXPERIMENT) == {"display_name": "a"}


def test_null_as_an_argument_is_a_value() -> None:
    read = read_body(body({"runtime_config": {"parameters": {"a": None}}}), RUN)
    assert read == {"runtime_config": {"parameters": {"a": None}}}


@pytest.mark.parametrize("given", ["ARCHIVED", 2])
def test_enums_are_taken_by_name_and_by_number(given: Any) -> None:
    assert read_body(body({"storage_state": given}), EXPERIMENT) == {"storage_state": "ARCHIVED"}


@pytest.mark.parametrize("given", [3, 3.0, "3"])
def test_whole_numbers_are_taken_in_every_form_protobuf_allows(given: Any) -> None:
    assert read_body(body({"max_concurrency": given}), RECURRING_RUN) == {"max_concurrency": 3}


def test_nothing_is_an_empty_message_and_what_follows_the_first_value_is_ignored() -> None:
    assert read_body(b" \n", EXPERIMENT) == {}
    assert read_body(b'{"display_name": "a"} more', EXPERIMENT) == {"display_name": "a"}


@pytest.mark.parametrize(
    ("text", "message", "words"),
    [
        ('{"display_name":', EXPERIMENT, "unexpected EOF"),
        ('{"a": nul}', EXPERIMENT, "invalid character '}' in literal null (expecting 'l')"),
        ("{'a': 1}", EXPERIMENT, "invalid character '\\'' looking for beginning of object key string"),
        ('{"a" 1}', EXPERIMENT, "invalid character '1' after object key"),
        ("[]", EXPERIMENT, "proto: syntax error (line 1:1): unexpected token ["),
        ('{\n  "colour": 1}', EXPERIMENT, 'proto: (line 2:3): unknown field "colour"'),
        ('{"display_name": 7}', EXPERIMENT, "proto: (line 1:18): invalid value for string field displayName: 7"),
        (
            '{"display_name": "a", "display_name": "b"}',
            EXPERIMENT,
            'proto: (line 1:23): duplicate field "display_name"',
        ),
        (
            '{"runtime_config": {"parameters": {"a": 1, "a": 2}}}',
            RUN,
            'proto: (line 1:44): duplicate field "a"',
        ),
        ('{"mode": "SOMETIMES"}', RECURRING_RUN, 'proto: (line 1:10): invalid value for enum field mode: "SOMETIMES"'),
        ('{"no_catchup": 1}', RECURRING_RUN, "proto: (line 1:16): invalid value for bool field noCatchup: 1"),
        (
            '{"trigger": {"cron_schedule": {"start_time": "soon"}}}',
            RECURRING_RUN,
            'proto: (line 1:46): invalid google.protobuf.Timestamp value "soon"',
        ),
        ('{"display_name": "\\ud800"}', EXPERIMENT, "proto: unexpected EOF"),
        ('{"runtime_config": {"parameters": {"a": NaN}}}', RUN, "invalid character 'N' looking for beginning of value"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, message: Message, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_body(text.encode(), message)
    assert caught.value.message == words


def test_two_members_of_a_one_of_are_refused() -> None:
    with pytest.raises(Unreadable, match=r"oneof .*Run\.pipeline_source is already set"):
        read_body(body({"pipeline_version_id": "a", "pipeline_spec": {}}), RUN)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"pipeline_spec": ' + '{"a":' * 500 + "1" + "}" * 501, "9" * 5_000])
def test_hostile_depth_and_size_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_body(text.encode(), RUN)


def test_numbers_are_those_of_a_double_and_shown_whole_where_they_are() -> None:
    assert [number(value) for value in (3.0, 2.5, 9007199254740993, 1e300)] == [3, 2.5, 9007199254740992, 1e300]
    assert isinstance(number(3.0), int)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T01:00:01.999999999+01:00", 1),
        ("1970-01-01", None),
        ("1970-13-01T00:00:00Z", None),
    ],
)
def test_times_are_rfc_3339(text: str, seconds: int | None) -> None:
    assert epoch(text) == seconds


def test_filters_are_read_by_protojson_alone() -> None:
    with pytest.raises(Unreadable, match=r"proto: syntax error \(line 1:1\): invalid value name"):
        read_text("name=x", FILTER)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("page_size", "many")], 'parsing field "page_size": strconv.ParseInt: parsing "many": invalid syntax'),
        ([("pageSize", "9" * 30)], f'strconv.ParseInt: parsing "{"9" * 30}": value out of range'),
        ([("page_size", "1"), ("page_size", "2")], 'too many values for field "page_size": 1, 2'),
        ([("page_size", "1"), ("pageSize", "1")], 'duplicate field "page_size"'),
        ([("page_size", "\u0663")], 'strconv.ParseInt: parsing "\u0663": invalid syntax'),
        ([("page_size.most", "1")], 'invalid path: "page_size" is not a message'),
        ([("sortBy[]", "name")], 'field "sort_by" is not a map'),
    ],
)
def test_query_parameters_are_typed_and_come_once(pairs: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_query(pairs, LISTING)
    assert words in caught.value.message


def test_whole_numbers_may_begin_with_zeros() -> None:
    assert read_query([("page_size", "+" + "0" * 20 + "7")], LISTING) == {"page_size": 7}


def test_unknown_query_parameters_are_ignored() -> None:
    assert read_query([("colour", "red"), ("cascade", "T")], {"cascade": Scalar.BOOL}) == {"cascade": True}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r'{"name":"a\q"}', "invalid character 'q' in string escape code"),
        (r'{"name":"\u12"}', "invalid character '\"' in \\u hexadecimal character escape"),
        (r'{"name":"\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"),
        (r'{"name":"\\\ud800\u0041"}', 'proto: syntax error (line 1:9): invalid escape code "\\\\u0041" in string'),
        (r'{"name":"\ud83d\ude00", "x":"\udc00"}', "proto: unexpected EOF"),
        ('{"name":-}', "invalid character '}' in numeric literal"),
        ('{"name":1.}', "invalid character '}' after decimal point in numeric literal"),
        ('{"name":1e+}', "invalid character '}' in exponent of numeric literal"),
        ('{"name":01}', "invalid character '1' after object key:value pair"),
        ('{"name":nul}', "invalid character '}' in literal null (expecting 'l')"),
        ("-", "unexpected EOF"),
        ('{"name":"a" "b"}', "invalid character '\"' after object key:value pair"),
        ("/*x*/{}", "invalid character '/' looking for beginning of value"),
        ("{name:1}", "invalid character 'n' looking for beginning of object key string"),
    ],
)
def test_what_is_no_json_is_described_as_go_describes_it(text: str, words: str) -> None:
    """The words are those of grpc-gateway 2 and protobuf-go 1.36, asked with these texts."""
    with pytest.raises(Unreadable) as refused:
        read_body(text.encode(), PIPELINE)
    assert refused.value.message == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"name":\n "caf\xe9"}', "proto: syntax error (line 2:2): invalid UTF-8 in string"),
        (b'{"na\xe9me": "a"}', "proto: syntax error (line 1:2): invalid UTF-8 in string"),
        (b'{"a\\"\xe9":1}', "proto: syntax error (line 1:2): invalid UTF-8 in string"),
        (b'{"name":"a"\xe9}', "invalid character '\ufffd' after object key:value pair"),
        (b"\xe9", "invalid character '\ufffd' looking for beginning of value"),
    ],
)
def test_bytes_that_are_no_utf_8_are_refused(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_body(body, PIPELINE)
    assert refused.value.message == words
