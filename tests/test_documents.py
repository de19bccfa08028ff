"""The pages: their commands are understood, and those for users run in a small form; links lead somewhere; docs/ is small."""

import importlib.util
import re
import shlex

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, script
from data import synthetic
from training import failures

PAGES = ("README.md", "docs/usage.md", "docs/clusters.md", "docs/counting.md", "docs/distributed.md", "pretrained/README.md")
RUN_PAGES = ("README.md", "docs/usage.md", "docs/clusters.md", "docs/counting.md")
# What makes a command small. Networks are tiny, batches are of two, and a step is enough.
TINY = ("--batch_size=2", "--num_steps=1", "--log_every=1", "--num_panel_images=1", "--nojit_compile", "--deterministic",
        "--mixed_precision=none", "--learning_rate_fall_steps=0")
SMALL = {"train_fg.py": (*TINY, "--num_evaluation_images=2", "--generator_width=0.0625", "--image_size=64"),
         "train_hoc.py": (*TINY, "--num_evaluation_images=2", "--generator_width=0.0625", "--num_samples=2", "--num_layers=2",
                          "--num_recognized_layers=1", "--layer_ramp_start=0", "--layer_ramp_steps=0"),
         "distill.py": (*TINY, "--num_evaluation_images=2", "--student_width=0.0625", "--image_size=64"),
         "evaluate.py": ("--out=evaluation",), "sample.py": ("--num_samples=2", "--num_evaluation_images=2"),
         "segment.py": (), "export.py": (),
         "count.py": ("--num_composites=4", "--composite_size=64", "--num_steps=6", "--student_width=4", "--batch_size=2",
                      "--min_scale=0.3")}
NEEDS_STARDIST = ("count.py",)  # `make count-install`
# Placeholders of the pages, and the pictures that commands take, as the workspace of the tests names fewer of them.
NAMES = {"--images=DIR": "--images=my/photos", "--masks=DIR": "--masks=my/masks", "--boxes=FILE": "--boxes=my/boxes.txt",
         "--images=data/samples/pets/images": "--images=my/photos", "--masks=data/samples/pets/masks": "--masks=my/masks",
         "--boxes=data/samples/pets/boxes_unseen.txt": "--boxes=my/boxes.txt",
         "--boxes=data/samples/pets/boxes_seen.txt": "--boxes=my/boxes.txt",
         "data/samples/airplanes/images": "my/photos", "--boxes=data/samples/airplanes/boxes_unseen.txt": "--boxes=my/boxes.txt",
         "--drawn_size=1536": "--drawn_size=384"}
PARSE = """
import runpy, sys
import errors
from absl import flags

def parse(main, positional=False):
    flags.FLAGS.set_gnu_getopt(positional)
    flags.FLAGS(sys.argv)

errors.run = parse
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# Without graphs: what is made in one step takes half of the time. Other tests run the scripts with them.
EAGERLY = """
import runpy, sys
import tensorflow as tf

tf.config.run_functions_eagerly(True)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
CORNER = 600  # pixels of a large photograph that are kept: students are applied to all of it


def commands_of(page):
    """Returns the page's commands of the project's scripts, in their order, each as a list of words."""
    text = re.sub(r"\\\n\s*", "", (ROOT / page).read_text(encoding="utf-8"))
    lines = re.findall(r"^(?: {4}|\t)+(python .*)$", text, re.M) + re.findall(r"`(python [^`]*)`", text)
    lines.sort(key=text.index)
    words = [shlex.split(line, comments=True)[1:] for line in lines if "$" not in line]
    return [[NAMES.get(word, word) for word in command if word != "..."]
            for command in words if command and command[0].endswith(".py")]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_understood(forks, page):
    commands = commands_of(page)
    assert commands
    for command in commands:
        if "--help" not in command and not any(word.startswith("--flagfile=runs/") for word in command):
            result = forks.start(["program", str(ROOT / command[0]), *command[1:]], program=PARSE).wait()
            assert result.returncode == 0, (command, result.stderr)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with the project's files and small stand-ins for what the pages take as given."""
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("experiments", "pretrained"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "data/samples/hoc").mkdir(parents=True)
    for path in (ROOT / "data/samples").iterdir():
        if path.name != "hoc":
            (folder / "data/samples" / path.name).symlink_to(path)
    for path in (ROOT / "data/samples/hoc").iterdir():
        copy = folder / "data/samples/hoc" / path.name
        if path.suffix == ".jpg":
            Image.open(path).crop((0, 0, CORNER, CORNER)).save(copy)
        else:
            copy.symlink_to(path)
    pictures, masks, backgrounds = synthetic.drawn_photographs(num_images=3, size=128, seed=0)
    bird = folder / "CUB_200_2011"
    for index, (picture, mask) in enumerate(zip(pictures, masks)):
        for path, pixels in ((bird / f"images/001.A/{index}.jpg", picture),
                             (bird / f"segmentations/001.A/{index}.png", 255 * mask[..., 0]),
                             (folder / f"my/photos/{index}.png", picture), (folder / f"my/masks/{index}.png", 255 * mask[..., 0])):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (bird / "images.txt").write_text("".join(f"{index} 001.A/{index}.jpg\n" for index in range(3)))
    (bird / "bounding_boxes.txt").write_text("".join(f"{index} 24 24 48 48\n" for index in range(3)))
    (bird / "train_test_split.txt").write_text("0 1\n1 1\n2 0\n")
    (folder / "my" / "boxes.txt").write_text("".join(f"{index}.png 24 24 48 48\n" for index in range(3)))
    for name in ("landscapes", "my/landscapes"):
        (folder / name).mkdir()
        Image.fromarray(backgrounds[0]).save(folder / name / "0.png")
    for name in ("bird.jpg", "a.jpg", "b.jpg"):
        Image.fromarray(pictures[0]).save(folder / name)
    (folder / "boxes.txt").write_text("".join(f"{name} 24 24 48 48\n" for name in ("bird.jpg", "a.jpg", "b.jpg")))
    (folder / "more_limes.png").symlink_to(ROOT / "data/samples/hoc/limes.png")
    Image.fromarray(np.asarray(synthetic.drawn_cluster("beans", size=160, seed=0)[0])).save(folder / "beans.jpg")
    return folder


