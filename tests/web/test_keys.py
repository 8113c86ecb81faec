from __future__ import annotations

import stat

import pytest

from stbir.cli import main
from stbir.errors import ConfigError, InputError
from stbir.web.keys import HashedKey, Keyring, add_key, new_key, read_keys


def test_a_key_is_found_and_another_is_not():
    key, hashed = new_key()
    other, other_hashed = new_key()
    ring = Keyring([hashed, other_hashed])
    assert ring.recall(key) is None
    assert ring.find(key) == ring.recall(key) == hashed.id
    assert ring.find(other) == other_hashed.id
    swapped = other.replace(other_hashed.id, hashed.id)
    for wrong in ("", "short", key[:-1], key + "x", key.upper(), swapped, "x" * 10_000, "stbir__" + "a" * 48):
        assert ring.find(wrong) is None
        assert ring.recall(wrong) is None


def test_a_wrong_key_costs_one_hash(monkeypatch):
    keys = [new_key() for _ in range(5)]
    ring = Keyring([hashed for _, hashed in keys])
    asked = []
    monkeypatch.setattr(HashedKey, "fits", lambda self, key: asked.append(self.id))
    ring.find(keys[2][0] + "x")
    assert asked == [keys[2][1].id]


def test_hashes_are_salted_and_hold_nothing_of_the_key():
    one, two = (HashedKey.of("a key of one's own choice") for _ in range(2))
    assert one.hash != two.hash
    assert one.fits("a key of one's own choice")
    assert not one.fits("a key of one's own choicf")
    key, hashed = new_key()
    assert key.rpartition("_")[2] not in hashed.model_dump_json()


@pytest.mark.parametrize("key", ["", "too short", "x" * 300, "with\nline break and more", "ключ, который длиннее"])
def test_unsafe_keys_are_refused(key):
    with pytest.raises(ConfigError, match="API key cannot be used"):
        HashedKey.of(key)


def test_a_file_of_keys(tmp_path):
    file = tmp_path / "keys.txt"
    (one, hashed_one), (two, hashed_two) = new_key(), new_key()
    add_key(file, hashed_one)
    with file.open("a") as stream:
        stream.write("# the shop's till\n\n")
    add_key(file, hashed_two)
    assert read_keys(file) == (hashed_one, hashed_two)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert one not in file.read_text()
    assert Keyring(read_keys(file)).find(two) == hashed_two.id


@pytest.mark.parametrize("content", ["", "# nothing\n", "plain-key\n", "ab cd ef\n", "zz " + "0" * 32 + " " + "0" * 64])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    file = tmp_path / "keys.txt"
    file.write_text(content)
    with pytest.raises(ConfigError, match="keys"):
        read_keys(file)
    with pytest.raises(ConfigError, match="does not exist"):
        read_keys(tmp_path / "absent")
    with pytest.raises(InputError, match="cannot write"):
        add_key(tmp_path / "absent" / "keys.txt", new_key()[1])


def test_the_command_makes_a_key(tmp_path, capsys):
    file = tmp_path / "keys.txt"
    assert main(["serve", "--new-key"]) == 2
    assert main(["serve", "--new-key", "--api-key-file", str(file)]) == 0
    key = capsys.readouterr().out.strip()
    assert Keyring(read_keys(file)).find(key)
    assert key not in file.read_text()
