"""Conditions in SQL as filters of Milvus, held against SQLite: what comes out is also Python, and is evaluated."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stbir.errors import QueryError
from stbir.gallery.milvus.table import FILTERS
from stbir.gallery.milvus.where import Column, translate

COLUMNS = {
    "id": Column("id", is_text=True),
    "path": Column("path", is_text=True),
    "camera": Column("camera", is_text=True, is_optional=True),
    "taken": Column("taken", is_text=True, is_optional=True),
    "width": Column("width", is_text=False),
    "height": Column("height", is_text=False),
}
ROWS = [
    ("a", "/p/a", None, None, 1, 5),
    ("b", "/p/B\"'\\", "x", None, 2, 2),
    ("c", "/q/%_", "y", "2020", 3, -1),
    ("d", "/p/ab", "x'y", "2021", 4, 4),
    ("e", "", "\u00e9", "2020", 2**40, 0),
]


def fulfilled(where: str, *, can_match_anywhere: bool = False) -> set[str]:
    """Ids of the rows that fulfil the translation, read as Python."""
    expression = translate(where, COLUMNS, can_match_anywhere=can_match_anywhere)
    found = set()
    for row in ROWS:
        names = {name: "" if value is None else value for name, value in zip(COLUMNS, row, strict=True)}
        if eval(expression, {"__builtins__": {}}, names):
            found.add(row[0])
    return found


def in_sqlite(where: str) -> set[str]:
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA case_sensitive_like = ON")
        database.execute("CREATE TABLE t (id TEXT, path TEXT, camera TEXT, taken TEXT, width INT, height INT)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", ROWS)
        found = {name for (name,) in database.execute(f"SELECT id FROM t WHERE {where}")}
    database.close()
    return found


TEXTS = st.sampled_from(["", "a", "x", "y", "x'y", "2020", "/p/", "/p/a", "\u00e9", "/q/%_", "/p/B\"'\\"])
NUMBERS = st.sampled_from(["0", "-1", "1", "2", "2.5", "3.0", "1e3", "-0.5", "99999999999999999999", "4", ".5"])
TEXT_COLUMNS = st.sampled_from(["id", "path", "camera", "taken", "CAMERA", "`camera`", '"path"'])
NUMBER_COLUMNS = st.sampled_from(["width", "height", "Width"])
SIGNS = st.sampled_from(["=", "==", "!=", "<>", "<", "<=", ">", ">="])


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


QUOTED = TEXTS.map(literal)
PREFIXES = st.sampled_from(["", "/p/", "/p/a", "x", "2020"]).map(lambda text: literal(text + "%"))
LEAVES = st.one_of(
    st.builds(lambda c, s, v: f"{c} {s} {v}", TEXT_COLUMNS, SIGNS, QUOTED),
    st.builds(lambda c, s, v: f"{v} {s} {c}", TEXT_COLUMNS, SIGNS, QUOTED),
    st.builds(lambda c, s, v: f"{c} {s} {v}", NUMBER_COLUMNS, SIGNS, NUMBERS),
    st.builds(lambda c, s, v: f"{v} {s} {c}", NUMBER_COLUMNS, SIGNS, NUMBERS),
    st.builds(lambda a, s, b: f"{a} {s} {b}", TEXT_COLUMNS, SIGNS, TEXT_COLUMNS),
    st.builds(lambda a, s, b: f"{a} {s} {b}", NUMBER_COLUMNS, SIGNS, NUMBER_COLUMNS),
    st.builds(lambda c, n, v: f"{c} {n} ({', '.join(v)})", TEXT_COLUMNS, st.sampled_from(["IN", "not in"]),
              st.lists(QUOTED, min_size=1, max_size=4)),
    st.builds(lambda c, n, v: f"{c} {n} ({', '.join(v)})", NUMBER_COLUMNS, st.sampled_from(["IN", "NOT IN"]),
              st.lists(NUMBERS, min_size=1, max_size=4)),
    st.builds(lambda c, n, a, b: f"{c} {n} {a} AND {b}", NUMBER_COLUMNS, st.sampled_from(["BETWEEN", "NOT BETWEEN"]),
              NUMBERS, NUMBERS),
    st.builds(lambda c, n, a, b: f"{c} {n} {a} AND {b}", TEXT_COLUMNS, st.sampled_from(["BETWEEN", "NOT BETWEEN"]),
              QUOTED, QUOTED),
    st.builds(lambda c, n, p: f"{c} {n} {p}", TEXT_COLUMNS, st.sampled_from(["LIKE", "NOT LIKE"]), PREFIXES),
    st.builds(lambda c, n: f"{c} IS {n}NULL", TEXT_COLUMNS, st.sampled_from(["", "NOT "])),
)  # fmt: skip
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a, o, b: f"{a} {o} {b}", inner, st.sampled_from(["AND", "or"]), inner),
        inner.map(lambda condition: f"({condition})"),
        inner.map(lambda condition: f"NOT ({condition})"),
        inner.map(lambda condition: f"not not ({condition})"),
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(CONDITIONS)
def test_it_means_what_sqlite_means(where: str) -> None:
    assert fulfilled(where) == in_sqlite(where)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused_in_one_line(where: str) -> None:
    with contextlib.suppress(QueryError):
        translate(where, COLUMNS, can_match_anywhere=True)
    with pytest.raises(QueryError) as caught:
        translate(f"{where} and nothing", COLUMNS, can_match_anywhere=True)
    assert len(str(caught.value).splitlines()) == 1


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_no_text_leaves_its_quotes(text: str) -> None:
    expression = translate(f"path = {literal(text)}", COLUMNS, can_match_anywhere=True)
    assert eval(expression, {"__builtins__": {}}, {"path": text})
    assert expression.startswith('path == "')


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("width * 2 > 3", "cannot be understood"),
        ("lower(path) = 'x'", "no function lower"),
        ("path ILIKE 'x%'", "a comparison was expected, not 'ILIKE'"),
        ("path LIKE '%x' ESCAPE '!'", "knows no ESCAPE"),
        ("path LIKE '%x'", "Milvus 2.4 and newer"),
        ("path LIKE '_x%'", "Milvus 2.4 and newer"),
        ("path LIKE 5", "with a pattern in quotes"),
        ("width LIKE '5%'", "a column of text"),
        ("width = '5'", "expected a number"),
        ("path > 5", "expected a text in single quotes"),
        ("path = width", "one is text, one a number"),
        ("path IN ('a', NULL)", "not 'NULL'"),
        ("path IN ('a', 5)", "must hold texts"),
        ("path IN ()", "was expected, not ')'"),
        ("1 = 1", "must be a column"),
        ("colour = 'red'", "there is no column 'colour'"),
        ("vector = 1", "there is no column 'vector'"),
        ("width = 1 width = 2", "'width' was not expected there"),
        ("width", "a comparison was expected, not the end"),
        ("", "not the end"),
        ("width = 1e999", "too large"),
        ("path = 'x", "cannot be understood"),
        ("width = 1 -- or", "'-' was not expected there"),
        ("width = 1; drop", "';' cannot be understood"),
        ("(" * 200 + "width = 1" + ")" * 200, "nested deeper"),
        ("width = 1 OR " * 3000 + "width = 1", "at most 20,000"),
        ("camera NOT = 'x'", "after NOT one of"),
    ],
)
def test_what_milvus_has_nothing_like_is_refused_with_the_reason(where: str, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        translate(where, COLUMNS, can_match_anywhere=False)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_patterns_reach_a_server_that_can_match_them() -> None:
    where = "path LIKE '%10\\%_\\\\%' AND NOT camera LIKE '%x'"
    assert translate(where, COLUMNS, can_match_anywhere=True) == (
        '(path like "%10\\\\%_\\\\\\\\%" and (camera != "" and not (camera like "%x")))'
    )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("path LIKE '/p/%'", '(path >= "/p/" and path < "/p0")'),
        ("path LIKE 'a\ud7ff%'", '(path >= "a\ud7ff" and path < "a\ue000")'),
        ("path LIKE 'a\U0010ffff%'", '(path >= "a\U0010ffff" and path < "b")'),
        ("path LIKE '\U0010ffff%'", 'path >= "\U0010ffff"'),
        ("path LIKE '%'", 'id != ""'),
        ("path LIKE 'x'", 'path == "x"'),
        ("path LIKE 'x\\%%%'", '(path >= "x%" and path < "x&")'),
    ],
)
def test_a_beginning_becomes_a_range(where: str, expected: str) -> None:
    assert translate(where, COLUMNS, can_match_anywhere=False) == expected


def test_the_catalogue_s_columns_are_known() -> None:
    assert FILTERS["width"] == Column("width", is_text=False)
    assert FILTERS["camera"] == Column("camera", is_text=True, is_optional=True)
    assert FILTERS["path"] == Column("path", is_text=True)
