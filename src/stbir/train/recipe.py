"""A training recipe: frozen settings read from TOML, every field open to the command line.

stbir train recipes/default.toml --set words.schedule.num_steps=800
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stbir.errors import ConfigError

RECIPES = Path(__file__).parent / "recipes"

_R = TypeVar("_R", bound="CorpusRecipe")

Positive = Annotated[int, Field(gt=0)]


class Settings(BaseModel):
    """Base of all parts of a recipe: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SetSettings(Settings):
    """One data set of the recipe.

    Attributes:
        name: A data set's name or path.
        words_weight: How often its captioned photos are drawn in stage `words`, relative to their number; 0 = never.
        share: Share of its photos taken, chosen by the seed.
        max_pseudo: Most pseudo-drawings traced from its training photos.
        edge_maps: Whether its edge maps stand for photos (QMUL V1), so that drawings of hands are learned with them.
        held_out: Splits that are read but never learned from; every split but train, extra and none is held out anyway.
    """

    name: str
    words_weight: float = Field(default=1.0, ge=0)
    share: float = Field(default=1.0, gt=0, le=1)
    max_pseudo: int = Field(default=0, ge=0)
    edge_maps: bool = False
    held_out: tuple[str, ...] = ()


class DataSettings(Settings):
    """The corpus.

    Attributes:
        cache: Folder of the prepared corpus.
        sets: The data sets.
        num_views: Views of every photo; odd ones are mirrored, cropped and relit.
        seed: Of the choice of photos and their views; None takes the recipe's, so that other seeds learn from others.
    """

    cache: Path = Path("runs/corpus")
    sets: tuple[SetSettings, ...]
    num_views: Positive = 2
    seed: int | None = None


class WeightSettings(Settings):
    """Pretrained weights to start from, files inside the archive or folder `root`.

    Attributes:
        root: Zip or folder that holds them; looked up like a data set's name.
        mobilenet: MobileNetV2 1.0/224 as TFLite.
        pidinet: PiDiNet checkpoint for pseudo-drawings.
        doodlenet: Folder of DoodleNet's TensorFlow.js files.
    """

    root: str = "weights"
    mobilenet: str = "mobilenetv2-tflite/mobilenet_v2_1.0_224_quant.tflite"
    pidinet: str = "pidinet/table5_pidinet-tiny.pth"
    doodlenet: str = "doodlenet"


class ModelSettings(Settings):
    """Sizes of the towers."""

    name: str = "stbir-default"
    image_px: Annotated[int, Field(gt=0, multiple_of=32)] = 192
    sketch_px: Annotated[int, Field(gt=0, multiple_of=32)] = 128
    sketch_dim: Positive = 256
    text_dim: Positive = 256
    text_layers: Annotated[int, Field(ge=4, le=6)] = 6
    max_tokens: Positive = 40


class ScheduleSettings(Settings):
    """See `stbir.train.loop.Schedule`."""

    num_steps: Positive
    warmup_steps: int = Field(default=50, ge=0)
    weight_decay: float = 0.02
    max_gradient_norm: float = 1.0
    validate_every: Positive = 250
    save_every_s: float = 120.0
    average_decay: float = 0.995
    precision: Literal["f32", "bf16"] = "f32"
    patience: Positive | None = None
    tensorboard: bool = False


class WordsRecipe(Settings):
    """Stage `words`; see `stbir.train.words.WordsSettings`."""

    schedule: ScheduleSettings
    batch_size: Positive = 192
    image_lr: float = 3e-4
    text_lr: float = 0.0
    head_lr: float = 1e-3
    hard_share: float = Field(default=0.5, ge=0, le=1)
    feature_dropout: float = Field(default=0.1, ge=0, lt=1)


class DrawingsRecipe(Settings):
    """Stage `drawings`; see `stbir.train.drawings.DrawingsSettings`."""

    schedule: ScheduleSettings
    batch_size: Positive = 128
    backbone_lr: float = 4e-4
    head_lr: float = 1e-3
    frozen_blocks: int = Field(default=3, ge=0, le=17)
    num_negatives: int = Field(default=256, ge=0)
    line_width_px: float = 2.0
    margin: float = 0.06
    class_weight: float = 0.5
    pair_weight: float = 0.5
    teacher_weight: float = 0.2


class BalanceSet(Settings):
    """A validation set on which drawing and words are balanced.

    Attributes:
        name: A data set's name or path.
        split: Split that is asked; a set without splits is asked whole.
        distractors: Splits that are only searched.
    """

    name: str
    split: str = "val"
    distractors: tuple[str, ...] = ()


