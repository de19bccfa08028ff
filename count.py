"""Finds, outlines and counts every instance of one photograph, without a label.

    python count.py --weights=pretrained/limes.npz --image=data/samples/hoc/limes.png --out=limes
    python count.py --student=limes/student.npz --image=another.png --out=another

A generator of train_hoc.py makes instances. Composites of them have known masks, and a StarDist student learns from
these to find instances. Then it is applied to the whole photograph. What it finds there is cut out, and a second student
learns from composites of that (self-training). Where things lie apart, outlines move to half maximum. It needs `make
count-install`.
"""

import dataclasses
import os
import sys
from typing import Any, NamedTuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # with PYTHONSAFEPATH, too

import flags  # before TensorFlow, whose environment it sets
import numpy as np
from tqdm import tqdm

import config
import errors
from counting import composites, found, generator, outlining, outputs, self_training, student, window_search
from data import decoding, hoc, window_backgrounds
from data.illumination import Light
from errors import UserError
from inference.sampler import weights_path
from storage import atomic
from training import environment
import tool_config
import tool_flags

NUM_INSTANCES = 1024  # that composites are made of, at most
INSTANCES_EACH = 16  # for each composite, where there are few
DENSE = {"min_scale": 0.6, "max_scale": 1.7, "min_visible": 0.45, "spacing": 0.8, "shadow_strength": 0.7}  # a heap
WHOLE = {**DENSE, "min_visible": 0.33}  # a heap of which whole shapes are learnt
APART = {"min_scale": 0.8, "max_scale": 1.25, "min_visible": 0.2, "spacing": 0.5, "shadow_strength": 0.0}


def check(options: tool_config.Counting) -> None:
    """Raises UserError where flags contradict each other, or results cannot go where they should."""
    student.check_installed()
    if not (options.student or options.weights or options.run_dir):
        raise UserError("give --student, such as pretrained/limes_student.npz for round things in a heap, nuclei_student.npz for "
                        "bright things on dark ground or shapes_student.npz for long ones, or a generator, --run_dir or "
                        "--weights (docs/counting.md).")
    if options.student and (options.weights or options.run_dir):
        raise UserError("--student needs neither --weights nor --run_dir; give one or the other.")
    if idle := without_effect(options):
        raise UserError(f"{' and '.join(idle)} would do nothing here: no further student is taught; add "
                        f"--self_training_rounds=1, or leave {'them' if len(idle) > 1 else 'it'} out.")
    if options.student and (idle := config.changed(tool_flags.OF_FIRST_STUDENTS)):
        raise UserError(f"{' and '.join(idle)} would do nothing here: with --student a further student sees 0.8 to 1.25 times "
                        f"what was found; leave {'them' if len(idle) > 1 else 'it'} out.")
    outputs.check_folder(options.out, student=options.student, is_trained=bool(num_rounds(options) or not options.student))
    atomic.refuse_inputs([options.image, *([options.student] if options.student and num_rounds(options) else [])],
                         written=[os.path.join(options.out, name) for name in outputs.NAMES])


def without_effect(options: tool_config.Counting) -> list[str]:
    """Returns the flags given that would change nothing, since no student, or no further one, is trained."""
    names = (*(tool_flags.OF_TRAINED_STUDENTS if options.student else ()), *tool_flags.OF_FURTHER_STUDENTS)
    return [] if num_rounds(options) else config.changed(names)


class Scaled(NamedTuple):
    """A photograph as students see it.

    Attributes:
      pixels: uint8 [h, w, 3], so that windows are of 64 pixels, its light changed as for the generator.
      window_size: in the photograph's pixels.
      light: how the photograph's was changed.
    """

    pixels: np.ndarray
    window_size: int
    light: Light


def scale(photograph: np.ndarray, *, name: str, window_size: int, light: Light) -> Scaled:
    """Scales a photograph, uint8 [H, W, 3], and changes its light; UserError where it is smaller than a window."""
    pixels = hoc.scaled_for_windows(photograph, window_size=window_size, name=name)
    return Scaled(hoc.relit(pixels, light), window_size, light)


def load_photograph(options: tool_config.Counting) -> np.ndarray:
    """Loads the photograph, uint8 [H, W, 3]; UserError where it cannot be read or shows nothing."""
    decoding.allow_megapixels(options.max_megapixels)
    return decoding.load_photograph(options.image)


def light_of(options: tool_config.Counting, *, learnt: Light) -> Light:
    """Returns how the photograph's light is changed: as that of what was learnt from, but for a given gamma."""
    return learnt if options.gamma is None else learnt._replace(gamma=options.gamma)


def window_of_generator(options: tool_config.Counting, *, trained: Any) -> int:
    """Returns the window size as given, or as the generator was trained with; UserError where neither is known."""
    window_size = options.window_size if options.window_size is not None else trained
    if window_size is None:
        raise UserError("the weights do not say their window size; give --window_size, about 1.5 times the biggest "
                        "instance's width in pixels of the photograph.")
    return window_size


