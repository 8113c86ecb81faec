import json
import shutil

import pytest

from stbir.errors import BundleError
from stbir.model import bundle as module
from stbir.model.bundle import INFO_FILE, MODEL_FILES, Bundle, Dims


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A bundle that a test may break."""
    return shutil.copytree(tiny_bundle.path, tmp_path / "bundle")


def edit(directory, **changes):
    path = directory / INFO_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(directory) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.load(directory)
    message = str(caught.value)
    assert "\n" not in message
    assert str(directory) in message
    return message


def test_what_is_written_is_what_is_loaded(tiny_bundle):
    loaded = Bundle.load(tiny_bundle.path)
    assert loaded.info == tiny_bundle.info
    assert set(loaded.info.files) == set(MODEL_FILES)
    assert loaded.num_bytes == sum(path.stat().st_size for path in tiny_bundle.path.iterdir())


def test_rewriting_gives_the_same_fingerprint(tiny_bundle, tmp_path):
    files = {name: tiny_bundle.path / name for name in MODEL_FILES}
    assert Bundle.write(tmp_path / "again", files, tiny_bundle.info).info == tiny_bundle.info


def test_the_fingerprint_names_what_changes_vectors_and_only_that(tiny_bundle, tmp_path):
    files = {name: tiny_bundle.read(name) for name in MODEL_FILES}
    info, original = tiny_bundle.info, tiny_bundle.info.fingerprint

    def fingerprint(files=files, **changes):
        return Bundle.write(tmp_path / "b", files, info.model_copy(update=changes)).info.fingerprint

    assert fingerprint(description="other words", metrics={"acc@1": 0.5}, name="renamed") == original
    assert fingerprint(sketch=info.sketch.model_copy(update={"margin": 0.1})) != original
    assert fingerprint(image=info.image.model_copy(update={"size_px": 32})) != original
    assert fingerprint(dims=Dims(sketch=8, text=8)) != original
    assert fingerprint({**files, "tokenizer.json": files["tokenizer.json"] + b" "}) != original


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_truncated_file_is_found(copy, name):
    path = copy / name
    path.write_bytes(path.read_bytes()[:-10])
    assert f"{name} " in refused(copy)


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    assert f"{name} is missing" in refused(copy)


def test_one_flipped_bit_is_found(copy):
    path = copy / "image.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "image.onnx" in refused(copy)
    assert "damaged" in refused(copy)


def test_broken_json_is_refused(copy):
    (copy / INFO_FILE).write_text("{")
    assert "not valid JSON" in refused(copy)


@pytest.mark.parametrize("content", ["[]", "null", '"text"', "{}"])
def test_json_of_another_shape_is_refused(copy, content):
    (copy / INFO_FILE).write_text(content)
    assert INFO_FILE in refused(copy)


def test_a_newer_schema_asks_for_an_upgrade(copy):
    edit(copy, schema_version=2)
    assert "upgrade stbir" in refused(copy)


def test_an_unknown_field_is_refused(copy):
    edit(copy, colour="red")
    assert "colour" in refused(copy)


def test_edited_settings_are_found(copy):
    edit(copy, sketch={"size_px": 64, "line_width_px": 3.0, "margin": 0.06})
    assert "was edited" in refused(copy)


def test_a_hash_left_out_is_found(copy, tiny_bundle):
    edit(copy, files={"image.onnx": tiny_bundle.info.files["image.onnx"]})
    assert "records no hash" in refused(copy)


def test_other_directories_are_no_bundles(tmp_path):
    assert "holds no model.json" in refused(tmp_path)
    assert "no such directory" in refused(tmp_path / "absent")


def test_without_a_shipped_model_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEFAULT_PATH", tmp_path / "default")
    with pytest.raises(BundleError, match="--model"):
        Bundle.load()


def test_writing_needs_exactly_the_four_files(tiny_bundle, tmp_path):
    files = {name: tiny_bundle.read(name) for name in MODEL_FILES}
    del files["text.onnx"]
    with pytest.raises(BundleError, match=r"text\.onnx"):
        Bundle.write(tmp_path / "b", files, tiny_bundle.info)


def test_a_write_that_stops_halfway_leaves_no_bundle_that_loads(tiny_bundle, copy, monkeypatch):
    def full(path, content):
        if path.name == "text.onnx":
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(module, "write_atomically", full)
    files = {name: tiny_bundle.read(name) for name in MODEL_FILES}
    with pytest.raises(BundleError, match="No space left"):
        Bundle.write(copy, files, tiny_bundle.info)
    assert "holds no model.json" in refused(copy)
