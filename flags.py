"""Declares and validates the scripts' flags, in groups. Builds nothing, and imports no TensorFlow.

Each script calls the groups it needs, so that importing a module never touches the global registry of flags. Scripts
import this module before TensorFlow, since TensorFlow reads its environment once.
"""

import os
from typing import Any, Optional, Sequence

from absl import flags as absl_flags

from flag_help import RENAMED

import streams

FLAGS = absl_flags.FLAGS

# oneDNN's convolutions are TensorFlow's default only on processors with AVX512-VNNI or newer. On an AVX2 processor they
# make the foreground step 1.4 times as fast. Whoever has set the variable keeps the last word.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_USE_LEGACY_KERAS"] = "0"  # 1 asks for a package that is not needed: Keras 2 comes with TensorFlow 2.15
streams.open_closed()
streams.exit_in_a_line_when_interrupted()


# Flags that may change when a run goes on: how long it is, and how often it tells something.
CHANGEABLE = ("num_steps", "log_every", "panel_every", "evaluate_every", "save_every", "weights_every",
              "num_kept_checkpoints", "run_dir", "distribute", "num_replicas", "convolutions", "max_cache_megabytes", "max_megapixels")

MOST_INSTANCES = 10_000  # written at once: their names have four digits
MOST_MEASURED = 4096  # each is compared with each
BOXES_FORMATS = ["xywh", "corners", "yolo", "coco"]  # `data.boxes.FORMATS`
_AVERAGE_HELP = ("Decay of the {}'s exponential moving average, which is then what is shown, evaluated and kept (Yazici et "
                 "al. 2019), such as 0.999; until about 9 / (1 - decay) steps it is shorter, (1 + t) / (10 + t). 0: none, "
                 "as in the paper (S17).")
AUGMENTATIONS = ("color", "hue", "translation")  # `extensions.augmentation.KINDS`, which needs TensorFlow
STUDENT_AUGMENTATIONS = ("color", "hue", "placement")  # `extensions.augmentation.STUDENT_KINDS`


class _PathParser(absl_flags.ArgumentParser):
    """A file or folder, whose beginning `~` is the user's own folder; ValueError where nothing is given."""

    syntactic_help = "a path"

    def parse(self, argument: str) -> str:
        if not argument.strip():
            raise ValueError("is empty, as where a variable of the shell is not set; give a path, or leave the flag out")
        if len(argument.splitlines()) > 1:
            raise ValueError("has a line break in it, which a flagfile cannot hold; rename the file or folder")
        return os.path.expanduser(argument)


def define_path(name: str, default: Optional[str], text: str, **options: Any) -> None:
    """A flag that names a file or folder."""
    absl_flags.DEFINE(_PathParser(), name, default, text, serializer=absl_flags.ArgumentSerializer(), **options)


def define_paths(name: str, default: Optional[list[str]], text: str, **options: Any) -> None:
    """A flag that names files or folders, given once for each."""
    absl_flags.DEFINE_multi(_PathParser(), absl_flags.ArgumentSerializer(), name, default, text, **options)


def define_data(*, crop: Optional[str] = "box", image_size: Optional[int] = 128, split: Optional[str] = "all") -> None:
    """Photographs of one category: where they are and how they are cropped; None for a default: as in training."""
    absl_flags.DEFINE_enum("dataset", None, ["airplanes", "pets", "birds", "faces", "folder", "samples"],
                           "Layout of the photographs: the bundled airplanes or pets, CUB-200-2011, CelebA (in the "
                           "wild), or any folder. Default: 'folder' with --images, else 'airplanes'. 'samples' is an "
                           "older name of 'pets'.")
    define_path("data_dir", None, "Folder of the data set, for birds and faces.")
    define_path("images", None, "Folder of images, searched recursively (dataset 'folder').")
    define_boxes("without it images are taken whole (dataset 'folder')")
    define_path("masks", None, "Folder of masks named as the images, for evaluation alone (dataset "
                "'folder').")
    absl_flags.DEFINE_enum("split", split, ["all", "train", "test"],
                           "Which photographs of the data set's own split; the paper names none.")
    define_path("split_file", None, "Text file that says instead which photographs of the birds are of the test split: "
                "lines 'id 0-1-or-2' as in ReDO's train_val_test_split.txt, 2 being the test split, or a line of each, "
                "its id or its file's name (dataset 'birds').")
    absl_flags.DEFINE_enum("crop", crop, ["box", "square"],
                           "'box': the tight box, aspect not kept (the paper); 'square': 1.5 times its longer side.")
    absl_flags.DEFINE_integer("image_size", image_size, "Side of the crops in pixels, a multiple of 64 (Table 1: 128).")
    absl_flags.register_validator("image_size", lambda value: value is None or (64 <= value <= 4096 and value % 64 == 0),
                                  message="must be a positive multiple of 64, at most 4096")
    define_max_megapixels()


