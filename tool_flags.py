"""Declares the flags of the scripts that use what was trained: evaluate.py, segment.py, sample.py, count.py, export.py.

Those of training, and what both have, are in `flags`. Builds nothing, and imports no TensorFlow.
"""

from typing import Optional

from absl import flags as absl_flags

from flags import MOST_INSTANCES, MOST_MEASURED, define_boxes, define_max_megapixels, define_path, define_paths

# Flags of `count.py` that have an effect only where it trains a student, only on the student of a generator, and only on a
# student that is taught by what was found.
OF_TRAINED_STUDENTS = ("num_composites", "composite_size", "ground", "min_visible", "spacing", "shadow_strength", "upright",
                       "amodal", "max_stretch", "max_bend", "num_steps", "batch_size", "student_width")
OF_FIRST_STUDENTS = ("min_scale", "max_scale")
OF_FURTHER_STUDENTS = ("cut_out_share",)
PROTOCOLS = ["box", "square", "redo", "whole"]  # `evaluation.frames.PROTOCOLS`


def define_protocol() -> None:
    """Where masks are measured."""
    absl_flags.DEFINE_enum("protocol", "box", PROTOCOLS, "Where masks are measured. 'box': in the network's crops (the "
                           "paper); 'square': in squares of 1.5 times the boxes' longer sides, clipped at the picture's "
                           "border; 'redo': in the middle squares of the test split's pictures at 128 pixels (Chen et al. "
                           "2019); 'whole': in the pictures. In all but the first masks are put back into the pictures.")


def define_weights(what: Optional[str] = None) -> None:
    """The trained network that is used; `what` says of which kind, None for one or more segmentation networks."""
    if what:
        define_path("weights", None, f"Weights file of {what}.", required=True)
    else:
        define_paths("weights", None, "Weights file of a segmentation network: weights.npz of a run "
                     "folder of train_fg.py or distill.py. Given several times, masks are the mean "
                     "of all networks' (S20).", required=True)


def define_sampling() -> None:
    """The sampled instances, and where they go."""
    define_path("out", None, "Folder for the pictures.", required=True)
    absl_flags.DEFINE_integer("num_samples", 64, "Instances written as RGBA pictures.", lower_bound=1,
                              upper_bound=MOST_INSTANCES)
    absl_flags.DEFINE_integer("num_evaluation_images", 256, "Instances that the figures are measured on.", lower_bound=1,
                              upper_bound=MOST_MEASURED)
    define_path("labels", None, "PNG that numbers the true instances of the generator's photograph, 0 where there is none; figures "
                "then say how well instances fit them, in shape and in size.")
    absl_flags.DEFINE_integer("seed", None, "Seed of the latents. Default: the latents that the run was measured on.",
                              lower_bound=0, upper_bound=2**31 - 1)


def define_segmentation() -> None:
    """The user's own pictures: where their boxes are and where their masks go."""
    define_path("out", None, "Folder for the masks; those of a folder are laid out as the folder.",
                required=True)
    define_boxes("one per thing; pictures without a line are left out, and without the file pictures are taken whole")
    absl_flags.DEFINE_bool("skip_existing", False, "Pass over pictures whose masks, cut-outs and lines of the table "
                           "are all there, so that a call that was stopped goes on.")
    absl_flags.DEFINE_integer("batch_size", 16, "Crops that the network is given at a time.", lower_bound=1,
                              upper_bound=4096)
    define_max_megapixels()


