"""The script that draws a cluster with its label image."""

import numpy as np
from PIL import Image
import pytest

from data import synthetic


def test_a_cluster_and_its_labels_are_written_beside_each_other(run_script, tmp_path):
    result = run_script("experiments/draw_cluster.py", "--kind=bent_beans", "--size=100", "--seed=3", "--shadows=0.4",
                        "--noise=0.02", f"--out={tmp_path / 'new' / 'beans.png'}")
    assert result.returncode == 0, result.stderr
    picture, shapes, labels = synthetic.labelled_cluster("bent_beans", size=100, seed=3, shadows=0.4, noise=0.02)
    with Image.open(tmp_path / "new" / "beans.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), picture)
    with Image.open(tmp_path / "new" / "beans_labels.png") as saved:
        assert saved.mode.startswith("I")  # more than eight bits
        np.testing.assert_array_equal(np.asarray(saved), labels)
    assert labels.max() > 255
    assert f"{len(set(labels[labels > 0]))} of {len(shapes)} instances are seen" in result.stdout


@pytest.mark.parametrize("given, message", [
    (("--kind=apples", "--out={folder}/a.png"), "--kind=apples"),
    (("--kind=beans", "--out={folder}/a.jpg"), "a.jpg does not end in .png; give the name of a PNG file"),
    (("--kind=beans", "--size=63", "--out={folder}/a.png"), "--size=63"),
    (("--kind=beans", "--shadows=2", "--out={folder}/a.png"), "--shadows=2"),
    (("--kind=beans", "--noise=nan", "--out={folder}/a.png"), "--noise=nan"),
])
def test_what_cannot_be_drawn_is_refused_in_a_sentence(run_script, tmp_path, given, message):
    result = run_script("experiments/draw_cluster.py", *(flag.format(folder=tmp_path) for flag in given))
    assert result.returncode != 0
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())
