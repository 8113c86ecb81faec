from __future__ import annotations

import base64

import pytest
from PIL import Image

from conftest import COLOURS, SHAPES, draw_shape, outline
from stbir.search import Gallery
from stbir.strokes import Sketch, rasterize
from stbir.web.schemas import QueryIn
from web_answers import base64_of, names, refusal


def ask(client, **body):
    return client.post("/api/search", json=body)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_drawing_and_words_find_the_picture(client, shape, colour):
    found = ask(client, **outline(shape), text=f"the {colour} one", top=12)
    assert names(found)[0] == f"{colour}-{shape}"
    assert [hit["rank"] for hit in found.json()["hits"]] == list(range(1, 13))
    assert set(found.json()["hits"][0]["parts"]) == {"sketch", "text"}


def test_the_service_answers_as_the_library_does(client, tiny_bundle, indexed, photos):
    gallery = Gallery.open(indexed, model=tiny_bundle.path)
    asked = {"text": "red", "negative": "blue", "weights": {"sketch": 0.3, "text": 2}, "top": 12}
    hits = gallery.search(sketch=outline("cross"), **asked)
    found = ask(client, **outline("cross"), **{("not" if k == "negative" else k): v for k, v in asked.items()})
    got = found.json()["hits"]
    assert [hit["id"] for hit in got] == [hit.id for hit in hits]
    assert [hit["path"] for hit in got] == [str(hit.path) for hit in hits]
    assert [hit["score"] for hit in got] == pytest.approx([hit.score for hit in hits], abs=1e-5)
    assert got[0]["parts"] == pytest.approx(hits[0].parts, abs=1e-5)
    assert (got[0]["width"], got[0]["height"]) == (120, 120)


def test_moving_the_balance_runs_no_tower(client):
    asked = {**outline("disc"), "text": "green", "not": "red"}
    ask(client, **asked)
    batches = client.app.state.service.batches
    before = batches.num_misses
    for weight in (0.1, 0.5, 3):
        assert names(ask(client, **asked, weights={"sketch": weight}))
    assert batches.num_misses == before
    ask(client, **outline("disc"), text="a very green one")
    assert batches.num_misses == before + 1


def test_a_drawing_may_come_as_picture_svg_or_stroke_file(client):
    picture = Image.fromarray(rasterize(Sketch.from_json(outline("frame")), 200, 4.0))
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M10 40H90V60H10Z" fill="none" stroke="#000"/></svg>'
    for sent, shape in (
        (base64_of(picture), "frame"),
        ("data:image/png;base64," + base64_of(picture), "frame"),
        (base64.b64encode(svg.encode()).decode(), "bar"),
    ):
        found = ask(client, sketch_picture=sent, top=3)
        assert {name.partition("-")[2] for name in names(found)} == {shape}
        assert found.json()["query"]["sketch"] == "picture"


def test_an_example_may_be_an_id_or_a_picture(client, photos):
    by_text = ask(client, text="red", top=4).json()["hits"]
    picked = next(hit for hit in by_text if hit["name"] == "red-disc.jpg")
    found = ask(client, image=picked["id"], top=1)
    assert names(found) == ["red-disc"]
    assert found.json()["query"]["image"] == picked["id"]
    content = (photos / "red" / "red-disc.jpg").read_bytes()
    sent = ask(client, image=base64.b64encode(content).decode(), top=1).json()
    assert sent["hits"][0]["id"] == picked["id"]
    assert sent["hits"][0]["score"] == pytest.approx(found.json()["hits"][0]["score"], abs=1e-4)
    assert sent["query"]["image"] == "picture"
    refusal(ask(client, image="0123456789ab"), 404, "not_found")


def test_pages_together_are_the_whole(client):
    whole = ask(client, text="blue", top=12).json()["hits"]
    pages, offset = [], 0
    while offset is not None:
        page = ask(client, text="blue", top=5, offset=offset).json()
        pages += page["hits"]
        offset = page["next_offset"]
    assert pages == whole
    assert ask(client, text="blue", top=12).json()["next_offset"] is None


def test_filters(client, photos):
    folder = client.get("/api/gallery").json()["folders"][0]["id"]
    assert len(names(ask(client, text="red", filters={"folder": folder}))) == 12
    bars = ask(client, text="red", where="path LIKE '%-bar.jpg'", filters={"min_width": 100, "orientation": "square"})
    assert sorted(names(bars)) == ["blue-bar", "green-bar", "red-bar"]
    assert names(ask(client, text="red", filters={"orientation": "landscape"})) == []
    assert names(ask(client, text="red", filters={"max_height": 119})) == []
    assert all(hit["score"] >= 0.9 for hit in ask(client, text="red", min_score=0.9).json()["hits"])
    assert names(ask(client, text="red", min_score=2)) == []
    refusal(ask(client, text="red", filters={"folder": "0" * 12}), 422, "query_error")
    assert "No field named colour" in refusal(ask(client, text="red", where="colour = 1"), 422, "query_error")