def define_counting() -> None:
    """The photograph that is counted, the composites that are learnt from, and the student."""
    define_path("image", None, "Photograph whose instances are counted.", required=True)
    define_path("out", None, "Folder for what is found.", required=True)
    define_path("student", None, "File of a student that an earlier call trained, student.npz of its --out. No "
                "generator is needed.")
    absl_flags.DEFINE_integer("window_size", None, "Pixels of the photograph that are one window of the generator, about "
                              "1.5 times the biggest instance's width, at least 16. Default: what the generator was trained "
                              "with. With --student several are tried, and the one is taken at which the student covers most "
                              "of the photograph with instances of the learnt size that it is sure of.")
    _define_composites()
    absl_flags.DEFINE_integer("num_steps", 700, "Updates of the student.", lower_bound=1)
    absl_flags.DEFINE_integer("batch_size", 4, "Composites in each update of the student.", lower_bound=1, upper_bound=256)
    absl_flags.DEFINE_integer("student_width", 16, "Channels of the student's first layers.", lower_bound=1,
                              upper_bound=128)
    absl_flags.DEFINE_integer("self_training_rounds", None, "How many further students are taught, each by composites of "
                              "what the one before has found in the photograph. Default: 1, and 0 with --student.",
                              lower_bound=0, upper_bound=10)
    absl_flags.DEFINE_float("gamma", None, "Raise the photograph's values to this power first: below 1, such as 0.5, shaded sides "
                            "become brighter (S32). Default: as the generator or the student was trained.",
                            lower_bound=0.1, upper_bound=10.0)
    absl_flags.DEFINE_float("cut_out_share", 1.0, "Share of what was found that a further student is taught by, those of the best "
                            "scores. Lower it, to 0.6 say, where what looks like no instance is found, as clothes in a crowd.",
                            lower_bound=0.01, upper_bound=1.0)
    absl_flags.DEFINE_enum("outlines", "auto", ["auto", "student", "edges", "half_maximum"],  # `counting.outlining`
                           "Where an instance ends. With 'student' it is where the student says. With 'edges' it is "
                           "where the picture changes most nearby, for things that touch. With 'half_maximum' it is where "
                           "the colour is half-way between the instance's and that of the ground beside it. With 'auto' it is "
                           "'half_maximum' for a student of composites whose ground is 'own' or 'black', and 'student' for "
                           "others.")
    absl_flags.DEFINE_float("least_seen", 0.0, "Leave out instances of which less than that share is seen, since others hide the "
                            "rest: by a student of whole shapes (--amodal), 0.33 for long things, where slivers are found.",
                            lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_integer("seed", 0, "Seed of everything random; the same seed counts the same again.",
                              lower_bound=0, upper_bound=2**31 - 1)
    define_max_megapixels()


def _define_composites() -> None:
    """The composites that students of `count.py` learn from."""
    absl_flags.DEFINE_integer("num_composites", 300, "Pictures with known instances that each student learns from.",
                              lower_bound=2, upper_bound=MOST_INSTANCES)
    absl_flags.DEFINE_integer("composite_size", 128, "Side of the composites in pixels, a multiple of 16.", lower_bound=64,
                              upper_bound=512)
    absl_flags.register_validator("composite_size", lambda value: value % 16 == 0, message="must be a multiple of 16")
    absl_flags.DEFINE_enum("ground", None, ["dense", "black", "own"],  # `counting.composites.GROUNDS`
                           "What is between instances: 'dense' pastes instances until hardly any ground is seen, 'black' "
                           "pastes a random number of them on black, 'own' on the photograph's dark ground with the "
                           "bright things on it taken away, as in a micrograph. Default: that of the generator's "
                           "backgrounds, or of the student.")
    absl_flags.DEFINE_float("min_scale", None, "Smallest size of an instance in composites, as a factor; a further "
                            "student sees 0.8 to 1.25 times what was found. Default: 0.6 on dense ground, 0.8 elsewhere.",
                            lower_bound=0.1, upper_bound=4.0)
    absl_flags.DEFINE_float("max_scale", None, "Largest size of an instance in composites, as a factor. Default: 1.7 on "
                            "dense ground, 1.25 elsewhere.",
                            lower_bound=0.1, upper_bound=4.0)
    absl_flags.DEFINE_float("min_visible", None, "Share of an instance that others must leave to be seen; of a smaller rest "
                            "the student learns that it is ground. Default: 0.33 with --amodal, 0.45 on other dense ground, 0.2 "
                            "elsewhere.",
                            lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_float("spacing", None, "Least distance of the middles of two instances, in diameters: 0.5 asks that middles "
                            "are seen, 1 that instances only touch. On dense ground more lie below them. Default: 0.8 on dense "
                            "ground, 0.5 elsewhere.",
                            lower_bound=0.5, upper_bound=2.0)
    absl_flags.DEFINE_float("shadow_strength", None, "Largest opacity of the soft shadow below each instance; 0: none. "
                            "Default: 0.7 on dense ground, 0 elsewhere.", lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_bool("upright", None, "Turn instances by at most 15 degrees in composites, and composites not at all: for "
                           "things that never stand on their heads, or that are lit from above. Default: as the generator "
                           "was trained (--novertical_flip), or the student.")
    absl_flags.DEFINE_bool("amodal", None, "Learn whole shapes, with what others hide (amodal segmentation), so that one thing that "
                           "another lies across is counted once: for things in a heap. Outlines are whole, and labels are of "
                           "what is seen. Dense ground only. Default: as the student that is given; otherwise no.")
    absl_flags.DEFINE_float("max_stretch", 1.0, "Make instances in composites up to that many times longer in one direction, "
                            "at the same area, so that the student finds long things, too; 1: not.", lower_bound=1.0, upper_bound=5.0)
    absl_flags.DEFINE_float("max_bend", 0.0, "Bend the longest of them by up to that share of half their length; 0: not.",
                            lower_bound=0.0, upper_bound=1.0)


def define_export() -> None:
    """The exported network."""
    define_path("out", None, "Folder for the SavedModel; a new or an empty one.", required=True)
    absl_flags.DEFINE_integer("serving_version", None, "Number of a folder in --out for the SavedModel, which "
                              "TensorFlow Serving finds there (--model_base_path). Default: the SavedModel is --out.",
                              lower_bound=0)