def define_max_megapixels() -> None:
    """How large a picture may be."""
    absl_flags.DEFINE_float("max_megapixels", 179.0, "Million pixels that a picture may have at most; a larger one is "
                            "taken for a broken file.", lower_bound=1.0, upper_bound=100_000.0)


def define_boxes(use: str) -> None:
    """The list of boxes and its format; `use` says what they are for."""
    define_path("boxes", None, f"Text file of lines 'file x y width height' in pixels; {use}.")
    absl_flags.DEFINE_enum("boxes_format", None, BOXES_FORMATS,
                           "Format of --boxes. With xywh, the default, lines are 'file x y width height', and x y is "
                           "the top left corner. With corners they are 'file x1 y1 x2 y2'. With yolo they are 'file "
                           "centre_x centre_y width height' in shares of the sides, or a folder has a .txt for each "
                           "picture. With coco the file is COCO's JSON. Pixels are those after EXIF rotation.")


def define_backgrounds() -> None:
    """Background provider's pictures (third case of Figure 4)."""
    define_path("backgrounds", None,
                "Folder of photographs without the category, searched recursively; or 'outside_boxes': "
                "patches of the given photographs that touch no box; or 'box_windows': such patches with "
                "the sides of boxes, resized as crops are. Default: 'box_windows' with the airplanes, "
                "the bundled backgrounds with the pets.")


def define_own_backgrounds() -> None:
    """Reals on their own backgrounds (S25), which measured no gain and are no more."""
    _define_removed("own_background_share")


def _define_removed(name: str) -> None:
    """A number that only 0 is left of, so that flags of earlier runs are still understood."""
    absl_flags.DEFINE_float(name, 0.0, "Removed: 0 is the only value (docs/extensions.md).")
    absl_flags.register_validator(name, lambda value: value == 0, message="was removed; leave it out (docs/extensions.md)")


def define_generator() -> None:
    """The foreground provider's network: the UNet of Table 1, or the instance generator of Table 2."""
    absl_flags.DEFINE_float("generator_width", 1.0, "Factor on the generator's channels; 1 is the paper's table.",
                            lower_bound=1 / 64, upper_bound=8.0)
    absl_flags.DEFINE_enum("generator_initializer", "glorot_uniform",
                           ["glorot_uniform", "he_normal", "orthogonal"],
                           "Initialiser of the generator's kernels (S7).")
    define_path("initial_weights", None, "Weights file of a generator of the same width that training "
                "starts from. Default: random weights.")
    absl_flags.DEFINE_float("initial_mask_area", 0.5, "Mean value of the untrained network's masks; it sets the last "
                            "layer's bias. 0.5: the sigmoid of 0 (S12).", lower_bound=0.01, upper_bound=0.99)
    absl_flags.DEFINE_float("batch_norm_momentum", 0.99, "Share of the old moving statistics kept (S7).",
                            lower_bound=0.0, upper_bound=0.9999)
    absl_flags.DEFINE_float("generator_average", 0.0, _AVERAGE_HELP.format("generator"), lower_bound=0.0,
                            upper_bound=0.99999)


