import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import Image

import stbir
from conftest import COLOURS, SHAPES, outline, write_photos
from stbir.cli import COMMANDS, LazyGroup, cli, main


@pytest.fixture(scope="module")
def place(tiny_bundle, tmp_path_factory):
    """A directory with photos, drawings, and a gallery of the photos; commands run in it, nobody changes those."""
    place = tmp_path_factory.mktemp("cli")
    write_photos(place / "photos")
    for shape in SHAPES:
        (place / f"{shape}.json").write_text(json.dumps(outline(shape)))
    stbir.Gallery.open(place / "my.gallery", model=tiny_bundle.path).index(place / "photos")
    return place


@pytest.fixture(autouse=True)
def setting(place, tiny_bundle, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("STBIR_MODEL", str(tiny_bundle.path))
    monkeypatch.delenv("STBIR_GALLERY", raising=False)


@pytest.fixture
def run(capsys):
    """Run a command; gives exit code, stdout and stderr."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def search(run, *arguments):
    code, out, err = run("search", "--gallery", "my.gallery", *arguments)
    assert (code, err) == (0, "")
    return out


def test_json_follows_the_contract(run, place):
    out = search(run, "--sketch", "bar.json", "--text", "red", "--weight", "sketch=0.7,text=0.3", "--top", 3, "--json")
    answer = json.loads(out)
    assert set(answer) == {"query", "took_ms", "next_offset", "hits"}
    assert set(answer["took_ms"]) == {"encode", "search"}
    assert all(milliseconds > 0 for milliseconds in answer["took_ms"].values())
    assert answer["query"]["sketch"] == "bar.json"
    assert answer["query"]["text"] == "red"
    assert answer["query"]["weights"] == {"sketch": 0.7, "text": 0.3, "image": 1.0}
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    first = answer["hits"][0]
    assert set(first) == {"rank", "id", "path", "score", "parts", "num_duplicates"}
    assert first["path"] == str(place / "photos" / "red" / "red-bar.jpg")
    assert first["score"] == pytest.approx(0.7 * first["parts"]["sketch"] + 0.3 * first["parts"]["text"], abs=1e-5)


def test_the_table_shows_rank_score_parts_and_path(run):
    lines = search(run, "--sketch", "disc.json", "--text", "blue", "--top", 2).splitlines()
    assert lines[0].split() == ["rank", "score", "sketch", "text", "path"]
    assert lines[1].split()[0] == "1"
    assert lines[1].split()[-1] == str(Path("photos/blue/blue-disc.jpg"))
    assert len(lines) == 3
    assert search(run, "--text", "blue").splitlines()[0].split() == ["rank", "score", "text", "path"]


def test_all_parts_of_a_query_reach_the_search(run, place):
    asked = ["--image", "photos/red/red-bar.jpg", "--min-score", "0.2", "--where", "path LIKE '%-bar.jpg'", "--json"]
    plain = json.loads(search(run, *asked))
    found = json.loads(search(run, *asked, "--not", "red"))
    assert plain["hits"][0]["path"] == found["hits"][0]["path"] == str(place / "photos" / "red" / "red-bar.jpg")
    assert plain["hits"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert 0.5 < found["hits"][0]["score"] < 0.8
    assert all(hit["path"].endswith("-bar.jpg") and hit["score"] >= 0.2 for hit in found["hits"])
    assert found["query"]["not"] == "red"
    assert found["query"]["where"] == "path LIKE '%-bar.jpg'"


def test_no_hit_is_said_and_is_no_error(run):
    code, out, err = run("search", "--gallery", "my.gallery", "--text", "red", "--min-score", "2")
    assert (code, out) == (0, "")
    assert "no picture fits" in err
    assert json.loads(search(run, "--text", "red", "--min-score", "2", "--json"))["hits"] == []


def test_the_contact_sheet(run, place, tmp_path):
    sheet = tmp_path / "sheet.png"
    code, out, err = run(
        "search", "-g", "my.gallery", "--sketch", "bar.json", "--text", "red", "--top", 5, "--sheet", sheet
    )
    assert code == 0
    assert str(sheet) in err
    assert out.startswith("rank")
    with Image.open(sheet) as picture:
        assert picture.width > picture.height > 400


def test_a_sheet_of_too_many_hits_says_so(run, tmp_path, monkeypatch):
    monkeypatch.setattr("stbir.sheet.MAX_HITS", 5)
    code, _, err = run("search", "-g", "my.gallery", "--text", "red", "--top", 9, "--sheet", tmp_path / "sheet.webp")
    assert code == 0
    assert "the first 5 of 9 hits" in err
    with Image.open(tmp_path / "sheet.webp") as picture:
        assert picture.height < 3 * 300


def test_a_sheet_that_its_format_cannot_hold_is_one_line(run, tmp_path, monkeypatch):
    def refuse(*_):
        raise ValueError("encoding error 5: Image size exceeds WebP limit")

    monkeypatch.setattr(Image.Image, "save", refuse)
    code, _, err = run("search", "-g", "my.gallery", "--text", "red", "--sheet", tmp_path / "sheet.webp")
    assert code == 2
    assert err.startswith("stbir: cannot save the contact sheet")
    assert err.count("\n") == 1


def test_open_shows_the_sheet(run, monkeypatch):
    shown = []
    monkeypatch.setattr(click, "launch", shown.append)
    assert run("search", "-g", "my.gallery", "--text", "red", "--top", 2, "--open")[0] == 0
    with Image.open(shown[0]) as picture:
        assert picture.format == "PNG"


ERRORS = {
    "a missing sketch": (["--sketch", "absent.json"], "absent.json does not exist"),
    "an empty drawing": (["--sketch", "empty.json"], "empty"),
    "no drawing": (["--sketch", "photos"], "directory"),
    "an empty text": (["--text", ""], "text of the query is empty"),
    "an empty query": ([], "the query is empty"),
    "a bad weight": (["--text", "red", "--weight", "red=1"], "weight"),
    "a negative weight": (["--text", "red", "--weight", "text=-1"], "out of range"),
    "a bad number": (["--text", "red", "--top", "many"], "many"),
    "no hits": (["--text", "red", "--top", "0"], "--top"),
    "an unknown option": (["--colour", "red"], "--colour"),
    "a bad filter": (["--text", "red", "--where", "colour = 'red'"], "No field named colour"),
    "no model": (["--text", "red", "--model", "photos"], "not a model bundle"),
    "a filter of the wrong type": (["--text", "red", "--where", "width = 'abc'"], "'Int32'; it may name"),
    "a bad sheet": (["--text", "red", "--sheet", "sheet.txt", "--model", "absent"], ".png"),
    "words that are not UTF-8": (["--text", "red \udcff"], "not valid Unicode"),
    "a filter that is not UTF-8": (["--text", "red", "--where", "path = '\udcff'"], "cannot use the filter"),
    "a sheet nowhere": (["--text", "red", "--sheet", "absent/sheet.png"], "No such file or directory"),
    "no example": (["--image", "bar.json"], "not a picture"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_mistakes_are_one_line_and_exit_2(run, place, case):
    (place / "empty.json").write_text('{"strokes": []}')
    arguments, message = ERRORS[case]
    code, _, err = run("search", "--gallery", "my.gallery", *arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith("stbir: ")
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "--text", "red"], "--gallery"),
        (["search", "--gallery", "absent", "--text", "red"], "no gallery at absent"),
        (["search", "--gallery", "photos", "--text", "red"], "not a gallery"),
        (["index", "--gallery", "new.gallery"], "PATH"),
        (["index", "absent", "--gallery", "new.gallery"], "absent does not exist"),
        (["index", "void", "--gallery", "new.gallery"], "no pictures in void"),
        (["index", "photos", "--gallery", "photos"], "not a gallery"),
        (["index", "photos", "--gallery", "new.gallery", "--model", "absent"], "not a model bundle"),
        (["gallery", "info", "--gallery", "absent"], "no gallery at absent"),
        (["gallery", "remove", "--gallery", "my.gallery"], "nothing to remove"),
        (["gallery", "remove", "--gallery", "my.gallery", "absent"], "no picture with the id absent"),
        (["gallery", "remove", "--gallery", "my.gallery", "--under", "void"], "no picture below void"),
        (["index", "photos", "--gallery", "g\udcff"], "not valid UTF-8"),
        (["model", "list", "absent"], "absent is not a folder"),
        (["model", "info", "--model", "absent"], "not a model bundle"),
        (["model", "export", "photos"], "exists already"),
        (["nonsense"], "nonsense"),
    ],
)
def test_other_mistakes_too(run, place, arguments, message):
    (place / "void").mkdir(exist_ok=True)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert not (place / "new.gallery").exists()


def test_a_gallery_of_another_model_names_both_and_the_remedy(run, other_bundle):
    for arguments in (["search", "--text", "red"], ["index", "photos"]):
        code, out, err = run(*arguments, "--gallery", "my.gallery", "--model", other_bundle.path)
        assert (code, out) == (2, "")
        assert "'tiny'" in err
        assert "'other'" in err
        assert "--model" in err
        assert err.count("\n") == 1


def test_indexing_says_what_it_did(run, place, tmp_path):
    write_photos(tmp_path / "photos")
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"")
    gallery = tmp_path / "g"
    code, out, err = run("index", tmp_path / "photos", "--gallery", gallery, "--exclude", "green")
    assert code == 0
    assert "8 pictures (8 added, 1 skipped)" in out
    assert "bad.jpg: " in err
    assert "9/9" in err
    report = json.loads(run("index", tmp_path / "photos", "--gallery", gallery, "--json")[1])
    assert (report["added"], report["unchanged"], report["total"]) == (4, 8, 12)
    assert report["skipped"][0]["path"] == str(tmp_path / "photos" / "bad.jpg")


def test_ctrl_c_is_exit_130(run, monkeypatch, tmp_path):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("stbir.search.Gallery.index", interrupted)
    code, _, err = run("index", "photos", "--gallery", tmp_path / "g")
    assert code == 130
    assert "the same command goes on" in err


def test_gallery_info_list_verify(run, place):
    info = json.loads(run("gallery", "info", "--gallery", "my.gallery", "--json")[1])
    assert info["num_pictures"] == 12
    assert info["model"]["name"] == "tiny"
    assert info["folders"] == [{"path": str(place / "photos"), "num_pictures": 12}]
    assert "12" in run("gallery", "info", "--gallery", "my.gallery")[1]
    listed = json.loads(run("gallery", "list", "--gallery", "my.gallery", "--json")[1])
    assert len(listed) == 12
    assert set(listed[0]) >= {"id", "path", "width", "height", "content_hash"}
    lines = run("gallery", "list", "--gallery", "my.gallery")[1].splitlines()
    assert lines[1].split()[0] == listed[0]["id"]
    assert "no damage" in run("gallery", "verify", "--gallery", "my.gallery")[1]


def test_gallery_remove(run, place, tmp_path, tiny_bundle):
    gallery = stbir.Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    gallery.index(place / "photos")
    assert "1 picture removed" in run("gallery", "remove", "-g", tmp_path / "g", gallery.entries()[0].id)[1]
    removed = json.loads(run("gallery", "remove", "-g", tmp_path / "g", "--under", "photos/red", "--json")[1])
    assert len(removed) == 4
    assert len(gallery) == 7


def test_model_info_list_export(run, tmp_path, tiny_bundle):
    info = json.loads(run("model", "info", "--json")[1])
    assert info["fingerprint"] == tiny_bundle.info.fingerprint
    assert "sketch 24, text 8" in run("model", "info")[1]
    assert run("model", "export", tmp_path / "copy")[0] == 0
    assert stbir.Bundle.load(tmp_path / "copy").info == tiny_bundle.info
    listed = json.loads(run("model", "list", tmp_path, "--json")[1])
    assert [each["fingerprint"] for each in listed][-1] == tiny_bundle.info.fingerprint
    assert tiny_bundle.info.fingerprint[:12] in run("model", "list", tmp_path)[1]


def test_a_broken_model_does_not_hide_the_others(run, tmp_path, tiny_bundle):
    for name in ("a", "b", "c"):
        run("model", "export", tmp_path / name)
    for name in ("a", "b"):
        (tmp_path / name / "text.onnx").write_bytes(b"")
    code, out, err = run("model", "list", tmp_path)
    assert code == 2
    assert out.count(tiny_bundle.info.fingerprint[:12]) == 1
    assert [line.startswith("stbir: ") and "is damaged" in line for line in err.splitlines()] == [True, True]
    code, out, _ = run("model", "list", tmp_path, "--json")
    assert (code, [Path(each["path"]).name for each in json.loads(out) if "error" in each]) == (2, ["a", "b"])


def commands(group=cli, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize(("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands()])
def test_every_command_is_documented_with_an_example(run, path, command):
    code, out, err = run(*path, "--help")
    assert (code, err) == (0, "")
    assert f"stbir {' '.join(path)}" in out.partition("Example")[2]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(path)} {parameter.opts[0]} has no help"


def test_help_lists_the_installed_commands_without_importing_them(run):
    code, out, _ = run("--help")
    assert code == 0
    for name in LazyGroup.list_commands(cli, click.Context(cli)):
        assert COMMANDS[name] in out
    assert run()[1] == out
    loaded = "import sys; from stbir.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"'numpy'", "'stbir.cli.index'", "'pydantic'"} & set(result.stderr.strip("[]\n").split(", "))


def test_the_version(run):
    assert run("--version")[1] == f"stbir {stbir.__version__}\n"


def stbir_process(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "stbir", *arguments], capture_output=True, text=True, **options)


def test_python_m_stbir_is_stbir(place):
    done = stbir_process("search", "--gallery", "my.gallery", "--sketch", "bar.json", "--text", "red", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["hits"][0]["path"].endswith("red-bar.jpg")
    failed = stbir_process("search", "--gallery", "my.gallery", "--sketch", "absent.json")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == "stbir: absent.json does not exist: check the path\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_names_that_the_terminal_cannot_show_break_nothing(place, tmp_path, encoding):
    folder = tmp_path / "photos-縺"
    folder.mkdir()
    (folder / "bar.jpg").write_bytes((place / "photos" / "red" / "red-bar.jpg").read_bytes())
    try:
        (folder / "b\udcff.jpg").write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    gallery = tmp_path / "g-縺"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (
        ["index", folder],
        ["index", folder, "--json"],
        ["gallery", "info"],
        ["gallery", "list", "--json"],
        ["search", "--text", "red"],
        ["search", "--text", "red", "--json"],
    ):
        command = [sys.executable, "-m", "stbir", *arguments, "--gallery", gallery]
        done = subprocess.run(command, capture_output=True, env=environment)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
        if "--json" in arguments:
            json.loads(done.stdout.decode("ascii"))


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m stbir gallery list --gallery my.gallery | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_whole_thread_by_command_line(run, place, tmp_path):
    """A folder, a drawing, a word, the right picture: twelve times."""
    gallery = tmp_path / "thread.gallery"
    assert run("index", "photos", "--gallery", gallery)[0] == 0
    for shape in SHAPES:
        for colour in COLOURS:
            out = run("search", "-g", gallery, "--sketch", f"{shape}.json", "--text", colour, "--json")[1]
            assert json.loads(out)["hits"][0]["path"].endswith(f"{colour}-{shape}.jpg")
