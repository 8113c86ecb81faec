from __future__ import annotations

import io
import time
import zipfile

import pytest
from PIL import Image

from stbir.search import Gallery
from web_answers import refusal


def picture(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.fixture
def hit(client):
    return client.post("/api/search", json={"text": "red", "top": 1}).json()["hits"][0]


def test_thumbnails_are_small_jpegs_kept_for_good(client, hit):
    answer = client.get(f"/api/thumbnails/{hit['id']}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert picture(answer.content).format == "JPEG"
    assert "immutable" in answer.headers["cache-control"]
    assert "private" in answer.headers["cache-control"]
    tag = answer.headers["etag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get(f"/api/thumbnails/{hit['id']}", headers={"If-None-Match": known})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == tag
    assert client.get(f"/api/thumbnails/{hit['id']}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_large_view_is_made_anew(open_service, tiny_bundle, tmp_path):
    (tmp_path / "photos").mkdir()
    file = tmp_path / "photos" / "large.jpg"
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    exif[0x0112] = 6
    Image.effect_noise((2600, 1300), 50).convert("RGB").save(file, exif=exif)
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(tmp_path / "photos")
    client = open_service(tmp_path / "g")
    hit = client.post("/api/search", json={"text": "red"}).json()["hits"][0]
    assert (hit["width"], hit["height"]) == (1300, 2600)
    answer = client.get(f"/api/images/{hit['id']}")
    assert picture(answer.content).size == (1024, 2048)
    assert b"secret" not in answer.content
    assert answer.headers["etag"] != client.get(f"/api/thumbnails/{hit['id']}").headers["etag"]
    known = client.get(f"/api/images/{hit['id']}", headers={"If-None-Match": answer.headers["etag"]})
    assert known.status_code == 304


def test_the_file_itself_is_a_download(client, hit, photos):
    answer = client.get(f"/api/images/{hit['id']}/original")
    assert answer.content == (photos / "red" / hit["name"]).read_bytes()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{hit["name"]}"')


def test_odd_file_names_stay_inside_the_header(open_service, own_photos, tiny_bundle, tmp_path):
    odd = 'ré"d\r\nSet-Cookie: a=b; 红.jpg'
    (own_photos / "red" / "red-bar.jpg").rename(own_photos / "red" / odd)
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(own_photos / "red")
    client = open_service(tmp_path / "g")
    hits = client.post("/api/search", json={"text": "red"}).json()["hits"]
    found = next(hit for hit in hits if hit["name"] == odd)
    answer = client.get(f"/api/images/{found['id']}/original")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert "%E7%BA%A2" in answer.headers["content-disposition"]


def test_what_is_known_of_a_picture(client, hit, photos):
    info = client.get(f"/api/images/{hit['id']}/info").json()
    file = photos / "red" / hit["name"]
    assert info["path"] == str(file)
    assert info["num_bytes"] == file.stat().st_size
    assert (info["width"], info["height"], info["is_there"]) == (120, 120, True)
    assert info["folder"] == client.get("/api/gallery").json()["folders"][0]["id"]


def test_paths_can_be_hidden(open_service, photos):
    client = open_service(shows_paths=False)
    hit = client.post("/api/search", json={"text": "red", "top": 1}).json()["hits"][0]
    assert hit["path"] == f"{photos.name}/red/{hit['name']}"
    info = client.get(f"/api/images/{hit['id']}/info")
    assert info.json()["path"] == hit["path"]
    assert str(photos.parent) not in info.text + client.get("/api/gallery").text
    hidden = ("path LIKE '/%'", "length(ROOT) > 3", "width > 1 AND \"path\" > '/h'", "folder > '/h'", "Archive IS NULL")
    for where in hidden:
        refusal(client.post("/api/search", json={"text": "red", "where": where}), 422, "query_error")
    assert client.post("/api/search", json={"text": "red", "where": "width > 1"}).json()["hits"]


def test_a_file_that_is_gone_or_changed(open_service, own_gallery, own_photos):
    client = open_service(own_gallery)
    hits = client.post("/api/search", json={"text": "red", "top": 2}).json()["hits"]
    gone, changed = ((hit["id"], own_photos / "red" / hit["name"]) for hit in hits)
    gone[1].unlink()
    changed[1].write_bytes(b"now something private")
    for picture_id, _ in (gone, changed):
        for path in ("", "/original"):
            assert "index its folder again" in refusal(client.get(f"/api/images/{picture_id}{path}"), 404, "gone")
        assert client.get(f"/api/images/{picture_id}/info").json()["is_there"] is False
        assert client.get(f"/api/thumbnails/{picture_id}").status_code == 200


@pytest.mark.parametrize(
    "wrong", ["000000000000", "..%2f..%2fetc%2fpasswd", "%00", "a' OR '1'='1", "*", "ABCDEF012345", "0" * 12 + "-0x"]
)
@pytest.mark.parametrize("place", ["/api/thumbnails/{}", "/api/images/{}", "/api/images/{}/info"])
def test_what_is_no_id_leads_nowhere(client, wrong, place):
    refusal(client.get(place.format(wrong)), 404, "not_found")


def test_a_picture_in_an_archive_is_shown_and_downloaded(open_service, tiny_bundle, photos, tmp_path):
    place = tmp_path / "in" / "shapes.zip"
    place.parent.mkdir()
    with zipfile.ZipFile(place, "w") as archive:
        for file in sorted(photos.rglob("*.jpg")):
            archive.write(file, file.relative_to(photos))
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(place.parent)
    client = open_service(tmp_path / "g")
    hit = client.post("/api/search", json={"text": "red", "top": 1}).json()["hits"][0]
    original = client.get(f"/api/images/{hit['id']}/original")
    assert original.content == (photos / "red" / hit["name"]).read_bytes()
    assert client.get(f"/api/images/{hit['id']}").headers["Content-Type"] == "image/jpeg"
    assert client.get(f"/api/images/{hit['id']}/info").json()["is_there"] is True
    place.unlink()
    refusal(client.get(f"/api/images/{hit['id']}/original"), 404, "gone")
    assert client.get(f"/api/thumbnails/{hit['id']}").status_code == 200


def test_pictures_indexed_elsewhere_are_found_soon(open_service, own_gallery, own_photos, tiny_bundle):
    client = open_service(own_gallery)

    def names() -> set[str]:
        hits = client.post("/api/search", json={"text": "red", "top": 50}).json()["hits"]
        return {hit["name"] for hit in hits}

    before = names()
    late = Image.effect_mandelbrot((96, 96), (-2, -1.5, 1, 1.5), 50).convert("RGB")
    late.save(own_photos / "late.png")  # looks like no other, which would be folded
    Gallery.open(own_gallery, model=tiny_bundle.path).index(own_photos)
    deadline = time.monotonic() + 30
    while names() == before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert names() - before == {"late.png"}
