"""The commands of docs/usage.md for all of CUB-200-2011, in small, on a folder laid out as it is."""

import json

import numpy as np
import pytest

import fake_birds
from conftest import ROOT
from data import birds, masks
from storage.weights import read_weights
from test_documents import SMALL, commands_of


def commands():
    """Returns the commands of the page's section, each as a list of words; `all_birds` is in no other section's."""
    return [command for command in commands_of("docs/usage.md") if "runs/all_birds" in " ".join(command)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder to give the commands in."""
    made = tmp_path_factory.mktemp("all_birds")
    (made / "experiments").symlink_to(ROOT / "experiments")
    return made


def test_votes_are_cut_at_half_and_found_beside_the_data_set_in_folders_of_classes(folder):
    placed = fake_birds.make(folder)
    found = birds.list_photographs(str(folder / "CUB_200_2011"))
    assert [photograph.name for photograph in found] == list(placed)
    for photograph in found:
        assert len(np.unique(fake_birds.votes(placed[photograph.name]))) == 4  # not 0 and 255 alone
        np.testing.assert_array_equal(masks.load_mask(photograph.mask_path), placed[photograph.name])


def test_the_documented_commands_run_one_after_the_other(run_script, folder):
    fake_birds.make(folder)
    lines = commands()
    assert [command[0] for command in lines] == ["train_fg.py", "distill.py", "evaluate.py", "evaluate.py"]
    for index, (name, *words) in enumerate(lines):
        result = run_script(ROOT / name, *words, *SMALL[name], f"--out=out_{index}" if name == "evaluate.py" else
                            "--panel_every=0", cwd=folder)
        assert result.returncode == 0, (name, result.stderr)
        assert "6 photographs (birds)" in result.stdout or name == "evaluate.py"
    reports = [json.loads((folder / f"out_{index}" / "evaluation.json").read_text()) for index in (2, 3)]
    assert [(report["protocol"], report["num_images"]) for report in reports] == [("box", 3), ("redo", 3)]
    metadata = read_weights(folder / "runs/all_birds_student/weights.npz")[0]
    assert metadata["task"] == "distillation"
