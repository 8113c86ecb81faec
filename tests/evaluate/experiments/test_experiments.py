from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from shapes_dataset import write_shapes
from stbir.errors import ConfigError, InputError
from stbir.evaluate import Evaluation
from stbir.evaluate.experiments import (
    EXPERIMENTS,
    Experiment,
    ExperimentSettings,
    Runner,
    load_settings,
    markdown_of,
    write_pages,
)
from stbir.evaluate.experiments.gallery_size import expected_hits
from stbir.evaluate.experiments.robustness import area
from stbir.evaluate.experiments.significance import run as compare


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("sets") / "shapes")


def runner(shapes: Path, bundle, folder: Path | None = None, **settings) -> Runner:
    settings = {"data": (str(shapes),), "num_resamples": 50, **settings}
    return Runner.make(
        ExperimentSettings.model_validate(settings), model=bundle.path, threads=1, folder=folder, is_quiet=True
    )


def column(experiment: Experiment, name: str, table: int = 0) -> list:
    names = [each.name for each in experiment.tables[table].columns]
    return [row[names.index(name)] for row in experiment.tables[table].rows]


def test_main_has_a_row_for_each_system_and_way_of_asking(shapes: Path, tiny_bundle) -> None:
    systems = ("model", "mean", "rrf", "classic", "random")
    found = EXPERIMENTS["main"](runner(shapes, tiny_bundle, systems=systems), "by hand")
    rows = [row[:2] for row in found.tables[0].rows]
    assert rows[:5] == [
        ("tiny", "sketch"),
        ("tiny", "text"),
        ("tiny", "sketch+text"),
        ("mean fusion", "sketch+text"),
        ("reciprocal rank fusion", "sketch+text"),
    ]
    assert len(rows) == 5 + 3 + 3
    assert column(found, "Acc@1 %")[2].value == 1.0
    assert [len(panel.series) for panel in found.plots[0].panels] == [3, 3]
    assert found.plots[0].names == ("tiny", "mean fusion", "reciprocal rank fusion", "classic", "random")


def test_equal_ranks_of_systems_without_a_model_are_both_shown(shapes: Path, tiny_bundle) -> None:
    found = EXPERIMENTS["main"](runner(shapes, tiny_bundle, systems=("random", "random")), "by hand")
    assert len(found.tables[0].rows) == 6


def test_seeds_of_a_system_are_one_row_with_their_spread(shapes: Path, tiny_bundle, other_bundle) -> None:
    systems = (f"bundle:{tiny_bundle.path}|bundle:{other_bundle.path}", "random")
    found = EXPERIMENTS["main"](runner(shapes, tiny_bundle, systems=systems), "by hand")
    assert found.tables[0].rows[2][0] == "tiny (2 seeds)"
    assert any("by seed 100.0, 100.0; spread 0.0" in note for note in found.tables[0].notes)
    with pytest.raises(ConfigError, match="one seed"):
        EXPERIMENTS["partial"](runner(shapes, tiny_bundle, systems=systems), "by hand")


def test_only_one_model_at_a_time_holds_its_memory(shapes: Path, tiny_bundle, other_bundle) -> None:
    run = runner(shapes, tiny_bundle, systems=("model", f"bundle:{other_bundle.path}"))
    EXPERIMENTS["main"](run, "by hand")
    first, second = (run.factory.embedder(path)[0].encoder for path in (tiny_bundle.path, other_bundle.path))
    assert not first._sessions
    assert second._sessions
    before = second.encode_texts(["red"])
    second.rest()
    assert not second._sessions
    assert np.array_equal(second.encode_texts(["red"]), before)


def test_ablation_compares_with_the_first(shapes: Path, tiny_bundle) -> None:
    found = EXPERIMENTS["ablation"](runner(shapes, tiny_bundle, systems=("model", "random")), "by hand")
    first, second = found.tables[0].rows
    assert first[4:7] == (None, None, None)
    names = [each.name for each in found.tables[0].columns]
    difference = second[names.index("Acc@1 points to the first")]
    assert difference.value == pytest.approx(second[1].value - first[1].value)
    assert difference.value < -0.5
    assert second[names.index("p (Acc@1)")] < 0.1


def test_significance_of_systems_and_of_result_files(shapes: Path, tiny_bundle, tmp_path: Path) -> None:
    of_systems = EXPERIMENTS["significance"](
        runner(shapes, tiny_bundle, tmp_path, systems=("model", "mean", "random")), "by hand"
    )
    ways = column(of_systems, "query")
    assert ways.count("sketch") == 2 * 2  # model and mean rank alike by the drawing alone: that pair is left out
    assert ways.count("sketch+text") == 3 * 2
    p, corrected = column(of_systems, "p"), column(of_systems, "p (Holm)")
    assert all(a <= b for a, b in zip(p, corrected, strict=True))
    parts = sorted((tmp_path / "cells").glob("*.json"))
    of_files = compare(runner(shapes, tiny_bundle), "by hand", parts[:2])
    assert len(of_files.tables[0].rows) >= 2
    with pytest.raises(ConfigError, match="two or more"):
        compare(runner(shapes, tiny_bundle), "by hand", parts[:1])


