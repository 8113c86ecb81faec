"""From a recipe to a bundle: prepare, stage `words`, stage `drawings`, balance, export, in one resumable run.

Everything lies in one folder; what is finished is not done again, so the same command after Ctrl-C or kill -9 goes on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from stbir.datasets import Dataset, open_dataset
from stbir.errors import ConfigError, DatasetError
from stbir.model.bundle import Bundle
from stbir.train.align_recipe import AlignRecipe
from stbir.train.checkpoint import load_checkpoint, save_checkpoint
from stbir.train.corpus import Corpus, PictureMaps
from stbir.train.drawings import DrawingsSettings, DrawingsStage
from stbir.train.loop import Schedule, run_stage
from stbir.train.prepare import prepare_corpus, write_picture_maps
from stbir.train.pretrained import load_minilm, load_mobilenet, minilm_directory
from stbir.train.recipe import CorpusRecipe, DrawingsRecipe, Recipe, WordsRecipe, find_recipe, parse_recipe, read_fields
from stbir.train.sketches import SketchSet
from stbir.train.sources import weights_folder
from stbir.train.towers import ImageTower, SketchTower, TextTower, Towers
from stbir.train.words import WordsSettings, WordsStage

Say = Callable[[str], None]
RECIPE_FILE = "recipe.json"
WEIGHTS_FILE = "weights.json"


def build_towers(recipe: Recipe, weights: Path) -> Towers:
    """Make the towers with their pretrained backbones; heads are drawn from the seed."""
    torch.manual_seed(recipe.seed)
    sizes = recipe.model
    image = ImageTower(sizes.image_px, sizes.sketch_dim, sizes.text_dim)
    sketch = SketchTower(sizes.sketch_px, sizes.sketch_dim)
    text = TextTower(sizes.text_dim, sizes.text_layers)
    image.backbone = load_mobilenet(weights / recipe.weights.mobilenet)
    sketch.backbone = load_mobilenet(weights / recipe.weights.mobilenet)
    text.backbone = load_minilm(sizes.text_layers)
    return Towers(image.to(recipe.device), sketch.to(recipe.device), text.to(recipe.device))


def run_recipe(
    name: str,
    out: Path,
    overrides: Iterable[str] = (),
    *,
    fresh: bool = False,
    threads: int | None = None,
    say: Say = print,
) -> Bundle:
    """Train by a recipe and export the bundle, going on where an earlier run stopped.

    Args:
        name: A recipe file, or the name of a shipped one.
        out: Folder of checkpoints, logs and the bundle.
        overrides: `field=value` changes of the recipe.
        fresh: Forget checkpoints in `out`.
        threads: CPU threads of PyTorch; None takes its default.
        say: Receives progress lines.

    Returns:
        The bundle in `out/bundle`.
    """
    from stbir.train.finish import finish

    path = find_recipe(name)
    fields = read_fields(path, overrides)
    if threads is not None:
        torch.set_num_threads(threads)
    if "stages" in fields:
        from stbir.train.align_run import align

        return align(parse_recipe(fields, AlignRecipe, path), out, fresh=fresh, say=say)
    recipe = parse_recipe(fields, Recipe, path)
    if fresh:
        for pattern in ("*.ckpt", "*.best", "*.done", "*.metrics.jsonl", "last*.npy", "pooled*.npy", RECIPE_FILE):
            for file in out.glob(pattern):
                file.unlink()
    towers, corpus = train(recipe, out, say)
    return finish(recipe, towers, corpus, out, say)


def check_same_run(recipe: CorpusRecipe, path: Path) -> None:
    """Refuse to go on with a run of another recipe; balance, mixture, storage and licence only matter at its end."""
    if not path.is_file():
        return
    fields = set(type(recipe).model_fields) - {"balance", "balance_weights", "base_share", "licence", "storage"}
    earlier = json.loads(path.read_text())
    asked = recipe.model_dump(mode="json")
    changed = sorted(name for name in fields if earlier.get(name) != asked[name])
    if changed:
        raise ConfigError(
            f"{path.parent} holds a run of another recipe ({', '.join(changed)} changed): choose another --out, "
            "or begin anew with --fresh"
        )


def _check_inputs(recipe: Recipe, weights: Path) -> None:
    """Open every data set and weight file once, so that what is missing is said before hours of training."""
    for settings in recipe.data.sets:
        if settings.name != "quickdraw-10k":
            open_or_explain(settings.name)
    for asked in recipe.balance:
        open_or_explain(asked.name).in_split(asked.split, *asked.distractors)
    for name in (recipe.weights.mobilenet, recipe.weights.pidinet, recipe.weights.doodlenet):
        if not (weights / name).exists():
            raise ConfigError(
                f"pretrained weights {name!r} are not in {recipe.weights.root!r}: correct weights.* in the recipe"
            )
    minilm_directory()


def open_or_explain(name: str) -> Dataset:
    """Open a data set; a missing one is named with what to do about it."""
    try:
        return open_dataset(name)
    except DatasetError as error:
        hint = "render it with stbir synth render, see docs/training.md" if "synth" in name else "set STBIR_DATA"
        raise ConfigError(f"{error} ({hint})") from None


def weight_hashes(recipe: Recipe, weights: Path) -> dict[str, str]:
    """SHA-256 of the pretrained files a run starts from, by name; a file that changed under its name shows."""
    used = [weights / recipe.weights.mobilenet, weights / recipe.weights.pidinet]
    used += sorted((weights / recipe.weights.doodlenet).glob("*"))
    used.append(minilm_directory() / "model.safetensors")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in used if file.is_file()}


def train(recipe: Recipe, out: Path, say: Say = print) -> tuple[Towers, Corpus]:
    """Train a model, or go on with it.

    Args:
        recipe: What to train.
        out: Folder of checkpoints, logs and the finished weights.
        say: Receives progress lines.

    Returns:
        The trained towers, in evaluation mode, and the corpus they learned from.
    """
    out.mkdir(parents=True, exist_ok=True)
    check_same_run(recipe, out / RECIPE_FILE)
    with weights_folder(recipe.weights.root) as weights:
        _check_inputs(recipe, weights)
        (out / RECIPE_FILE).write_text(recipe.model_dump_json(indent=2))
        (out / WEIGHTS_FILE).write_text(json.dumps(weight_hashes(recipe, weights), indent=2))
        towers = build_towers(recipe, weights)
        network = load_mobilenet(weights / recipe.weights.mobilenet)
        folder = prepare_corpus(recipe, network, load_minilm(recipe.model.text_layers), weights)
    corpus = Corpus(folder)
    started = time.monotonic()
    _train_words(recipe, corpus, towers, out, say)
    _train_drawings(recipe, corpus, towers, out, say)
    say(f"trained in {(time.monotonic() - started) / 60:.0f} min")
    for tower in (towers.image, towers.sketch, towers.text):
        tower.eval()
    return towers, corpus


def _train_words(recipe: Recipe, corpus: Corpus, towers: Towers, out: Path, say: Say) -> None:
    done = out / "words.done"
    if done.is_file():
        state = load_checkpoint(done)
        towers.image.load_state_dict(state["image"])
        towers.text.load_state_dict(state["text"])
        return
    names = {Path(s.name).stem: s.words_weight for s in recipe.data.sets}
    settings = words_settings(recipe.words, names)
    stage = WordsStage(corpus, towers.image, towers.text, settings, recipe.seed, recipe.device)
    run_stage(stage, Schedule(**recipe.words.schedule.model_dump()), out, seed=recipe.seed, say=say)
    save_checkpoint(done, {"image": towers.image.state_dict(), "text": towers.text.state_dict()})


def _train_drawings(recipe: Recipe, corpus: Corpus, towers: Towers, out: Path, say: Say) -> None:
    done = out / "drawings.done"
    if done.is_file():
        state = load_checkpoint(done)
        towers.image.load_state_dict(state["image"])
        towers.sketch.load_state_dict(state["sketch"])
        return
    if not (out / f"pooled{len(corpus.views) - 1}.npy").is_file():
        write_picture_maps(out, corpus, towers.image)
    stage = DrawingsStage(
        corpus,
        PictureMaps(out, len(corpus.views)),
        SketchSet(corpus.folder),
        towers.image,
        towers.sketch,
        drawings_settings(recipe.drawings),
        recipe.seed,
        recipe.device,
    )
    run_stage(stage, Schedule(**recipe.drawings.schedule.model_dump()), out, seed=recipe.seed, say=say)
    save_checkpoint(done, {"image": towers.image.state_dict(), "sketch": towers.sketch.state_dict()})


def words_settings(recipe: WordsRecipe, set_weights: dict[str, float]) -> WordsSettings:
    """The settings of stage `words` from its recipe."""
    return WordsSettings(**recipe.model_dump(exclude={"schedule"}), set_weights=set_weights)


def drawings_settings(recipe: DrawingsRecipe) -> DrawingsSettings:
    """The settings of stage `drawings` from its recipe."""
    return DrawingsSettings(**recipe.model_dump(exclude={"schedule"}))
