import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kfadapter.errors import PackageError, PackageTooLarge
from kfadapter.pipelines.documents import DocumentLimits, load_documents

PLAIN_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def load_one(text: str) -> Any:
    (document,) = load_documents(text.encode())
    return document


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("n", "n"),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("010", 8),
        ("0x1F", 31),
        ("-0b11", -3),
        ("1_000", 1000),
        ("1:30", "1:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00Z"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-1.5e+3", -1500.0),
        ("1e3", "1e3"),
        ("08", "08"),
        ("0o17", "0o17"),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 1.8446744073709552e19),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("+", "+"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
        ("!!float 5", 5.0),
        ("=", "="),
    ],
)
def test_words_mean_what_kubeflow_takes_them_for(word: str, value: object) -> None:
    found = load_one(f"key: {word}\n")["key"] if word != "-" else load_one('key: "-"')["key"]
    assert found == value
    assert type(found) is type(value)


@given(PLAIN_VALUES)
@settings(max_examples=80, deadline=None)
def test_whatever_pyyaml_writes_comes_back(value: Any) -> None:
    document = {"value": value}
    assert load_one(yaml.safe_dump(document, sort_keys=True)) == document


@pytest.mark.parametrize(
    "text", ["1e3", "08", "1.5e3", "0o17", "yes", "2020-01-01", "~", "1:30", "<<", "=", "0x1F", ""]
)
def test_texts_that_look_like_something_else_come_back_as_texts(text: str) -> None:
    assert load_one(yaml.safe_dump({"default": text}))["default"] == text


@given(PLAIN_VALUES)
@settings(max_examples=80, deadline=None)
def test_json_comes_back(value: Any) -> None:
    document = {"value": value}
    assert load_one(json.dumps(document)) == document


def test_a_byte_order_mark_is_passed_over() -> None:
    assert load_documents(b"\xef\xbb\xbfa: 1\n") == [{"a": 1}]
    assert load_documents(b'\xef\xbb\xbf{"a": 1}') == [{"a": 1}]


def test_aliases_and_merge_keys_are_followed() -> None:
    document = load_one("one: &one {a: 1, b: 2}\ntwo: {<<: *one, b: 3}\nthree: {<<: [*one, {c: 4}]}\n'<<': text\n")
    assert document["two"] == {"a": 1, "b": 3}
    assert document["three"] == {"a": 1, "b": 2, "c": 4}
    assert document["<<"] == "text"


