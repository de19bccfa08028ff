"""The rows of the paper's table and those past it: which scripts run with which flagfiles, and what is shown of them."""

from typing import NamedTuple

FOREGROUND_FIGURES = ("foreground_iou", "background_iou", "mean_iou")
CLUSTER_FIGURES = ("single_piece_fraction", "undecided_fraction", "elongation", "diversity", "best_shape_iou",
                   "best_shape_iou_of_disk", "elongation_of_shapes")


class Stage(NamedTuple):
    """One run of one script.

    Attributes:
      name: what it is, which is its folder's name too.
      script: script of the project.
      flagfile: path below `experiments/`, without its ending.
      arguments: flags beside it; `{data}`, `{previous}` (the stage before) and the images' names are filled in.
      smoke: further flags that make it small.
    """

    name: str
    script: str
    flagfile: str
    arguments: tuple = ()
    smoke: tuple = ()


class Row(NamedTuple):
    """A row of the table.

    Attributes:
      title: what it is, for people.
      paper: the paper's figure, or '-'.
      needs: files and folders without which it is left out, as in `Stage.arguments`.
      figures: of its evaluations, what the table shows.
      stages: its runs, one after another.
    """

    title: str
    paper: str
    needs: tuple
    figures: tuple
    stages: tuple


def _foreground(title, paper, *, needs, flagfile, arguments, **students):
    """Makes a row of a raw stage and students, each taught by the stage before.

    `students` are lists by name: a flagfile, and arguments beside it.
    """
    raw = Stage("raw", "train_fg.py", flagfile, arguments, ("--image_size=64", "--generator_width=0.0625"))
    taught = (Stage(name, "distill.py", student, ("--teacher={previous}", *more), ("--student_width=0.0625",))
              for name, (student, *more) in students.items())
    return Row(title, paper, needs, FOREGROUND_FIGURES, (raw, *taught))


def _cluster(title, *, flagfile, needs=(), arguments=()):
    samples = Stage("instances", "train_hoc.py", flagfile, (*arguments, "--num_samples=64"),
                    ("--generator_width=0.0625", "--num_samples=4"))
    return Row(title, "-", needs, CLUSTER_FIGURES, (samples,))