def has_learnt_long_things(applied: student.Student) -> bool:
    """Says whether a student has learnt stretched instances, whose parts look like smaller ones."""
    return applied.metadata["learnt"].get("max_stretch", 1.0) > 1.0


def window_of_student(options: tool_config.Counting, applied: student.Student, photograph: np.ndarray, light: Light) -> int:
    """Returns the window size as given, or the one at which a student sees the photograph's instances best.

    Raises:
      UserError: it is not given, and the student has learnt long things, whose parts look like smaller ones.
    """
    if options.window_size is not None:
        return options.window_size
    if has_learnt_long_things(applied):
        raise UserError(f"{options.student} has learnt long things, whose size cannot be searched; give --window_size, about 1.15 "
                        "times their length in pixels of the photograph.")
    best = window_search.best_window_size(applied, photograph, light=light, name=options.image)
    print(f"--window_size={best} fits best of those tried; look at overlay.png")
    return best


def complete(options: tool_config.Counting, *, ground: str, upright: bool, amodal: bool = False) -> tool_config.Counting:
    """Sets what was not given and follows from the ground: the ground itself, sizes, spacing, what must be seen, shadows.

    Args:
      options: of the command.
      ground: of the generator's backgrounds, or of the student; a given one goes before.
      upright: likewise whether instances are upright.
      amodal: likewise whether whole shapes are learnt.

    Raises:
      UserError: the smallest size is above the largest, or whole shapes are asked for where ground is seen.
    """
    made = options.composites
    ground = made.ground or ground
    amodal = amodal if made.amodal is None else made.amodal
    usual = WHOLE if amodal else DENSE if ground == "dense" else APART
    defaults = {"ground": ground, "upright": upright, "amodal": amodal, **usual}
    is_default = made.min_scale is None or made.max_scale is None
    made = dataclasses.replace(made, **{name: value for name, value in defaults.items() if getattr(made, name) is None})
    if made.min_scale > made.max_scale:
        default = f", one of them the default on '{ground}' ground" if is_default else ""
        raise UserError(f"--min_scale={made.min_scale:g} is above --max_scale={made.max_scale:g}{default}; give both in order.")
    if made.amodal and made.ground != "dense":
        raise UserError(f"--amodal is for dense ground, and here it is '{made.ground}'; give --ground=dense or --noamodal.")
    return dataclasses.replace(options, composites=made)


def recipe_of(made: tool_config.Composites) -> composites.Recipe:
    """Returns how the flags say that composites of a generator's instances are made."""
    return composites.Recipe(size=made.composite_size, ground=made.ground, min_scale=made.min_scale,
                             max_scale=made.max_scale, shadow_strength=made.shadow_strength, min_visible=made.min_visible,
                             spacing=made.spacing, upright=made.upright, max_stretch=made.max_stretch, max_bend=made.max_bend)


def train(options: tool_config.Counting, instances: np.ndarray, *, recipe: composites.Recipe, learnt: dict[str, Any],
          scaled: Scaled) -> tuple[student.Student, outputs.Contents]:
    """Makes composites of instances and trains a student; returns it, and the files of it and of the composites."""
    made = options.composites
    if made.ground == "own" and min(scaled.pixels.shape[:2]) < made.composite_size:
        raise UserError(f"{options.image} is smaller than a composite, whose ground is to be cut from it; give a smaller "
                        f"--composite_size than {made.composite_size}, or --ground=black.")
    outputs.make_folder(options.out)
    stream = composites.make(instances, recipe, count=made.num_composites, seed=options.seed,
                             ground=window_backgrounds.ground_of(scaled.pixels) if made.ground == "own" else None)
    images, labels, shapes = zip(*((one.image, one.labels, one.shapes) for one in tqdm(
        stream, total=made.num_composites, desc="composites", unit="picture", disable=None)))
    images, labels = np.stack(images), np.stack(labels)
    trained = student.train(images, labels, seed=options.seed, num_steps=options.num_steps, width=options.student_width,
                            batch_size=options.batch_size, upright=recipe.upright, shapes=shapes if made.amodal else None,
                            metadata={"window_size": scaled.window_size, **scaled.light._asdict(), "learnt": learnt})
    return trained, {outputs.STUDENT: trained.to_bytes(), outputs.COMPOSITES: outputs.composites_sheet(images, labels)}


def num_rounds(options: tool_config.Counting) -> int:
    """Returns how many students are taught by what was found: as given, or one more than the generator's."""
    return options.self_training_rounds if options.self_training_rounds is not None else int(not options.student)


