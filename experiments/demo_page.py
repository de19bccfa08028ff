"""Puts what `make demo` wrote on one HTML page, with its pictures embedded.

    python experiments/demo_page.py --masks=runs/demo_masks --run_dir=runs/demo --instances=runs/demo_instances \\
        --counted=runs/demo_counted --out=runs/demo.html

What the page shows is fixed: the first contact sheet, the first and the last panel, the whole sheet of instances, all that
was counted.
"""

import base64
import html
import io
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import config  # noqa: E402
import errors  # noqa: E402
import flags  # noqa: E402
from data import samples  # noqa: E402
from errors import UserError  # noqa: E402
from storage import atomic  # noqa: E402
from storage.run_folder import RunFolder  # noqa: E402

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Segmentation masks without mask labels</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }}
figure {{ margin: 1em 0; }} img {{ max-width: 100%; border: 1px solid #ccc; }} figcaption {{ color: #555; }}
</style></head><body>
<h1>Segmentation masks without mask labels</h1>
<p>A composite image made with a bad mask looks fake. A GAN whose generator composites instances on unrelated backgrounds
therefore learns masks. No mask was used to train anything on this page. Method: Dai et al.,
<em>Learning Segmentation Masks with the Independence Prior</em>, AAAI 2019.</p>
{sections}
</body></html>
"""


@config.frozen
class Options:
    """The script's flags."""

    masks: str
    run_dir: str
    instances: str
    counted: str
    out: str


class Figure(NamedTuple):
    """A picture file and the plain text under it."""

    path: Path
    caption: str


def figure_html(figure: Figure) -> str:
    """Returns a figure whose picture is embedded as PNG; UserError where the file cannot be read."""
    buffer = io.BytesIO()
    try:
        with Image.open(figure.path) as picture:
            picture.save(buffer, "PNG", optimize=True)
    except OSError as error:
        raise UserError(f"{figure.path} cannot be read as a picture ({error}); run the demo's steps before.") from error
    caption = html.escape(figure.caption)
    embedded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<figure><img src="data:image/png;base64,{embedded}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def section_html(heading: str, text: str, figures: list[Figure]) -> str:
    """Returns a section of the page."""
    return "\n".join([f"<h2>{html.escape(heading)}</h2>", f"<p>{html.escape(text)}</p>", *map(figure_html, figures)])


def masks_section(folder: Path) -> str:
    """Section of `segment.py`'s contact sheet and of how many masks it wrote."""
    table = folder / "masks.csv"
    if not table.exists():
        raise UserError(f"--masks={folder} holds no masks.csv; give the --out of segment.py.")
    num_masks = len(table.read_text(encoding="utf-8").splitlines()) - 1
    return section_html(
        "1. Masks of photographs that the network has not seen",
        f"{num_masks} airplanes in the boxes that come with them. The network (pretrained/airplanes_compact.npz) was "
        "distilled from a GAN that was trained on 599 other airplanes and their boxes.",
        [Figure(folder / "contact_sheet_001.png", f"The first 24 of {num_masks} photographs, each beside its mask.")])


def training_section(run_dir: Path) -> str:
    """Section of the first and the last panel of a run of `train_fg.py`, and of its last metrics."""
    run = RunFolder(run_dir)
    panels = sorted((run.path / "panels").glob("step_*.png"))
    metrics = run.read_metrics()
    if not panels or not metrics:
        raise UserError(f"--run_dir={run_dir} holds no panels and metrics; give a run folder of train_fg.py.")
    step_of = {path: int(path.stem.removeprefix("step_")) for path in panels}
    values = metrics["last"]
    text = (f"The generator's mask carves each airplane and composes it on a background of another photograph. This run made "
            f"{metrics['step']} steps. At the end masks covered {values['mask/area_mean']:.2f} of their crops, and "
            f"{values['mask/undecided_fraction']:.2f} of the pixels lay between 0.1 and 0.9. The raw masks of so short a run "
            "are rough; the student of section 1 is distilled from those of a longer one.")
    return section_html("2. The GAN learns masks on this machine", text, [
        Figure(path, f"After {step_of[path]:,} steps. Rows: photograph, mask, what the mask keeps, composite.")
        for path in (panels[0], panels[-1])])


def instances_section(folder: Path) -> str:
    """Section of one photograph of a cluster and of what `sample.py` drew from a generator that learnt from it."""
    path = folder / "figures.json"
    if not path.exists():
        raise UserError(f"--instances={folder} holds no figures.json; give the --out of sample.py.")
    single = json.loads(path.read_text(encoding="utf-8"))["single_piece_fraction"]
    text = ("A generator of single hazelnuts with masks, learnt from the one photograph shown. Its weights come with the "
            "project (pretrained/hazelnuts_ten.npz) and were not trained here. They need more than Table 4 of the paper; "
            f"pretrained/README.md names it. Masks of one piece: {100 * single:.0f} %.")
    return section_html("3. Instances learnt from one photograph", text, [
        Figure(Path(samples.HAZELNUTS_IMAGE), "The photograph. Its shade was brightened before it was learnt from."),
        Figure(folder / "sheet.png", "Sampled instances with their masks, on a checkerboard.")])


def counted_section(folder: Path) -> str:
    """Section of what `count.py` found in a micrograph."""
    path = folder / "count.json"
    if not path.exists():
        raise UserError(f"--counted={folder} holds no count.json; give the --out of count.py.")
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        count, image = written["count"], written["image"]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no count of count.py ({type(error).__name__}); run the demo's steps before.") from error
    if image != Path(samples.NUCLEI_IMAGE).name:
        raise UserError(f"--counted={folder} is a count of {image}; expected one of {samples.NUCLEI_IMAGE}.")
    with Image.open(samples.NUCLEI_LABELS) as labels:
        num_true = np.count_nonzero(np.unique(np.asarray(labels)))
    text = (f"{count} nuclei were found in this micrograph. The network that finds them (pretrained/nuclei_student.npz) has "
            "learnt from composites of nuclei, which came from this one micrograph without a label. By the labels that come with "
            f"it there are {num_true}; they were used for nothing but this number.")
    return section_html("4. Instances found, outlined and counted", text, [
        Figure(folder / "overlay.png", "The micrograph with an outline and a number for each nucleus.")])


def main(argv: list[str]) -> None:
    """Makes the page and prints where it is."""
    del argv
    options = config.from_flags(Options)
    sections = [masks_section(Path(options.masks)), training_section(Path(options.run_dir)),
                instances_section(Path(options.instances)), counted_section(Path(options.counted))]
    atomic.write(options.out, _PAGE.format(sections="\n".join(sections)))
    print(f"Open {Path(options.out).resolve()} in a browser.")


if __name__ == "__main__":
    flags.define_path("masks", "runs/demo_masks", "Folder that segment.py wrote.")
    flags.define_path("run_dir", "runs/demo", "Run folder of train_fg.py.")
    flags.define_path("instances", "runs/demo_instances", "Folder that sample.py wrote.")
    flags.define_path("counted", "runs/demo_counted", "Folder that count.py wrote.")
    flags.define_path("out", "runs/demo.html", "The page.")
    errors.run(main)