def test_documents_come_in_order_and_empty_ones_are_left_out() -> None:
    assert load_documents(b"---\na: 1\n---\n---\nb: 2\n---\n") == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"# nothing\n", "only comments"),
        (b"---\n---\n", "no document"),
        (b"a: [\n", "line 2, column 1"),
        (b"root:\n\tdag: {}\n", "line 2, column 1"),
        (b"a: 'open", "not valid YAML"),
        (b"a: b: c", "not valid YAML"),
        (b"a: \x00", "NUL"),
        (b"a: 1\nb: \x07", "line 2"),
        ("a: é".encode("latin-1"), "UTF-8"),
        ("a: b".encode("utf-16"), "UTF-8"),
        (b"a: 1\nb: 2\na: 3\n", "'a' is given twice (line 3"),
        (b'{"a": 1, "a": 2}', "'a' is given twice"),
        (b"1: 2", "where a text is needed"),
        (b"null: 2", "where a text is needed"),
        (b"? [a]\n: 1", "where a text is needed"),
        (b"a: .nan", "JSON cannot hold"),
        (b"a: -.inf", "JSON cannot hold"),
        (b'{"a": NaN}', "JSON cannot hold"),
        (b'{"a": "\\ud800"}', "Unicode"),
        (b"a: !!python/object/apply:os.system [x]", "!!python/object/apply:os.system"),
        (b"a: !!python/object:os.system x", "!!python/object:os.system"),
        (b"a: !!binary aGVsbG8=", "!!binary"),
        (b"a: !!timestamp 2020-01-01", "!!timestamp"),
        (b"a: !!set {b, c}", "!!set"),
        (b"a: !own b", "!own"),
        (b"a: !!int text", "not a int"),
        (b"a: *missing", "no anchor"),
        (b"a: &a [*a]", "inside what it names"),
        (b"<<: 3", "merged"),
        (b"%YAML 1.2\n---\na: 1\n", "%YAML 1.2"),
        (b"".join(b"%%TAG !t%d! x\n" % n for n in range(101)) + b"---\na: 1\n", "%TAG"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(PackageError) as refusal:
        load_documents(content)
    assert reason in str(refusal.value)


def laughing(levels: int) -> bytes:
    lines = ["a0: &a0 [" + "x, " * 8 + "x]"]
    lines += [f"a{n}: &a{n} [" + f"*a{n - 1}, " * 8 + f"*a{n - 1}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    "content",
    [
        laughing(12),
        b"a: &a " + b"x" * 1_000_000 + b"\nb: [" + b"*a, " * 900 + b"*a]",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{a: " * 100_000,
        b"- " * 100_000,
        b"? " * 100_000,
        b"\n".join(b" " * n + b"a:" for n in range(2_000)),
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"&a x: *a\nb: [" + b"*a, " * 1_100 + b"]",
        b"[" + b"1, " * 1_000_000 + b"1]",
        b'{"a": [' + b"1, " * 1_000_000 + b"1]}",
        b"---\n" * 1_000_000,
        b"a: 1\n---\n" * 17,
        b"- &a x\n" * 1_000_000,
    ],
    ids=[
        "billion laughs", "long texts behind aliases", "deep list", "deep JSON", "deep flow object", "deep block list",
        "deep keys", "deep block object", "JSON of 900 levels", "many aliases", "many values", "many JSON values",
        "many empty documents", "many documents", "many anchors",
    ],
)  # fmt: skip
def test_bombs_are_refused_at_once(content: bytes) -> None:
    started = time.process_time()
    with pytest.raises(PackageError):
        load_documents(content)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "content",
    [
        b"a: |\n" + b"\n" * 4_000_000,
        b'a: "' + b"\\x41" * 1_000_000 + b'"',
        b"a: " + b" " * 4_000_000 + b"b",
        b"a: " + b"1" * 4_000_000,
        b'{"a": ' + b"1" * 4_000_000 + b"}",
        b"a: 1" + b"_" * 4_000_000,
        b"# comment\n" * 400_000 + b"a: 1",
        b'{"a": "' + b",:[{" * 1_000_000 + b'"}',
    ],
    ids=["blank lines", "escapes", "blanks", "digits", "JSON digits", "underscores", "comments", "marks in a text"],
)
def test_large_harmless_files_are_read_quickly(content: bytes) -> None:
    started = time.process_time()
    assert list(load_one(content.decode())) == ["a"]
    assert time.process_time() - started < 3


def test_a_large_file_is_refused_with_both_sizes() -> None:
    with pytest.raises(PackageTooLarge, match=r"2,001 bytes; at most 2,000"):
        load_documents(b"a: " + b"x" * 1998, DocumentLimits(max_bytes=2_000))


def test_a_specification_of_a_mebibyte_is_read_well_under_a_second() -> None:
    document = {
        f"task-{n}": {"command": ["sh", "-c", "print('line')\n" * 20], "n": n, "real": 1.5, "list": [1, "a", None]}
        for n in range(2_500)
    }
    content = yaml.dump(document, Dumper=yaml.CSafeDumper).encode()
    assert len(content) > 1_000_000
    started = time.process_time()
    assert load_documents(content) == [document]
    assert time.process_time() - started < 1


@given(
    st.binary(max_size=200) | st.text(alphabet="{}[]:,-?&*!|>'\"%@`#<~ \n\t\\abc019.=", max_size=200).map(str.encode)
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_raise_anything_but_a_package_error(content: bytes) -> None:
    try:
        documents = load_documents(content)
    except PackageError:
        pass
    else:
        json.dumps(documents, allow_nan=False).encode()
