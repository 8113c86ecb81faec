from pathlib import Path

import numpy as np
import pytest

from conftest import draw_shape, outline
from stbir.errors import InputError
from stbir.images import thumbnail_jpeg
from stbir.query import Hit, Query
from stbir.sheet import CAPTION_PX, CELL_PX, GAP_PX, contact_sheet, encode_sheet
from stbir.strokes import Sketch

SKETCH = Sketch.from_json(outline("bar"))


def hits(folder, number):
    found = []
    for rank in range(1, number + 1):
        path = folder / f"{rank}.png"
        draw_shape("disc", "red").save(path)
        found.append(Hit(rank, f"id{rank}", path, 1 / rank, {"sketch": 0.5, "text": 0.25}))
    return found


def cell(sheet, position):
    row, column = divmod(position, 4)
    left = GAP_PX + column * (CELL_PX + GAP_PX)
    top = GAP_PX + row * (CELL_PX + CAPTION_PX + GAP_PX)
    return np.asarray(sheet)[top : top + CELL_PX, left : left + CELL_PX].astype(int)


@pytest.mark.parametrize(("number", "columns", "rows"), [(0, 1, 1), (2, 3, 1), (3, 4, 1), (10, 4, 3)])
def test_the_sheet_has_a_cell_for_the_query_and_each_hit(tmp_path, number, columns, rows):
    sheet = contact_sheet(Query(sketch=SKETCH, text="red"), hits(tmp_path, number))
    assert sheet.width == columns * (CELL_PX + GAP_PX) + GAP_PX
    assert sheet.height == rows * (CELL_PX + CAPTION_PX + GAP_PX) + GAP_PX
    assert (cell(sheet, 0)[5:-5, 5:-5].max(axis=2) < 60).any()
    for position in range(1, number + 1):
        middle = cell(sheet, position)[CELL_PX // 2, CELL_PX // 2]
        assert middle[0] > 150 > 80 > middle[1]


def test_a_picture_that_is_gone_is_shown_by_its_thumbnail(tmp_path):
    gone = Hit(1, "id", tmp_path / "gone.jpg", 0.5, {"text": 0.5})
    query = Query(text="a green disc")
    assert cell(contact_sheet(query, [gone]), 1)[10, 10].min() > 200
    sheet = contact_sheet(query, [gone], {"id": thumbnail_jpeg(draw_shape("disc", "green"))})
    middle = cell(sheet, 1)[CELL_PX // 2, CELL_PX // 2]
    assert middle[1] > middle[0] + 50


@pytest.mark.parametrize("text", ["very " * 100, "x" * 300, "very " * 100 + "x" * 300])
def test_long_words_stay_in_their_cell(tmp_path, text):
    query = Query(sketch=SKETCH, text=text)
    sheet = np.asarray(contact_sheet(query, hits(tmp_path, 1))).astype(int)
    captions = sheet[GAP_PX + CELL_PX + 1 :, GAP_PX + CELL_PX - 4 : 2 * GAP_PX + CELL_PX]
    assert np.all(captions == captions[0, 0])
    between = sheet[:, GAP_PX + CELL_PX : 2 * GAP_PX + CELL_PX]
    assert np.all(between == between[0, 0])


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.JPG", b"\xff\xd8"), ("a.webp", b"RIFF")])
def test_the_suffix_says_the_format(name, start):
    assert encode_sheet(contact_sheet(Query(text="red"), []), Path(name)).startswith(start)


def test_other_suffixes_are_refused():
    with pytest.raises(InputError, match=r"sheet\.txt"):
        encode_sheet(contact_sheet(Query(text="red"), []), Path("sheet.txt"))