def test_copies_are_shown_once(open_service, tiny_bundle, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for shape in SHAPES:
        draw_shape(shape, "red").save(folder / f"{shape}.png")
    for number in range(3):
        draw_shape("disc", "red").save(folder / f"copy-{number}.png")
    draw_shape("disc", "red").save(folder / "nearly.jpg", quality=95)
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(folder)
    client = open_service(tmp_path / "g")
    folded = ask(client, **outline("disc"), top=10).json()
    assert folded["hits"][0]["num_duplicates"] == 4
    assert [hit["num_duplicates"] for hit in folded["hits"][1:]] == [0, 0, 0]
    assert [hit["rank"] for hit in folded["hits"]] == [1, 2, 3, 4]
    assert len(ask(client, **outline("disc"), top=10, fold_duplicates=False).json()["hits"]) == 8
    first = ask(client, **outline("disc"), top=1).json()
    assert first["hits"] == folded["hits"][:1]
    second = ask(client, **outline("disc"), top=3, offset=first["next_offset"]).json()
    assert second["hits"] == folded["hits"][1:]


def test_blank_words_are_left_out_as_an_empty_field_is(client):
    assert names(ask(client, **outline("bar"), text="  ", **{"not": ""}))[0].endswith("bar")
    assert set(ask(client, **outline("bar"), text="").json()["hits"][0]["parts"]) == {"sketch"}


def test_an_empty_gallery_has_no_hits(open_service, tiny_bundle, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "bad.jpg").write_bytes(b"no picture")
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(tmp_path / "bad")
    client = open_service(tmp_path / "g")
    assert names(ask(client, text="red")) == []
    assert client.get("/api/gallery").json()["num_skipped"] == 1
    refusal(client.post("/api/explain", json={"text": "red", "id": "0" * 12}), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "the query is empty"),
        ({"not": "red"}, "the query is empty"),
        ({"text": "red", "weights": {"text": 0}}, "weight 0"),
        ({"strokes": []}, "empty"),
        ({"strokes": [[]]}, "empty"),
        ({**outline("bar"), "sketch_picture": "AAAA"}, "give one of them"),
        ({"text": "red", "where": "width >"}, "cannot use the filter"),
    ],
)
def test_impossible_queries_say_why(client, body, message):
    answer = client.post("/api/search", json=body)
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]


def test_nothing_of_the_query_is_invented(client):
    query = ask(client, text="red", top=3, min_score=0.1, where="width > 1").json()["query"]
    assert query == {
        "sketch": None,
        "text": "red",
        "image": None,
        "not": None,
        "weights": {"sketch": 1.0, "text": 1.0, "image": 1.0},
        "where": "width > 1",
        "min_score": 0.1,
        "top": 3,
        "offset": 0,
    }


def test_the_gallery_is_described(client, tiny_bundle, indexed):
    described = client.get("/api/gallery").json()
    assert described["name"] == indexed.name
    assert described["num_pictures"] == 12
    assert described["model"]["fingerprint"] == tiny_bundle.info.fingerprint
    assert described["folders"] == described["filters"]["folders"]
    assert described["folders"][0]["name"].startswith("photos")
    assert "/" not in described["folders"][0]["name"]
    assert described["auth"] is False
    assert 0 < described["line_width_share"] < 0.1


def test_examples_are_queries(client):
    examples = client.get("/api/examples").json()["examples"]
    assert len(examples) == 3
    for example in examples:
        QueryIn(strokes=example["strokes"], size=example["size"], text=example["text"])
        assert example["title"]
        assert names(ask(client, strokes=example["strokes"], size=example["size"], text=example["text"]))


def test_more_searches_than_fit_are_told_to_come_back(open_service):
    client = open_service(max_searches=1)
    gate = client.app.state.service.searches
    with gate.entered():
        answer = ask(client, text="red")
        assert "busy with 1 searches" in refusal(answer, 503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        broken = client.post("/api/search", content=b"{", headers={"Content-Type": "application/json"})
        refusal(broken, 503, "overloaded")
        assert client.get("/healthz").status_code == 200
    assert names(ask(client, text="red"))


def test_explanations(client):
    hit = ask(client, **outline("bar"), text="the red bar", top=1).json()["hits"][0]
    told = client.post("/api/explain", json={**outline("bar"), "text": "the red bar", "id": hit["id"]}).json()
    assert told["id"] == hit["id"]
    assert told["score"] == pytest.approx(hit["score"], abs=0.02)
    assert set(told["heatmaps"]) == set(told["parts"]) == {"sketch", "text"}
    for heat in told["heatmaps"].values():
        assert len(heat["values"]) == heat["rows"]
        assert {len(row) for row in heat["values"]} == {heat["columns"]}
    assert max(max(row) for row in told["heatmaps"]["sketch"]["values"]) == 1
    weights = {word["word"]: word["weight"] for word in told["words"]}
    assert max(weights, key=lambda word: weights[word]) == "red"
    assert told["strokes"] == [1.0]
    refusal(client.post("/api/explain", json={"text": "red", "id": "0" * 12}), 404, "not_found")
    refusal(client.post("/api/explain", json={"id": hit["id"]}), 422, "query_error")
    refusal(client.post("/api/explain", json={"text": "red", "id": "../x"}), 422, "invalid_request")
