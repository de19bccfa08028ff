"""The notebook as a reader runs it: its cells one after another in one process, in the project's folder."""

import json

from conftest import ROOT
from PIL import Image

NOTEBOOK = json.loads((ROOT / "examples" / "masks.ipynb").read_text(encoding="utf-8"))
RUN_DIR, NUM_STEPS = "runs/notebook", "--num_steps=20"


def sources():
    return ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_cells_run_in_order_and_again_and_end_in_pictures(run_program, tmp_path):
    cells = sources()
    assert RUN_DIR in cells[-1] and NUM_STEPS in cells[-1]
    cells[-1] = cells[-1].replace(RUN_DIR, str(tmp_path / "run")).replace(NUM_STEPS, "--num_steps=1")
    cells.append(cells[-1].replace("--num_steps=1", "--num_steps=2"))  # as the notebook says how to go on
    shown = [ending(cell, tmp_path / f"{number}.png") for number, cell in enumerate(cells) if "Image." in cell]
    result = run_program("\n".join([cells[0], *shown]))
    assert result.returncode == 0, result.stderr
    assert "the mask covers" in result.stdout and "continues at step 1" in result.stdout
    assert len(shown) == 4
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 100 and len(set(picture.convert("L").getdata())) > 10, path


def ending(cell, path):
    """Returns a cell with its last expression, which Jupyter shows, written to a file."""
    body, expression = cell.rsplit("\n", 1)
    return f"{body}\n({expression}).save({str(path)!r})"


def test_the_notebook_is_kept_without_outputs():
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert len(code) == 4 and not any(cell["outputs"] or cell["execution_count"] for cell in code)