BIRDS, LANDSCAPES = "{data}/CUB_200_2011", "{data}/landscapes"
FACES, NEGATIVES = "{data}/CelebA", "{data}/INRIAPerson/Train/neg"
PRINTED = ("--area_penalty=per_mask", "--area_constant=0.25", "--area_weight=1000")  # the area penalty of Table 3
COLOURED = ("best/distill_compact", "--augmentation=color,hue")  # a student shown changed colours
AVERAGED = ("best/distill_averaged", "--image_size=128", "--backgrounds=box_windows")  # and its average kept
PLACED = ("best/distill_placed", *AVERAGED[1:])  # and photographs moved with their labels
CUT = ("--average_flips", "--refine_iterations=10", "--grabcut_iterations=1")  # labels refined, and cut by colours
ROWS = {
    "birds_printed": _foreground(
        "Birds, Table 3 as printed", "mIOU 0.78 distilled", needs=(BIRDS, LANDSCAPES), flagfile="paper/fg_birds",
        distilled=["paper/distill_birds"], arguments=(f"--data_dir={BIRDS}", f"--backgrounds={LANDSCAPES}")),
    "birds_printed_own": _foreground(
        "Birds, Table 3's settings on their own backgrounds, a student of moved photographs", "mIOU 0.78 distilled", needs=(BIRDS,),
        flagfile="best/fg_birds_printed", distilled=[PLACED[0], PLACED[2], "--label_area=0.33"],
        arguments=(f"--data_dir={BIRDS}",)),
    "birds": _foreground(
        "Birds, batch's mean area, own backgrounds", "mIOU 0.78 distilled", needs=(BIRDS,),
        flagfile="best/fg_birds_batch_mean", distilled=["best/distill_compact"],
        cut=["best/distill_cut", "--label_area=0.36"], arguments=(f"--data_dir={BIRDS}",)),
    "birds_light": _foreground(
        "Birds, light area penalty, own backgrounds", "mIOU 0.78 distilled", needs=(BIRDS,),
        flagfile="best/fg_birds_light_penalty", distilled=["best/distill_compact"], arguments=(f"--data_dir={BIRDS}",)),
    "birds_64": _foreground(
        "Birds, crops of 64 pixels, students of 128", "mIOU 0.78 distilled", needs=(BIRDS,), flagfile="best/fg_birds_64",
        distilled=["best/distill_compact", "--image_size=128"], arguments=(f"--data_dir={BIRDS}",)),
    "birds_64_printed": _foreground(
        "Birds, crops of 64 pixels, Table 3's area penalty; students of 128", "mIOU 0.78 distilled", needs=(BIRDS,),
        flagfile="best/fg_birds_64", distilled=["best/distill_compact", "--image_size=128"],
        arguments=(f"--data_dir={BIRDS}", *PRINTED)),
    "birds_64_half": _foreground(
        "Birds, crops of 64 pixels, half the width, students of 128 in changed colours", "mIOU 0.78 distilled",
        needs=(BIRDS,), flagfile="best/fg_birds_64",
        distilled=[*COLOURED, "--image_size=128"], second=COLOURED, third=COLOURED,
        arguments=(f"--data_dir={BIRDS}", "--generator_width=0.5")),
    "birds_64_long": _foreground(
        "Birds, crops of 64 pixels, half the width, one long student of 128 in changed colours", "mIOU 0.78 distilled",
        needs=(BIRDS,), flagfile="best/fg_birds_64", distilled=["best/distill_long", "--image_size=128"],
        arguments=(f"--data_dir={BIRDS}", "--generator_width=0.5")),
    "birds_paper_losses": _foreground(
        "Birds, the paper's losses with lambda 10, one long student of 128 in changed colours", "mIOU 0.78 distilled",
        needs=(BIRDS,), flagfile="best/fg_birds_paper_losses", distilled=AVERAGED, arguments=(f"--data_dir={BIRDS}",)),
    "birds_paper_losses_half": _foreground(
        "Birds, the paper's losses with lambda 10 on the batch's mean, half the width, a long student of 128 in changed colours",
        "mIOU 0.78 distilled", needs=(BIRDS,), flagfile="best/fg_birds_suggested_area", distilled=AVERAGED,
        arguments=(f"--data_dir={BIRDS}",)),
    "birds_moved": _foreground(
        "Birds, the paper's losses with lambda 10 on the batch's mean, half the width, a student of moved photographs",
        "mIOU 0.78 distilled", needs=(BIRDS,), flagfile="best/fg_birds_suggested_area", distilled=PLACED,
        arguments=(f"--data_dir={BIRDS}",)),
    "birds_boxes": Row(
        "Birds, cut boxes alone (no GAN)", "-", (BIRDS,), FOREGROUND_FIGURES,
        (Stage("student", "distill.py", "best/distill_cut", ("--teacher=boxes", "--dataset=birds", f"--data_dir={BIRDS}",
                                                             "--backgrounds=outside_boxes"),
               ("--image_size=64", "--student_width=0.0625")),)),
    "faces_printed": _foreground(
        "Faces, Table 3 as printed", "pictures alone", needs=(FACES, NEGATIVES), flagfile="paper/fg_faces",
        distilled=["paper/distill_birds"], arguments=(f"--data_dir={FACES}", f"--backgrounds={NEGATIVES}")),
    "faces": _foreground(
        "Faces, batch's mean area", "pictures alone", needs=(FACES, NEGATIVES), flagfile="best/fg_faces_batch_mean",
        distilled=["best/distill_compact"], arguments=(f"--data_dir={FACES}", f"--backgrounds={NEGATIVES}")),
    "airplanes": _foreground("Airplanes (bundled, no masks)", "-", needs=(), flagfile="best/fg_few_photographs",
                             arguments=("--dataset=folder", "--images={airplanes_images}", "--boxes={airplanes_boxes}"),
                             distilled=PLACED, second=(*PLACED, *CUT)),
    "pets": Row(
        "Pets (bundled), taught by the birds' released student, measured on those it sees", "-", (), FOREGROUND_FIGURES,
        (Stage("distilled", "distill.py", PLACED[0],
               ("--teacher={birds_weights}", "--backgrounds=box_windows", *CUT[:2], "--label_area=0.61", "--dataset=folder",
                "--images={pets_images}", "--boxes={pets_boxes}", "--masks={pets_masks}"),
               ("--image_size=64", "--student_width=0.0625")),)),
    "crowd": _cluster("Crowd, Table 4", flagfile="paper/hoc_crowd", needs=("{crowd_image}",),
                      arguments=("--image={crowd_image}", "--window_size={crowd_window_size}")),
    "fruit": _cluster("Fruit (bundled oranges), Table 4", flagfile="paper/hoc_fruit"),
    "seed": _cluster("Seed, Table 4", flagfile="paper/hoc_seed", needs=("{seed_image}",),
                     arguments=("--image={seed_image}", "--window_size={seed_window_size}")),
    "drawn": _cluster("Drawn ellipses, known shapes", flagfile="best/hoc_drawn"),
    "fruit_one": _cluster("Fruit, one instance on whole windows", flagfile="best/hoc_fruit_one"),
    "fruit_ten": _cluster("Fruit, ten layers over the hole under even light", flagfile="best/hoc_fruit_ten"),
    "limes_ten": _cluster("Fruit (bundled limes), ten layers over the hole, shade brightened", flagfile="best/hoc_nuts_hole",
                          arguments=("--image={limes_image}", "--window_size=43", "--binarization_weight=50",
                                     "--mask_start_logit=8")),
    "hazelnuts_ten": _cluster("Fruit (bundled hazelnuts), ten layers over the hole, shade brightened",
                              flagfile="best/hoc_nuts_hole"),
    "nuclei": _cluster("Nuclei (bundled micrograph), three layers on the micrograph's own ground", flagfile="best/hoc_nuclei",
                       arguments=("--image={nuclei_image}", "--window_size=46")),
    "fruit_shadow": _cluster("Fruit, one instance with its shadow on whole windows", flagfile="best/hoc_fruit_shadow"),
    "limes_one": _cluster("Fruit (bundled limes), one instance on whole windows", flagfile="best/hoc_fruit_one",
                          arguments=("--image={limes_image}", "--window_size=52")),
    "seed_one": _cluster("Seed, one instance on whole windows, D not normalized", flagfile="best/hoc_seed_one",
                         needs=("{seed_image}",), arguments=("--image={seed_image}", "--window_size={seed_window_size}")),
    "seed_twelve": _cluster("Seed, twelve layers by a layer ramp, D not normalized", flagfile="best/hoc_seed_twelve",
                            needs=("{seed_image}",), arguments=("--image={seed_image}", "--window_size={seed_window_size}")),
    "crowd_shadow": _cluster("Crowd, one instance with its shadow on whole windows, D not normalized",
                             flagfile="best/hoc_crowd_shadow", needs=("{crowd_image}",),
                             arguments=("--image={crowd_image}", "--window_size={crowd_one_window_size}")),
    "drawn_long": _cluster("Drawn long ellipses, twelve turned layers from long disks", flagfile="best/hoc_long",
                           arguments=("--drawn_cluster=long_ellipses", "--drawn_size=1536", "--window_size=46")),
    "drawn_one": _cluster("Drawn ellipses, one instance on whole windows", flagfile="best/hoc_drawn_one"),
}