class CorpusRecipe(Settings):
    """What the preparation of a corpus needs to know; every recipe is one.

    Attributes:
        seed: Of every choice made.
        device: A PyTorch device.
        model: Name and sizes.
        data: The corpus.
        weights: Pretrained weights.
        licence: Terms of the trained weights, as `model.json` will say.
        storage: How the bundle keeps large weights; as floats it is about three times as large, to measure what
            8 bits cost.
    """

    seed: int = 0
    device: str = "cpu"
    model: ModelSettings = ModelSettings()
    data: DataSettings
    weights: WeightSettings = WeightSettings()
    licence: str = "see provenance"
    storage: Literal["int8", "float32"] = "int8"

    @property
    def corpus_seed(self) -> int:
        """Seed of the corpus."""
        return self.seed if self.data.seed is None else self.data.seed


class Recipe(CorpusRecipe):
    """Everything that training a model from pretrained towers needs to know.

    Attributes:
        words: Stage `words`.
        drawings: Stage `drawings`.
        balance: Validation sets on which drawing and words are balanced.
    """

    words: WordsRecipe
    drawings: DrawingsRecipe
    balance: tuple[BalanceSet, ...] = ()


def load_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe that trains towers; arguments and errors as in `parse_recipe`."""
    return parse_recipe(read_fields(path, overrides), Recipe, path)


def read_fields(path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Read the fields of a recipe, not yet checked.

    Args:
        path: A TOML file.
        overrides: `a.b.c=value` pairs, the value in TOML's notation (or a bare word); a number names a place in a list.

    Returns:
        Its fields. A recipe that says `extends = "NAME"` has those of that recipe (a shipped one, or a file beside
        it) where it says nothing itself; tables are joined, lists are replaced.

    Raises:
        ConfigError: Not TOML, or an override that cannot be read.
    """
    fields = _read_extended(path, ())
    for override in overrides:
        _apply(fields, override)
    return fields


def find_recipe(name: str, beside: Path | None = None) -> Path:
    """The file of a recipe, given as a path or as the name of a shipped one.

    Args:
        name: Path or name.
        beside: Folder that relative paths start from; None is the working directory.

    Raises:
        ConfigError: Neither.
    """
    path = Path(name) if beside is None else beside / name
    if path.suffix == ".toml" or path.exists():
        return path
    shipped = sorted(file.stem for file in RECIPES.glob("*.toml"))
    if name not in shipped:
        raise ConfigError(f"no recipe {name!r}: give a .toml file or one of {', '.join(shipped)}")
    return RECIPES / f"{name}.toml"


def _read_extended(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise ConfigError(f"{path}: the recipe extends itself; take out one `extends`")
    try:
        fields: dict[str, Any] = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable TOML recipe ({error})") from None
    parent = fields.pop("extends", None)
    if parent is None:
        return fields
    if not isinstance(parent, str):
        raise ConfigError(f"{path}: extends: expected the name of a recipe, not {parent!r}")
    return _joined(_read_extended(find_recipe(parent, path.parent), (*seen, path)), fields)


def _joined(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    joined = dict(below)
    for name, value in above.items():
        old = joined.get(name)
        joined[name] = _joined(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return joined


def parse_recipe(fields: dict[str, Any], kind: type[_R], path: Path) -> _R:
    """Check the fields of a recipe.

    Args:
        fields: As `read_fields` gives them.
        kind: Kind of recipe.
        path: Named in messages.

    Returns:
        The recipe.

    Raises:
        ConfigError: An unknown field or an unusable value; names the file and the field.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {where}: {first['msg']}; see docs/training.md for the fields") from None


def _apply(fields: dict[str, Any], override: str) -> None:
    name, separator, value = override.partition("=")
    keys = name.strip().split(".")
    if not separator or not all(keys):
        raise ConfigError(f"cannot read the setting {override!r}: write for example words.schedule.num_steps=800")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    place: Any = fields
    for key in keys[:-1]:
        if isinstance(place, list):
            if not key.isdigit() or int(key) >= len(place):
                raise ConfigError(
                    f"the setting {override!r} names place {key!r} of a list of {len(place)}: count from 0"
                )
            place = place[int(key)]
        elif isinstance(place, dict):
            place = place.setdefault(key, {})
        if not isinstance(place, dict | list):
            raise ConfigError(f"the setting {override!r} names a field of {key!r}, which has none")
    if not isinstance(place, dict):
        raise ConfigError(f"the setting {override!r} ends in a list: name a place in it, such as stages.0.lr")
    place[keys[-1]] = parsed
