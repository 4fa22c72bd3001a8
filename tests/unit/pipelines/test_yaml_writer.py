from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfadapter.errors import PackageError
from kfadapter.pipelines.documents import JSON, load_documents
from kfadapter.pipelines.yaml_writer import dump_documents

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(st.text(), VALUES, min_size=1), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_back(documents: list[Any]) -> None:
    assert load_documents(dump_documents(documents)) == documents


@pytest.mark.parametrize("text", ["1e3", "08", "0o17", "1.5e3", ".5e1", "+1e2", "-08"])
def test_texts_that_another_reader_takes_for_numbers_are_quoted(text: str) -> None:
    assert f'"{text}"'.encode() in dump_documents([{"a": text, text: [text]}])


def test_shared_values_are_written_out() -> None:
    shared: JSON = {"x": [1]}
    written = dump_documents([{"a": shared, "b": shared}])
    assert b"&" not in written
    assert b"*" not in written


def test_what_cannot_be_carried_is_refused() -> None:
    with pytest.raises(PackageError):
        dump_documents([{"a": None}, None])