def find(applied: student.Student, photograph: np.ndarray, scaled: Scaled, *,
         options: tool_config.Counting) -> found.Instances:
    """Finds the instances; UserError where there is none, or they have not the size that was learnt."""
    name = options.image
    kind = outlining.kind_of(options.outlines, ground=applied.ground)
    instances = outlining.taken_back(applied.find(scaled.pixels), scaled.pixels, photograph, kind=kind,
                                     least_seen=options.least_seen)
    if not len(instances.scores):
        raise UserError(f"no instance was found in {name} with --window_size={scaled.window_size}; it should be about 1.5 "
                        "times the biggest instance's width, and the photograph should look like what the student has learnt "
                        "from, as bright and as sharp")
    diameter = found.typical_diameter(instances) * hoc.WINDOW / scaled.window_size
    found.check_scale(diameter, applied.metadata["learnt"], window_size=scaled.window_size,
                      largest=min(photograph.shape[:2]), name=name,
                      is_searchable=bool(options.student and options.window_size and not has_learnt_long_things(applied)))
    return outlining.refined(instances, photograph, kind=kind)


def train_further(options: tool_config.Counting, instances: found.Instances, photograph: np.ndarray, *,
                  recipe: composites.Recipe, scaled: Scaled
                  ) -> tuple[student.Student, outputs.Contents, Scaled, found.Instances, int]:
    """Trains a student by what was found, and applies it.

    Returns:
      The student, its files, the photograph as it sees it, what it has found, and how many instances it has learnt from.

    Raises:
      UserError: too few were whole, or it finds nothing.
    """
    ground = options.composites.ground
    window_size = self_training.window_size(instances, trained=scaled.window_size, ground=ground)
    scaled = scale(photograph, name=options.image, window_size=window_size, light=scaled.light)
    cut = self_training.cut_instances(instances, scaled.pixels, ground=ground, amodal=options.composites.amodal,
                                      share=options.cut_out_share)
    narrow = self_training.recipe_of(recipe)
    applied, made = train(options, cut, recipe=narrow, learnt=self_training.learnt(cut, narrow), scaled=scaled)
    return applied, made, scaled, find(applied, photograph, scaled, options=options), len(cut)


def main(argv: list[str]) -> None:
    """Samples, composes, trains, finds, writes."""
    del argv
    options = config.from_flags(tool_config.Counting)
    check(options)
    environment.set_up(seed=options.seed, deterministic=True, mixed_precision="none")
    made = {}
    if options.student:
        applied = student.load(options.student)
        options = complete(options, ground=applied.ground, upright=applied.upright, amodal=applied.amodal)
        photograph = load_photograph(options)
        light = light_of(options, learnt=applied.light)
        scaled = scale(photograph, name=options.image, light=light,
                       window_size=window_of_student(options, applied, photograph, light))
    else:
        weights = weights_path(run_dir=options.run_dir, weights=options.weights)
        count = min(NUM_INSTANCES, INSTANCES_EACH * options.composites.num_composites)
        sampled = generator.sample(weights, count=count, seed=options.seed)
        options = complete(options, ground=sampled.ground, upright=sampled.upright)
        photograph = load_photograph(options)
        scaled = scale(photograph, name=options.image, light=light_of(options, learnt=sampled.light),
                       window_size=window_of_generator(options, trained=sampled.window_size))
        usable = generator.usable(sampled.instances, scaled.pixels)
        recipe = recipe_of(options.composites)
        learnt = {**dataclasses.asdict(recipe), "diameter": composites.median_diameter(usable)}
        applied, made = train(options, usable, recipe=recipe, learnt=learnt, scaled=scaled)
    try:
        instances = find(applied, photograph, scaled, options=options)
    except UserError as error:
        kept = outputs.keep(options.out, made)
        raise UserError(f"{error}{f'; the student is kept, --student={kept}' if kept else ''}.") from None
    num_cut = []
    for _ in range(num_rounds(options)):
        try:
            applied, made, scaled, instances, number = train_further(options, instances, photograph,
                                                                     recipe=recipe_of(options.composites), scaled=scaled)
        except UserError as error:
            print(f"no further student is used, and what was found before is kept: {error}")
            break
        num_cut.append(number)
    settings = {"window_size": scaled.window_size, "thresholds": applied.thresholds, "self_training": num_cut,
                "outlines": outlining.kind_of(options.outlines, ground=applied.ground), "amodal": applied.amodal,
                "learnt": applied.metadata["learnt"],
                "settings": dataclasses.asdict(options)}
    results = outputs.results(photograph, instances, name=os.path.basename(options.image), settings=settings)
    outputs.write(options.out, {**results, **made})
    print(f"{len(instances.scores)} instances in {options.image}; overlay.png, instances.csv and what else was found are in "
          f"{options.out}")


if __name__ == "__main__":
    flags.define_path("run_dir", None, "Run folder of train_hoc.py, whose run has ended.")
    flags.define_path("weights", None, "Weights file of an instance generator: weights.npz of such a folder.")
    tool_flags.define_counting()
    errors.run(main)
