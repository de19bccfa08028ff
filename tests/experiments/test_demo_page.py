"""The page that `make demo` ends with."""

import json
import re

import numpy as np
from PIL import Image
import pytest

PANELS = ("step_000100.png", "step_000200.png", "step_000300.png")


@pytest.fixture
def written(tmp_path):
    """Folders as segment.py, train_fg.py, sample.py and count.py leave them, with pictures of one colour each."""
    pictures = {"masks/contact_sheet_001.png": 10, "masks/contact_sheet_002.png": 20, "instances/sheet.png": 30,
                "counted/overlay.png": 35,
                **{f"run/panels/{name}": 40 + number for number, name in enumerate(PANELS)}}
    for name, value in pictures.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(tmp_path / name)
    (tmp_path / "masks" / "masks.csv").write_text("file\na.jpg\nb.jpg\n")
    last = {"mask/area_mean": 0.381, "mask/undecided_fraction": 0.25}
    (tmp_path / "run" / "metrics.json").write_text(json.dumps({"step": 300, "last": last}))
    (tmp_path / "instances" / "figures.json").write_text(json.dumps({"single_piece_fraction": 0.98}))
    (tmp_path / "counted" / "count.json").write_text(json.dumps({"count": 299, "image": "07fb37aa.png"}))
    return tmp_path


@pytest.mark.parametrize("content, message", [("{}", "is no count of count.py"), ("no JSON", "is no count of count.py"),
                                              ('{"count": 3, "image": "limes.png"}', "is a count of limes.png")])
def test_another_count_is_refused(run_script, written, content, message):
    (written / "counted" / "count.json").write_text(content)
    result = make(run_script, written)
    assert result.returncode == 1 and message in result.stderr and "Traceback" not in result.stderr


def make(run_script, folder):
    return run_script("experiments/demo_page.py", f"--masks={folder / 'masks'}", f"--run_dir={folder / 'run'}",
                      f"--instances={folder / 'instances'}", f"--counted={folder / 'counted'}",
                      f"--out={folder / 'demo.html'}")


def test_page_embeds_the_first_sheet_the_first_and_last_panel_the_instances_and_the_count(run_script, written):
    result = make(run_script, written)
    assert result.returncode == 0, result.stderr
    assert f"Open {written / 'demo.html'} in a browser." in result.stdout
    page = (written / "demo.html").read_text(encoding="utf-8")
    assert page.count("<img") == 6 and page.count("data:image/png;base64,") == 6
    assert not re.search(r'(src|href)="(?!data:)', page)
    for text in ("2 airplanes", "300 steps", "covered 0.38", "0.25 of the pixels", "After 100 steps", "one piece: 98 %",
                 "299 nuclei", "there are 313"):
        assert text in page, text
    assert "After 200 steps" not in page


@pytest.mark.parametrize("missing, message", [("masks/masks.csv", "holds no masks.csv"),
                                              ("instances/figures.json", "holds no figures.json"),
                                              ("run/metrics.json", "holds no panels and metrics"),
                                              ("counted/count.json", "holds no count.json"),
                                              ("masks/contact_sheet_001.png", "cannot be read as a picture")])
def test_what_is_missing_is_named(run_script, written, missing, message):
    (written / missing).unlink()
    result = make(run_script, written)
    assert result.returncode == 1 and message in result.stderr
    assert not (written / "demo.html").exists()