TOGETHER = ("--area_weight=10", "--area_ramp_steps=0", "--discriminator_inputs=standardized")


def _ablation(title, *arguments):
    """Makes a row of birds in small with some flags changed."""
    return _foreground(f"Birds in small: {title}", "-", needs=(BIRDS,), flagfile="ablations/fg_birds_small",
                       arguments=(f"--data_dir={BIRDS}", *arguments))


ABLATIONS = {
    "small": _ablation("batch's mean area, a = 0.36, lambda 100, masks that shrink, our normalization"),
    "small_per_mask": _ablation("each mask's area", "--area_penalty=per_mask"),
    "small_above": _ablation("areas above a alone", "--area_penalty=above"),
    "small_quarter": _ablation("a = 0.25", "--area_constant=0.25"),
    "small_per_mask_quarter": _ablation("each mask's area, a = 0.25", "--area_penalty=per_mask",
                                        "--area_constant=0.25"),
    "small_lambda_10": _ablation("lambda 10", "--area_weight=10"),
    "small_lambda_1000": _ablation("lambda 1000", "--area_weight=1000"),
    "small_no_ramp": _ablation("the area constant from the first step", "--area_ramp_steps=0"),
    "small_tfa": _ablation("tensorflow-addons' normalization", "--spectral_norm=tfa"),
    "small_lrelu": _ablation("lReLU score", "--score_activation=lrelu"),
    "small_glorot": _ablation("Glorot's discriminator", "--discriminator_initializer=glorot_uniform"),
    "small_unit": _ablation("inputs in [0, 1]", "--discriminator_inputs=unit"),
    "small_standardized": _ablation("standardized inputs", "--discriminator_inputs=standardized"),
    "small_discriminator_2e-4": _ablation("discriminator's rate 2e-4", "--discriminator_learning_rate=2e-4"),
    "small_discriminator_1e-3": _ablation("discriminator's rate 1e-3", "--discriminator_learning_rate=1e-3"),
    "small_two_updates": _ablation("two discriminator updates", "--num_discriminator_updates=2"),
    "small_decision": _ablation("binarization weight 1", "--binarization_weight=1"),
    "small_outline": _ablation("outline weight 0.1", "--outline_weight=0.1"),
    "small_average": _ablation("generator's moving average, 0.99", "--generator_average=0.99"),
    "small_together": _ablation("lambda 10, no schedule, standardized inputs", *TOGETHER),
    "small_together_scale_1.5": _ablation("these, D's kernels scaled by 1.5", *TOGETHER, "--spectral_norm_scale=1.5"),
    "small_together_scale_2": _ablation("these, D's kernels scaled by 2", *TOGETHER, "--spectral_norm_scale=2"),
    "small_together_scale_3": _ablation("these, D's kernels scaled by 3", *TOGETHER, "--spectral_norm_scale=3"),
    "small_together_none": _ablation("these, D's kernels not normalized", *TOGETHER, "--spectral_norm=none"),
}
ALL_ROWS = {**ROWS, **ABLATIONS}