def small_commands():
    """Returns the commands that are run, each once: of several that differ in where results go, the first."""
    found = {}
    for page in RUN_PAGES:
        for command in commands_of(page):
            if command[0] in NEEDS_STARDIST and not importlib.util.find_spec("stardist"):
                continue
            if command[0] in SMALL and not any(word.startswith(("--help", "--distribute")) for word in command):
                found.setdefault(tuple(word for word in command if not word.startswith("--seed")), command)
    return list(found.values())


def small_flags(name, words):
    """Returns the flags that make a command small, without those that `count.py` refuses where a student is given."""
    if not any(word.startswith("--student=") for word in words):
        return SMALL[name]
    is_applied = not any(word.startswith("--self_training_rounds") for word in words)
    return () if is_applied else [flag for flag in SMALL[name] if not flag.startswith("--min_scale")]


def test_commands_for_users_run_in_a_small_form(forks, workspace):
    """In the order of the pages, since later commands use what earlier ones made."""
    pending, failures = small_commands(), {}
    assert len(pending) > 20
    while pending:
        left = []
        for name, *words in pending:
            arguments = [*script(name)[1:], *words, *small_flags(name, words)]
            result = forks.start(["program", *arguments], program=EAGERLY, cwd=workspace).wait()
            if result.returncode:
                left.append([name, *words])
                failures[name, *words] = result.stderr[-600:]
        assert len(left) < len(pending), [(command, failures[tuple(command)]) for command in left]
        pending = left  # what used a later page's results


def written_pages():
    """Returns the Markdown files of the project, without what an environment or runs hold."""
    return [path for folder in ("", "docs", "docs/log", "pretrained", "data/samples") for path in (ROOT / folder).glob("*.md")]


def anchors(page):
    """Returns the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_to_a_file_and_a_heading():
    broken = []
    for page in written_pages():
        text = re.sub(r"^(?: {4}|\t).*$|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.M)
        for name, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link):
            target = (page.parent / name) if name else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append((page.name, name, anchor))
    assert not broken


def test_pictures_of_the_pages_are_shown_somewhere_and_small_together():
    text = "".join(page.read_text(encoding="utf-8") for page in written_pages())
    files = [path for path in (ROOT / "docs").rglob("*") if path.is_file()]
    assert not [path.name for path in files if path.suffix in (".png", ".jpg") and f"{path.name})" not in text]
    assert sum(path.stat().st_size for path in files) < 8e6


@pytest.mark.parametrize("means", [
    {"mask/contrast": 0.01, "mask/area_mean": 0.3}, {"mask/contrast": 0.1, "mask/area_mean": 0.3, "mask/undecided_fraction": 1.0},
    {"mask/contrast": 0.0, "mask/area_mean": 0.0}, {"mask/contrast": 0.0, "mask/area_mean": 1.0},
    {"mask/contrast": 0.5, "mask/area_mean": 0.3, "discriminator/total_loss": 0.0}])
def test_the_page_of_failures_has_every_warning_in_the_words_of_a_run(means):
    detector = failures.FailureDetector()
    (warning,) = [warning for step in range(20) for warning in detector.check(means, step=step)]
    page = " ".join((ROOT / "docs/failures.md").read_text(encoding="utf-8").split())
    assert warning.split(": ", 1)[1].split(";")[0] in page