def define_discriminator() -> None:
    """The discriminator of Tables 1 and 2, and how it starts (S2, S3, S6)."""
    absl_flags.DEFINE_enum("spectral_norm", "sngan", ["sngan", "tfa", "none"],
                           "'sngan': Miyato et al., gradient through sigma; 'tfa': tensorflow-addons' wrapper; 'none' "
                           "(S3).")
    absl_flags.DEFINE_float("spectral_norm_scale", 1.0, "Factor on each normalised 3x3 kernel of the discriminator (S3).",
                            lower_bound=0.01)
    absl_flags.DEFINE_enum("discriminator_initializer", "orthogonal",
                           ["orthogonal", "glorot_uniform", "he_normal"], "Initialiser of the discriminator's kernels (S3).")
    absl_flags.DEFINE_enum("score_activation", "lrelu", ["lrelu", "linear"],
                           "What the discriminator's score passes before the sigmoid: Table 1's lReLU, or nothing (S2).")
    absl_flags.DEFINE_enum("discriminator_inputs", "symmetric", ["symmetric", "unit", "standardized"],
                           "Range of the discriminator's input images: [-1, 1], [0, 1], or each channel's mean over the "
                           "training pictures at 0 and its standard deviation at 1 (S6).")
    absl_flags.DEFINE_float("discriminator_input_scale", 1.0, "Factor on the discriminator's input images, such as 8. With "
                            "spectral normalization it limits how steep the score can be (S6).", lower_bound=0.01,
                            upper_bound=1024.0)
    _define_augmentation("How real images and composites are changed at random before the discriminator sees them",
                         AUGMENTATIONS)