def test_results_of_other_queries_are_not_compared(shapes: Path, tiny_bundle, tmp_path: Path) -> None:
    EXPERIMENTS["main"](runner(shapes, tiny_bundle, tmp_path / "a"), "by hand")
    EXPERIMENTS["main"](runner(shapes, tiny_bundle, tmp_path / "b", data=(f"{shapes},protocol=fg-sbir",)), "by hand")
    files = [next((tmp_path / name / "cells").glob("*.json")) for name in "ab"]
    with pytest.raises(InputError, match="not measured on the same queries"):
        compare(runner(shapes, tiny_bundle), "by hand", files)


def test_robustness_has_a_curve_for_each_noise(shapes: Path, tiny_bundle) -> None:
    settings = {"noises": ("sketch-mixed", "wrong-text", "image-light"), "severities": (0, 3, 5), "noise_seeds": (0, 1)}
    found = EXPERIMENTS["robustness"](runner(shapes, tiny_bundle, **settings), "by hand")
    assert column(found, "noise") == ["sketch-mixed", "wrong-text", "image-light"]
    assert column(found, "0")[0].value == 1.0
    lost = found.tables[0].rows[1]
    assert lost[2].value > lost[4].value  # clean is better than the wrong words
    names = [each.name for each in found.tables[0].columns]
    assert lost[names.index("harm at 5 %")] > lost[names.index("harm at 0 %")]
    assert 0 < lost[names.index("area %")] < 1
    panels = found.plots[0].panels
    assert [panel.title for panel in panels] == ["sketch-mixed", "wrong-text", "image-light"]
    by_sketch = {series.name: [each.value for each in series.y] for series in panels[1].series}["sketch"]
    assert len(set(by_sketch)) == 1  # wrong words leave the drawing alone as it was


