from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stbir.datasets import manifest
from stbir.datasets.manifest import Row, check_path, parse_manifest, read_manifest
from stbir.errors import DatasetError


def lines(*rows: object) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def test_row_keeps_what_it_does_not_know_in_attributes() -> None:
    (row,) = parse_manifest(
        lines({"id": "a", "colour": "red", "attributes": {"colour": "blue", "heel": 3}, "n": 1}), "m"
    )
    assert row.attributes == {"colour": "blue", "heel": 3, "n": 1}


def test_official_stbir_row_loads_as_it_is() -> None:
    (row,) = parse_manifest(
        lines(
            {
                "id": "chair:1_v1",
                "category": "chair",
                "split": "test",
                "source": "test",
                "image": "datasets/datasets/ChairV2/testB/1_v1.png",
                "text": "light brown wood, cross-back design",
                "positive_sketches": ["datasets/datasets/ChairV2/testA/1_v1_1.png"],
                "negative_sketches": ["datasets/datasets/ShoeV2/testA/2_3.png"],
                "virtual_class": None,
            }
        ),
        "m",
    )
    assert row.sketches == ("datasets/datasets/ChairV2/testA/1_v1_1.png",)
    assert row.attributes == {"negative_sketches": ["datasets/datasets/ShoeV2/testA/2_3.png"]}
    assert row.virtual_class is None


def test_text_is_the_first_of_texts_and_blank_text_is_none() -> None:
    first, blank = parse_manifest(lines({"id": "a", "texts": ["x", "y"]}, {"id": "b", "text": "  "}), "m")
    assert first.text == "x"
    assert first.all_texts == ("x", "y")
    assert blank.text is None
    assert blank.all_texts == ()


def test_class_numbers_become_words_and_alias_does_not_override() -> None:
    (row,) = parse_manifest(lines({"id": "a", "virtual_class": 6, "sketches": ["s"], "positive_sketches": ["t"]}), "m")
    assert row.virtual_class == "6"
    assert row.sketches == ("s",)
    assert row.attributes == {"positive_sketches": ["t"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id": "a"}\n\n{"id": 3}', "m:3: field id is 3"),
        (b'{"id": "a"}\n{"id": "b"', "m:2: not JSON"),
        (b"[1]", "m:1: a JSON list"),
        (b'{"text": "x"}', "m:1: field id is"),
        (b'{"id": "a"}\n{"id": "a"}', "m:2: the id 'a' was used in line 1"),
        (b'{"id": "a", "image": "../../etc/passwd"}', "m:1: field image is '../../etc/passwd': the path"),
        (b'{"id": "a", "image": "/etc/passwd"}', "may lead out"),
        (b'{"id": "a", "sketches": ["x/../../y"]}', "m:1: field sketches"),
        (b'{"id": "a", "attributes": [1]}', "m:1: field attributes"),
        (b'{"id": "a", "area": NaN}', "m:1: not JSON"),
        (b'{"id": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "m:1: the JSON is nested"),
        (b'{"id": "\xff"}', "m:1: not JSON"),
        (b"\n \n", "m holds no rows"),
        (b"", "m holds no rows"),
    ],
)
def test_bad_lines_are_named(content: bytes, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        parse_manifest(content, "m")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_limits_hold(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(manifest, "MAX_LINE_BYTES", 20)
    with pytest.raises(DatasetError, match="m:1: the line has 31 bytes"):
        parse_manifest(b'{"id": "aaaaaaaaaaaaaaaaaaaaa"}', "m")
    monkeypatch.setattr(manifest, "MAX_ROWS", 1)
    with pytest.raises(DatasetError, match="more than the 1 rows"):
        parse_manifest(lines({"id": "a"}, {"id": "b"}), "m")
    monkeypatch.setattr(manifest, "MAX_MANIFEST_BYTES", 5)
    (tmp_path / "m.jsonl").write_bytes(lines({"id": "a"}))
    with pytest.raises(DatasetError, match="more than the 5 bytes"):
        read_manifest(tmp_path / "m.jsonl")


def test_read_manifest_takes_a_byte_order_mark(tmp_path) -> None:
    (tmp_path / "m.jsonl").write_bytes(b"\xef\xbb\xbf" + lines({"id": "ä"}))
    assert [row.id for row in read_manifest(tmp_path / "m.jsonl")] == ["ä"]
    with pytest.raises(DatasetError, match="does not exist"):
        read_manifest(tmp_path / "none.jsonl")


@pytest.mark.parametrize("path", ["", "a\\b", "c:/x", "a\0b", "..", "a/..", "x" * 1025])
def test_paths_that_may_lead_out_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        check_path(path)


names = st.text(min_size=1, max_size=8).filter(lambda name: name.strip())


@given(
    st.builds(
        Row,
        id=names,
        category=st.none() | names,
        text=st.none() | names,
        sketches=st.lists(st.sampled_from(["s/1.png", "s/2.svg"]), max_size=2).map(tuple),
        attributes=st.dictionaries(names, names, max_size=2),
    )
)
def test_rows_survive_writing_and_reading(row: Row) -> None:
    line = row.model_dump_json(exclude_defaults=True).encode()
    assert parse_manifest(line, "m") == (row,)