def define_objective(*, area_constant: str) -> None:
    """Eq. (7)'s penalty; `area_constant` is the text of its default."""
    absl_flags.DEFINE_float("area_constant", None, "a of Eq. (7), share of the picture in [0, 1]. Default: "
                            f"{area_constant}.", lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_float("area_weight", 1000.0, "lambda of Eq. (7) (Table 3: 1000).", lower_bound=0.0)
    absl_flags.DEFINE_enum("area_penalty", "per_mask", ["per_mask", "batch_mean", "above"],
                           "Area penalty of each mask as printed, of the batch's mean, or of excess alone (S4).")
    absl_flags.DEFINE_float("area_start", 0.92, "Area constant at step 0, from which it changes linearly (S12).",
                            lower_bound=0.01, upper_bound=0.99)
    absl_flags.DEFINE_integer("area_ramp_steps", 0, "Steps until the area constant has its value; 0: from the start, as "
                              "the paper prints it (S12). With it masks start at --area_start.", lower_bound=0)
    absl_flags.DEFINE_float("binarization_weight", 0.0, "Weight of the binarization term (Bielski & Favaro 2019), the mean of "
                            "min(m, 1 - m); 0: none, as in the paper (S18).", lower_bound=0.0)
    absl_flags.DEFINE_integer("binarization_ramp_steps", 0, "Steps in which --binarization_weight grows linearly from 0; 0: "
                              "it is there from the start.", lower_bound=0)
    for old, new in RENAMED.items():
        absl_flags.DEFINE_alias(old, new)
    _define_removed("feature_matching_weight")
    absl_flags.DEFINE_float("outline_weight", 0.0, "Weight of the length of the masks' outlines, their total variation "
                            "in sides of the picture, such as 0.2; 0: none, as in the paper (S23).", lower_bound=0.0)


def define_players() -> None:
    """'Experimental Settings': two players with constant rates, which alternate (S9)."""
    absl_flags.DEFINE_integer("num_discriminator_updates", 1, "Discriminator updates per step (S9).", lower_bound=1,
                              upper_bound=16)
    absl_flags.DEFINE_float("generator_learning_rate", 4e-4, "Adam's rate of the generator.", lower_bound=0.0)
    absl_flags.DEFINE_float("discriminator_learning_rate", 2e-4, "Adam's rate of the discriminator.", lower_bound=0.0)


def define_distillation() -> None:
    """Teacher and student (appendix, 'Data Distillation')."""
    define_paths("teacher", None, "Run folder of train_fg.py or distill.py, or a weights file. Given "
                 "several times, the teacher's masks are the mean of theirs (S20). 'boxes': none but "
                 "the boxes, cut by colours, to compare with (S21).", required=True)
    absl_flags.DEFINE_float("student_width", 1.0, "Factor on the student's channels; 1 is the paper's UNet, 0.25 has "
                            "1.5 million parameters.", lower_bound=1 / 64, upper_bound=8.0)
    absl_flags.DEFINE_float("student_average", 0.0, _AVERAGE_HELP.format("student"), lower_bound=0.0,
                            upper_bound=0.99999)
    absl_flags.DEFINE_enum("distill_on", "composites", ["composites"], "Deprecated: has no effect. The student is shown "
                           "foregrounds carved by the teacher on random backgrounds, as in the paper.")
    _define_augmentation("How photographs and, independently, backgrounds are changed at random before the student "
                         "sees them", STUDENT_AUGMENTATIONS, further=" 'placement' moves, turns and scales each photograph "
                         "with its mask before it is pasted.")
    absl_flags.DEFINE_float("student_learning_rate", 4e-4, "Adam's rate of the student (S10).", lower_bound=0.0)
    absl_flags.DEFINE_float("batch_norm_momentum", 0.99, "Share of the old moving statistics kept (S7).",
                            lower_bound=0.0, upper_bound=0.9999)
    absl_flags.DEFINE_float("label_area", None, "Share of all photographs' pixels that the labels cover, such as the "
                            "teacher's area constant: the threshold that leaves as many becomes 0.5. Default: 0.5 "
                            "stays (S20).", lower_bound=0.001, upper_bound=0.999)
    absl_flags.DEFINE_float("max_cache_megabytes", 4096, "Largest size of the teacher's masks, which are computed once "
                            "and kept in the run folder.", lower_bound=1.0)


def _define_augmentation(what: str, kinds: Sequence[str], *, further: str = "") -> None:
    """Changes at random of pictures, of `kinds`."""
    absl_flags.DEFINE_list("augmentation", [], f"{what}, of {', '.join(kinds)} (Zhao et al. 2020); none in the paper "
                           f"(S18).{further}")
    absl_flags.register_validator("augmentation", lambda chosen: set(chosen) <= set(kinds),
                                  message=f"must be of {', '.join(kinds)}")


def define_optimization(*, batch_size: int, num_steps: int) -> None:
    """'Experimental Settings': Adam; batch size and number of steps are unstated (S9)."""
    absl_flags.DEFINE_integer("batch_size", batch_size, "Composites, and real photographs, per update (S9).",
                              lower_bound=1, upper_bound=65_536)
    absl_flags.DEFINE_integer("num_steps", num_steps, "Generator updates in all (S9).", lower_bound=1)
    absl_flags.DEFINE_integer("learning_rate_fall_steps", 0, "The last that many steps of the run in which both rates "
                              "fall linearly to zero; 0: constant, as in the paper (S15).", lower_bound=0)
    absl_flags.DEFINE_float("adam_beta_1", 0.5, "Adam's first decay.", lower_bound=0.0, upper_bound=0.9999)
    absl_flags.DEFINE_float("adam_beta_2", 0.999, "Adam's second decay.", lower_bound=0.0, upper_bound=0.999999)
    absl_flags.DEFINE_bool("flip", True, "Flip photographs horizontally half of the time.")
    absl_flags.DEFINE_integer("seed", 0, "Seed of everything random; the same seed repeats a run.", lower_bound=0,
                              upper_bound=2**31 - 1)
    absl_flags.DEFINE_enum("mixed_precision", "none", ["none", "auto", "bfloat16", "float16"],
                           "Type of the networks' inner activations; outputs, losses and parameters stay float32. 'auto' "
                           "is bfloat16 where the GPU or the processor has instructions for it, otherwise none.")
    absl_flags.DEFINE_enum("distribute", "none", ["none", "mirrored", "multi_worker"],
                           "Replicas that share each batch: on all GPUs of this machine, or on the machines that the "
                           "environment variable TF_CONFIG names.")
    absl_flags.DEFINE_integer("num_replicas", 0, "With --distribute=mirrored: how many GPUs, or parts of the CPU where "
                              "there is none; 0: all GPUs.", lower_bound=0)
    absl_flags.DEFINE_bool("jit_compile", False, "Compile the updates with XLA (slower on CPUs).")
    absl_flags.DEFINE_enum("convolutions", "auto", ["auto", "direct", "fast"],
                           "How wide convolutions are computed: 'fast' with fewer multiplications, equal up to "
                           "rounding; 'auto' is that where there is no GPU.")
    absl_flags.DEFINE_bool("deterministic", True, "Use deterministic kernels alone, so that a resumed run ends "
                           "bit-equal to an uninterrupted one (on CPU; slower on GPU).")


def define_suggest(what: str) -> None:
    """`--suggest`; `what` it prints, for its help."""
    absl_flags.DEFINE_bool("suggest", False, f"Only print {what}, and end.")


def define_inference(masks: str = "masks", *, with_pictures: bool = True) -> None:
    """What is done to a network's masks afterwards (S20, S21); `masks` says whose they are.

    What needs the whole pictures around the network's crops is declared only `with_pictures`.
    """
    absl_flags.DEFINE_bool("average_flips", False, f"Average {masks} with those of the mirrored pictures (as data "
                           "distillation does; Radosavovic et al. 2018) (S20).")
    absl_flags.DEFINE_integer("refine_iterations", 0, f"How often {masks} are drawn towards the pictures' edges "
                              "(Araslanov & Roth 2020: 10); 0: never, as in the paper (S20).", lower_bound=0,
                              upper_bound=1000)
    absl_flags.DEFINE_float("sharpen_temperature", 1.0, f"Temperature by which {masks} are drawn towards 0 and 1 in "
                            "the end (Berthelot et al. 2019), 0.25 for instance; 1: not at all (S20).",
                            lower_bound=0.01, upper_bound=1.0)
    absl_flags.DEFINE_float("mask_threshold", 0.5, "Value of a refined mask that becomes 0.5, with the odds of all "
                            "other values in proportion: less than 0.5 makes masks larger (S20).", lower_bound=0.001,
                            upper_bound=0.999)
    if with_pictures:
        absl_flags.DEFINE_integer("grabcut_iterations", 0, f"How often {masks} are in the end cut anew by the colours "
                                  "inside and outside of the boxes (Rother et al. 2004), 5 for instance; 0: never, as "
                                  "in the paper (S21).", lower_bound=0, upper_bound=100)


def define_run(*, run_dir: str, evaluated: str, num_evaluated: int, most_evaluated: Optional[int] = None) -> None:
    """Run folder, how often what is written to it, and how many of what (`evaluated`) are evaluated, and at most."""
    define_path("run_dir", run_dir, "Run folder; the same command continues what it holds.")
    absl_flags.DEFINE_integer("log_every", 20, "Steps between means in TensorBoard and on the screen.", lower_bound=1)
    absl_flags.DEFINE_integer("panel_every", 250, "Steps between panels; 0: never.", lower_bound=0)
    absl_flags.DEFINE_integer("evaluate_every", 250, f"Steps between evaluations on {evaluated}; 0: never.",
                              lower_bound=0)
    absl_flags.DEFINE_integer("save_every", 250, "Steps between checkpoints; 0: only the last.", lower_bound=0)
    absl_flags.DEFINE_integer("weights_every", 0, "Steps between weights files, weights/step_NNNNNN.npz in the run folder, since "
                              "the last step need not be the best; 0: only weights.npz at the end.", lower_bound=0)
    absl_flags.DEFINE_integer("num_kept_checkpoints", 2, "How many of the latest checkpoints are kept. "
                              "experiments/label_free.py compares them.", lower_bound=1)
    absl_flags.DEFINE_integer("num_panel_images", 8, "Columns of a panel.", lower_bound=1, upper_bound=64)
    absl_flags.DEFINE_integer("num_evaluation_images", num_evaluated, f"At most this many {evaluated} are evaluated "
                              "during training.", lower_bound=1, upper_bound=most_evaluated)