def test_noises_of_what_a_task_lacks_are_left_out(shapes: Path, tiny_bundle, tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes")
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"sketches"', '"drawn"'))
    settings = {"data": (str(folder),), "noises": ("wobble", "typos"), "severities": (0, 5)}
    found = EXPERIMENTS["robustness"](runner(folder, tiny_bundle, **settings), "by hand")
    assert column(found, "noise") == ["typos"]
    with pytest.raises(ConfigError, match="no drawings"):
        EXPERIMENTS["partial"](runner(folder, tiny_bundle, data=(str(folder),)), "by hand")


def test_area_is_the_mean_height() -> None:
    assert area([0, 1, 5], [1.0, 0.5, 0.5]) == pytest.approx((0.75 + 4 * 0.5) / 5)
    assert area([0], [0.3]) == 0.3


def test_partial_goes_from_little_to_all(shapes: Path, tiny_bundle) -> None:
    found = EXPERIMENTS["partial"](runner(shapes, tiny_bundle, shares=(0.2, 0.6)), "by hand")
    assert column(found, "drawn")[::3] == ["20%", "60%", "100%"]
    assert column(found, "Acc@1 %")[-1].value == 1.0
    whole = EXPERIMENTS["main"](runner(shapes, tiny_bundle), "by hand")
    assert column(found, "MRR")[-3:] == column(whole, "MRR")


def test_expected_hits_are_the_mean_over_all_smaller_galleries() -> None:
    """Seven pictures, every rank, every size: by counting all subsets."""
    others = range(6)
    for rank in range(1, 8):
        for size in range(1, 8):
            for k in (1, 2, 3):
                subsets = list(combinations(others, size - 1))
                share = np.mean([sum(other < rank - 1 for other in subset) < k for subset in subsets])
                assert expected_hits(np.array([rank]), 7, size, k)[0] == pytest.approx(share), (rank, size, k)


def test_gallery_size_ends_at_the_whole_gallery(shapes: Path, tiny_bundle) -> None:
    found = EXPERIMENTS["gallery-size"](runner(shapes, tiny_bundle, sizes=(2, 6, 500)), "by hand")
    assert column(found, "pictures")[::3] == [2.0, 6.0, 12.0]
    whole = EXPERIMENTS["main"](runner(shapes, tiny_bundle), "by hand")
    assert column(found, "Acc@1 %")[-3:] == column(whole, "Acc@1 %")
    by_drawing = [each.value for each in column(found, "Acc@1 %")[::3]]
    assert by_drawing == sorted(by_drawing, reverse=True)


def test_cost_counts_bytes_and_times(shapes: Path, tiny_bundle) -> None:
    found = EXPERIMENTS["cost"](runner(shapes, tiny_bundle), "by hand")
    sizes, times = found.tables
    assert sizes.rows[0][5] == pytest.approx(tiny_bundle.num_bytes / 1e6)
    assert all(row[2] > 0 for row in times.rows)
    with pytest.raises(ConfigError, match="none of the systems is a model"):
        EXPERIMENTS["cost"](runner(shapes, tiny_bundle, systems=("random", "classic")), "by hand")


def test_what_was_measured_is_not_measured_again(shapes: Path, tiny_bundle, tmp_path: Path, monkeypatch) -> None:
    settings = {"noises": ("wobble",), "severities": (0, 5)}
    first = EXPERIMENTS["robustness"](runner(shapes, tiny_bundle, tmp_path, **settings), "by hand")
    parts = sorted((tmp_path / "cells").glob("*.json"))
    assert len(parts) == 2
    parts[0].write_text(parts[0].read_text()[:100])  # as after a crash in the middle of a write
    asked: list[object] = []
    from stbir.evaluate.experiments import runner as module

    real = module.evaluate
    monkeypatch.setattr(module, "evaluate", lambda *given, **options: asked.append(1) or real(*given, **options))
    second = EXPERIMENTS["robustness"](runner(shapes, tiny_bundle, tmp_path, **settings), "by hand")
    assert len(asked) == 1
    assert second == first
    EXPERIMENTS["robustness"](runner(shapes, tiny_bundle, tmp_path, seed=1, **settings), "by hand")
    assert len(asked) == 3  # another seed of the bootstrap is another measurement


def test_pages_say_the_same_as_the_record_and_need_nothing_else(shapes: Path, tiny_bundle, tmp_path: Path) -> None:
    found = EXPERIMENTS["main"](runner(shapes, tiny_bundle, systems=("model", "random")), "stbir experiment main <b>")
    paths = write_pages(found, tmp_path)
    assert [path.name for path in paths] == ["main.json", "main.md", "report.html"]
    assert Experiment.read(paths[0]) == found
    page, report = paths[1].read_text(), paths[2].read_text()
    for row in found.tables[0].words()[1:]:
        assert f"| {' | '.join(row)} |" in page
        assert all(f">{cell}</td>" in report for cell in row)
    assert "stbir experiment main &lt;b&gt;" in report
    assert "http" not in report.replace("http://www.w3.org/", "").replace("http-equiv", "")
    assert "<svg" in report
    assert (tmp_path / "plots" / "main-shapes-open.svg").read_text().startswith("<?xml")
    again = write_pages(found, tmp_path / "again")
    assert again[2].read_bytes() == paths[2].read_bytes()
    (tmp_path / "main.json").write_text("{}")
    with pytest.raises(InputError, match="is not a result of stbir experiment"):
        Experiment.read(tmp_path / "main.json")


def test_markdown_escapes_bars_in_cells(shapes: Path, tiny_bundle) -> None:
    found = EXPERIMENTS["main"](runner(shapes, tiny_bundle), "by hand")
    table = found.tables[0].model_copy(update={"rows": (("a|b", *found.tables[0].rows[0][1:]),)})
    assert "| a\\|b | sketch |" in markdown_of(found.model_copy(update={"tables": (table,)}))


def test_settings_come_from_a_file_and_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text('data = ["samples", "chairv2-sketches,split=train+val+test,protocol=open"]\nseverities = [5, 2]\n')
    settings = load_settings(path, {"seed": 3, "noises": None, "systems": ("mean",)})
    assert [each.name for each in settings.data] == ["samples", "chairv2-sketches"]
    assert settings.data[1].split == ("train", "val", "test")
    assert settings.severities == (0.0, 2.0, 5.0)
    assert (settings.seed, settings.systems, settings.noises) == (3, ("mean",), None)


@pytest.mark.parametrize(
    ("content", "overrides", "message"),
    [
        ("data = 3", {}, "data"),
        ("datas = []", {}, "datas of the experiment"),
        ("severities = [6]", {}, "between 0 and 5"),
        ("data = [", {}, "is not TOML"),
        ("", {"shares": ("0.1",)}, "between 0.2"),
        ("", {"data": ("samples,splits=a",)}, "cannot read 'splits=a'"),
        ("", {"systems": ()}, "systems"),
    ],
)
def test_mistakes_in_settings_are_named(tmp_path: Path, content: str, overrides: dict, message: str) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_settings(path, overrides)


def test_parts_of_an_experiment_are_results_of_evaluate(shapes: Path, tiny_bundle, tmp_path: Path) -> None:
    EXPERIMENTS["main"](runner(shapes, tiny_bundle, tmp_path), "by hand")
    (path,) = (tmp_path / "cells").glob("*.json")
    assert Evaluation.read(path).data.name == "shapes"
    assert json.loads(path.read_text())["system"]["kind"] == "model"
