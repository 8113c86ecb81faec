from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from stbir.errors import InputError
from stbir.evaluate import run_files
from stbir.evaluate.ranks import ranks_from_scores, ranks_in_pools
from stbir.evaluate.runs import Ranking, Run, ranks_of_run, read_run, run_from_scores, write_qrels

QUERIES = ["q1", "q2", "q3"]
PICTURES = ["a", "b", "c", "d", "e"]

JSONL = """{"query": "q1", "ids": ["b", "a", "c"], "scores": [0.5, 0.9, 0.5]}
{"query": "q2", "ids": ["d", "a"]}
"""
TREC = """q1 Q0 b 1 0.5 theirs
q2 Q0 d 1 2 theirs
q1 Q0 a 2 9e-1 theirs

q1  Q0\tc 3 0.5 theirs
q2 Q0 a 2 1 theirs
"""
CSV = "query,id,score\nq1,b,0.5\nq1,a,0.9\nq1,c,0.5\nq2,d,2\nq2,a,1\n"


def saved(folder: Path, content: str | bytes, name: str = "theirs.run") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("content", [JSONL, TREC, CSV], ids=["jsonl", "trec", "csv"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_all_formats_say_the_same_and_scores_decide_the_order(content: str, pack, tmp_path: Path) -> None:
    run = read_run(saved(tmp_path, pack(content.encode())))
    assert list(run.rankings) == ["q1", "q2"]
    assert run.rankings["q1"].ids == ("a", "b", "c")
    assert run.rankings["q1"].scores.tolist() == [0.9, 0.5, 0.5]
    assert run.rankings["q2"].ids == ("d", "a")
    found = ranks_of_run(run, QUERIES, PICTURES, np.array([1, 0, 4]))
    assert found.ranks.tolist() == [3, 2, 5]  # b ties with c; q3 is not answered
    assert (found.num_missing_queries, found.num_not_listed) == (1, 0)


def test_name_is_the_tag_or_the_file(tmp_path: Path) -> None:
    assert read_run(saved(tmp_path, TREC)).name == "theirs"
    assert read_run(saved(tmp_path, gzip.compress(CSV.encode()), "net.csv.gz")).name == "net.csv"


def test_byte_order_mark_and_windows_line_ends_are_no_trouble(tmp_path: Path) -> None:
    for content in (JSONL, TREC, CSV):
        run = read_run(saved(tmp_path, b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode()))
        assert run.rankings["q1"].ids == ("a", "b", "c")


def test_order_of_lines_and_rank_column_are_not_believed(tmp_path: Path) -> None:
    run = read_run(saved(tmp_path, "q1 Q0 a 1 0.1 x\nq1 Q0 b 2 0.9 x\n"))
    assert ranks_of_run(run, ["q1"], ["a", "b"], np.array([0])).ranks.tolist() == [2]


def test_ties_count_against_the_system(tmp_path: Path) -> None:
    lines = "".join(f"q1 Q0 {picture} {place} 1.0 constant\n" for place, picture in enumerate(PICTURES, 1))
    for target in range(5):
        found = ranks_of_run(read_run(saved(tmp_path, lines)), ["q1"], PICTURES, np.array([target]))
        assert found.ranks.tolist() == [5]


def test_what_is_not_listed_or_not_answered_is_last_and_counted() -> None:
    run = Run({"q1": Ranking(("a", "b")), "q2": Ranking(())})
    found = ranks_of_run(run, QUERIES, PICTURES, np.array([2, 0, 0]))
    assert found.ranks.tolist() == [5, 5, 5]
    assert (found.num_missing_queries, found.num_not_listed) == (1, 2)


def test_by_pool_only_pictures_of_the_pool_count() -> None:
    run = Run({"q1": Ranking(("d", "e", "a", "b")), "q2": Ranking(("a", "b", "e"))})
    found = ranks_of_run(run, ["q1", "q2"], PICTURES, np.array([1, 3]), pools=["x", "x", "x", "y", "y"])
    assert found.ranks.tolist() == [2, 2]
    assert found.num_not_listed == 1


def test_full_runs_rank_like_scores_and_like_vectors() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(-4, 4, size=(20, 30)).astype(float)
    queries, pictures = [f"q{n}" for n in range(20)], [f"p{n}" for n in range(30)]
    targets = rng.integers(30, size=20)
    run = run_from_scores(queries, pictures, scores)
    assert ranks_of_run(run, queries, pictures, targets).ranks.tolist() == ranks_from_scores(scores, targets).tolist()
    pools = rng.integers(3, size=30)
    in_pools = ranks_in_pools(scores.astype(np.float32), np.eye(30, dtype=np.float32), targets, pools[targets], pools)
    assert ranks_of_run(run, queries, pictures, targets, pools).ranks.tolist() == in_pools.tolist()


def test_of_a_run_cut_at_the_top_only_what_was_cut_changes() -> None:
    scores = np.arange(10.0)[None]
    pictures = [f"p{n}" for n in range(10)]
    run = run_from_scores(["q"], pictures, scores, top=3)
    assert run.rankings["q"].ids == ("p9", "p8", "p7")
    ranks = [ranks_of_run(run, ["q"], pictures, np.array([target])).ranks[0] for target in range(10)]
    assert ranks == [10] * 7 + [3, 2, 1]


@pytest.mark.parametrize("format", ["jsonl", "trec", "csv"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_written_runs_are_read_back(format: str, suffix: str, tmp_path: Path) -> None:
    scores = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    run = run_from_scores([f"q/{n}#0" for n in range(4)], [f"Schuh-ä,{n}" for n in range(6)], scores)
    path = tmp_path / f"run.{format}{suffix}"
    run.write(path, format)  # type: ignore[arg-type]
    first = path.read_bytes()
    assert first.startswith(b"\x1f\x8b") == bool(suffix)
    assert read_run(path).rankings == run.rankings
    run.write(path, format)  # type: ignore[arg-type]
    assert path.read_bytes() == first


def test_an_order_without_scores_survives_every_format(tmp_path: Path) -> None:
    run = Run({"q1": Ranking(("c", "a", "b"))}, "my net")
    for format in ("jsonl", "trec", "csv"):
        run.write(tmp_path / "run", format)
        assert read_run(tmp_path / "run").rankings["q1"].ids == ("c", "a", "b")
    run.write(tmp_path / "run", "jsonl")
    assert read_run(tmp_path / "run").rankings["q1"].scores is None
    run.write(tmp_path / "run", "trec")
    assert (tmp_path / "run").read_text().splitlines()[0] == "q1 Q0 c 1 3.0 my-net"


def test_what_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    spaced = Run({"q 1": Ranking(("a",))})
    with pytest.raises(InputError, match="'q 1' is not one word"):
        spaced.write(tmp_path / "run", "trec")
    spaced.write(tmp_path / "run", "csv")
    assert read_run(tmp_path / "run").rankings == Run({"q 1": Ranking(("a",), np.array([1.0]))}).rankings
    for broken in ("a\nb", "", "x" * 2000, "\ud800"):
        for format in ("jsonl", "trec", "csv"):
            with pytest.raises(InputError, match="cannot be read back"):
                Run({"q": Ranking((broken,))}).write(tmp_path / "run", format)
    with pytest.raises(InputError, match="no run format 'xml': choose one of csv, jsonl, trec"):
        spaced.write(tmp_path / "run", "xml")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="choose another file"):
        spaced.write(tmp_path / "none" / "run")


BROKEN = [
    ("", "is empty"),
    ("\n \n", "is empty"),
    ("hello\n", ":1: the line begins no run"),
    ('{"query": "q", "ids": []}\n{"query": \n', ":2: the line is not JSON"),
    ("{" * 100_000, ":1: the line is not JSON"),
    ('{"a":' * 100_000, ":1: the line is not JSON"),
    ('{"query": "q"}\n', ":1: expected an object with query, ids"),
    ('{"query": "q", "ids": [], "more": 1}\n', ":1: expected an object with query, ids"),
    ('{"query": 7, "ids": []}\n', ":1: query id '7' is no text"),
    ('{"query": "", "ids": []}\n', ":1: query id '' is no text"),
    ('{"query": "q", "ids": "abc"}\n', ":1: ids and scores must be lists"),
    ('{"query": "q", "ids": ["a"], "scores": 1}\n', ":1: ids and scores must be lists"),
    ('{"query": "q", "ids": [["a"]]}\n', r":1: picture id \"\['a'\]\" is no text"),
    ('{"query": "q", "ids": ["a\\u001b[2J"]}\n', ":1: picture id .* without controls"),
    ('{"query": "q", "ids": ["\\ud800"]}\n', ":1: picture id .* without controls"),
    (json.dumps({"query": "q" * 2000, "ids": []}), ":1: query id 'qqq"),
    ('{"query": "q", "ids": ["a"], "scores": []}\n', ":1: 1 ids and 0 scores"),
    ('{"query": "q", "ids": ["a", "b", "a"]}\n', ":1: picture 'a' is listed twice for query 'q'"),
    ('{"query": "q", "ids": []}\n\n{"query": "q", "ids": []}\n', ":3: query 'q' was answered before"),
    ('{"query": "q", "ids": ["a"], "scores": [NaN]}\n', ":1: score 'nan' is not a finite number"),
    ('{"query": "q", "ids": ["a"], "scores": [-Infinity]}\n', ":1: score '-inf' is not a finite number"),
    ('{"query": "q", "ids": ["a"], "scores": [1e999]}\n', ":1: score 'inf' is not a finite number"),
    ('{"query": "q", "ids": ["a"], "scores": [' + "9" * 400 + "]}\n", ":1: score '999"),
    ('{"query": "q", "ids": ["a"], "scores": [null]}\n', ":1: score 'None' is not a finite number"),
    ('{"query": "q", "ids": ["a"], "scores": [true]}\n', ":1: score 'True' is not a finite number"),
    ('{"query": "q", "ids": ["a"], "scores": [{}]}\n', ":1: score '{}' is not a finite number"),
    ("q Q0 a 1 0.5 x\nq Q0 b 1 nan x\n", ":2: score 'nan' is not a finite number"),
    ("q Q0 a 1 high x\n", ":1: score 'high' is not a finite number"),
    ("q Q0 a 1 0.5 x\nq Q0 b 1 0.5\n", ":2: 5 words: expected 6"),
    ("q Q0 a 1 0.5 x\nq Q0 a 2 0.4 x\n", ":2: picture 'a' is listed twice for query 'q'"),
    ("query,id,score\nq,a\n", ":2: 2 fields: expected 3"),
    ('query,id,score\nq,"a,1\nb",2\n', ":2: the line is not CSV"),
    ("query,id,score\nq,a,1\nq,a,1\n", ":3: picture 'a' is listed twice"),
    ("query,id,score\nq,a,inf\n", ":2: score 'inf' is not a finite number"),
    ("query,id,score\nq," + "a" * 200_000 + ",1\n", ":2: the line is not CSV"),
    (b"q Q0 a 1 0.5 x\nq Q0 \xff 1 0.5 x\n", ":2: the line is not UTF-8"),
    (gzip.compress(b"q Q0 a 1 0.5 x\n", mtime=0)[:-9], "is a broken gzip file"),
    (b"\x1f\x8bnonsense of some length", "is a broken gzip file"),
]


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_broken_files_are_refused_by_name_and_line(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_run(saved(tmp_path, content))
    assert "theirs.run" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_stream_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress("".join(f"q Q0 a{n} 1 {n} x\n" for n in range(2000)).encode()))
    packed[200:240] = b"\xff" * 40
    with pytest.raises(InputError, match="is a broken gzip file"):
        read_run(saved(tmp_path, bytes(packed)))


def test_limits_hold_while_unpacking(tmp_path: Path, monkeypatch) -> None:
    bomb = gzip.compress(b"q Q0 a 1 0.5 x" + b" " * 50_000_000)
    assert len(bomb) < 100_000
    path = saved(tmp_path, bomb)
    monkeypatch.setattr(run_files, "MAX_LINE_BYTES", 1_000_000)
    with pytest.raises(InputError, match=r"theirs\.run:1: the line has more than the 1,000,000 bytes"):
        read_run(path)
    lines = "".join(f"q Q0 a{n} 1 {n} x\n" for n in range(100))
    monkeypatch.setattr(run_files, "MAX_RUN_BYTES", 1000)
    with pytest.raises(InputError, match="the file has more than the 1,000 bytes"):
        read_run(saved(tmp_path, gzip.compress(lines.encode())))
    monkeypatch.undo()
    monkeypatch.setattr(run_files, "MAX_ENTRIES", 50)
    with pytest.raises(InputError, match=r"theirs\.run:51: the run lists more than the 50 pictures"):
        read_run(saved(tmp_path, lines))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_run(tmp_path / "none")
    with pytest.raises(InputError, match="is a directory"):
        read_run(tmp_path)


def test_unknown_ids_are_refused_and_the_first_few_named() -> None:
    run = Run({"q1": Ranking(("a", "z1", "z4")), "q2": Ranking(("z2", "z3"))}, "theirs")
    with pytest.raises(InputError, match=r"theirs names 4 unknown picture ids \('z1', 'z2', 'z3', \.\.\.\).*like 'a'"):
        ranks_of_run(run, QUERIES, PICTURES, np.array([0, 0, 0]))
    with pytest.raises(InputError, match=r"names 1 unknown query ids \('q2'\): expected ids like 'q1'"):
        ranks_of_run(run, ["q1"], PICTURES, np.array([0]))


def test_a_task_that_does_not_fit_is_refused() -> None:
    run = Run({})
    with pytest.raises(InputError, match="query id 'q1' is given twice"):
        ranks_of_run(run, ["q1", "q1"], PICTURES, np.array([0, 0]))
    with pytest.raises(InputError, match="picture id 'a' is given twice"):
        ranks_of_run(run, ["q1"], ["a", "a"], np.array([0]))
    with pytest.raises(InputError, match=r"outside 0\.\.4"):
        ranks_of_run(run, ["q1"], PICTURES, np.array([5]))
    with pytest.raises(InputError, match="2 pools do not fit 5 pictures"):
        ranks_of_run(run, ["q1"], PICTURES, np.array([0]), pools=["x", "y"])
    with pytest.raises(InputError, match="do not fit 1 queries and 5 pictures"):
        run_from_scores(["q"], PICTURES, np.zeros((1, 4)))
    with pytest.raises(InputError, match="not finite"):
        run_from_scores(["q"], PICTURES, np.full((1, 5), np.nan))


def test_qrels_have_one_line_for_each_right_picture(tmp_path: Path) -> None:
    write_qrels(tmp_path / "qrels", ["q1", "q1", "q2"], ["a", "b", "a"])
    assert (tmp_path / "qrels").read_text() == "q1 0 a 1\nq1 0 b 1\nq2 0 a 1\n"
    write_qrels(tmp_path / "qrels.gz", ["q1"], ["a"])
    assert gzip.decompress((tmp_path / "qrels.gz").read_bytes()) == b"q1 0 a 1\n"
    with pytest.raises(InputError, match="give each pair once"):
        write_qrels(tmp_path / "qrels", ["q1", "q1"], ["a", "a"])
    with pytest.raises(InputError, match="2 queries and 1 right pictures"):
        write_qrels(tmp_path / "qrels", ["q1", "q2"], ["a"])
    with pytest.raises(InputError, match="'a b' is not one word"):
        write_qrels(tmp_path / "qrels", ["q1"], ["a b"])
