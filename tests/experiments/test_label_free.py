"""`experiments/label_free.py`: its rules, and two runs in small."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from conftest import SMALL
from data import synthetic
from evaluation import unlabelled
from experiments import label_free

NUM_LABELLED = 2


def disk(radius):
    axis = np.arange(64) - 31.5
    return (np.hypot(axis[:, np.newaxis], axis) <= radius)[np.newaxis, ..., np.newaxis].astype(np.float32)


def checkpoints(**columns):
    count = len(columns["border"])
    defaults = {name: [1.0] * count for name in ("over_a", "flip_iou", "flip_correlation", "undecided", "edges", "colours",
                                                 "loss_moved")}
    rows = {**defaults, "step": [250 * (index + 1) for index in range(count)], **columns}
    return [dict(zip(rows, values)) for values in zip(*rows.values())]


def test_rules_look_at_late_checkpoints_alone():
    rows = checkpoints(border=[0.0, 0.5, 0.3, 0.4, 0.6, 0.7, 0.7, 0.7], over_a=[1.0, 1.0, 1.1, 1.1, 1.2, 1.3, 1.3, 1.3],
                       flip_iou=[0.99, 0.7, 0.8, 0.7, 0.9, 0.6, 0.6, 0.6])
    chosen = {name: row["step"] for name, row in label_free.chosen_by_rules(rows).items()}
    assert chosen["the last"] == 2000 and chosen["border"] == 750  # the first is before a quarter of the run
    assert chosen["flip IoU"] == 1250 and chosen["area at most 1.15 a"] == 1000 and chosen["of these, flip IoU"] == 750
    assert "seeds" not in chosen and "before" not in chosen
    heavy = label_free.chosen_by_rules(checkpoints(border=[0.1] * 4, over_a=[2.0] * 4))
    assert "area at most 1.15 a" not in heavy


def test_runs_are_compared_with_other_seeds_and_other_areas_of_the_same_step():
    rows = [{"run": name, "seed": seed, "area_constant": area, "step": step, "masks": disk(radius)}
            for name, seed, area, step, radius in (("a", 0, 0.25, 5, 10), ("b", 1, 0.25, 5, 10), ("c", 0, 0.35, 5, 20),
                                                   ("a", 0, 0.25, 9, 10))]
    label_free.compare_runs(rows)
    assert rows[0]["seeds"] == rows[1]["seeds"] == pytest.approx(1.0)
    assert rows[0]["areas"] == rows[2]["areas"] == pytest.approx(unlabelled.correlation(disk(10), disk(20)))
    assert "areas" not in rows[1] and not {"seeds", "areas"} & set(rows[3])


def test_an_area_constant_is_chosen_where_runs_of_one_seed_have_the_same_step():
    rows = [{"seed": seed, "area_constant": area, "step": step, "flip_correlation": value} for seed, area, step, value in (
        (0, 0.25, 5, 0.9), (0, 0.35, 5, 0.8), (0, 0.25, 9, 0.7), (0, 0.35, 9, 0.75), (0, 0.25, 12, 0.9), (1, 0.25, 9, 0.9))]
    assert label_free.areas_by_flips(rows) == {0: (9, 0.35)}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder of drawn photographs of which few have masks."""
    folder = tmp_path_factory.mktemp("drawn")
    pictures, masks, _ = synthetic.drawn_photographs(num_images=NUM_LABELLED + 9, size=64, seed=0)
    for kind, files in (("images", pictures), ("masks", masks[:NUM_LABELLED, ..., 0] * 255)):
        (folder / kind).mkdir()
        for index, picture in enumerate(files):
            Image.fromarray(picture).save(folder / kind / f"{index}.png")
    return folder


def test_the_checkpoints_of_runs_are_measured_and_compared(run_script, drawn, tmp_path):
    runs = [tmp_path / "seed_0", tmp_path / "seed_1"]
    trained = run_script("train_fg.py", *SMALL, f"--images={drawn / 'images'}", f"--masks={drawn / 'masks'}",
                         "--backgrounds=data/samples/backgrounds", f"--run_dir={runs[0]}", "--num_steps=3",
                         "--save_every=1", "--num_kept_checkpoints=3", "--evaluate_every=1", "--generator_average=0.9",
                         "--seed=0")
    assert trained.returncode == 0, trained.stderr
    shutil.copytree(*runs)
    flags_file = runs[1] / "flags.txt"
    flags_file.write_text(flags_file.read_text().replace("--seed=0\n", "--seed=1\n"))
    out = tmp_path / "figures.json"
    result = run_script("experiments/label_free.py", *(f"--run_dir={run_dir}" for run_dir in runs), f"--out={out}")
    assert result.returncode == 0, result.stderr
    rows = json.loads(out.read_text())
    assert [(row["run"], row["step"]) for row in rows] == [(f"seed_{seed}", step) for seed in range(2) for step in (1, 2, 3)]
    for row in rows:
        assert 0 < row["area"] < 1 and row["loss_seen"] > 0 and "areas" not in row
        assert row["area_constant"] == 0.25 and row["seeds"] == pytest.approx(1.0, abs=1e-5)  # the same networks
    last = json.loads((runs[1] / "metrics.json").read_text())["last"]
    assert rows[-1]["mean_iou"] == pytest.approx(last["evaluation/mean_iou"], abs=1e-6)  # the averaged network's
    assert "the last" in result.stdout and "regret" in result.stdout


def test_runs_on_other_photographs_are_refused_in_a_sentence_before_any_is_read(run_script, tmp_path):
    for name, fingerprint in (("first", "these"), ("same", "these"), ("other", "others")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.txt").write_text(fingerprint + "\n")
    label_free.check_alike([tmp_path / "first", tmp_path / "same"])
    refused = run_script("experiments/label_free.py", *(f"--run_dir={tmp_path / name}" for name in ("first", "same", "other")))
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert f"{tmp_path / 'other'} was trained on other pictures or boxes than {tmp_path / 'first'}" in refused.stderr


def test_what_cannot_be_measured_is_refused_in_a_sentence(run_script, tmp_path):
    result = run_script("experiments/label_free.py", f"--run_dir={tmp_path}")
    assert result.returncode == 1 and "is no run folder" in result.stderr and "Traceback" not in result.stderr
