"""Declares the flags of the cluster of `train_hoc.py`: photograph, windows, scenes, and the information term.

Those that other scripts have too are in `flags`. Builds nothing, and imports no TensorFlow.
"""

from absl import flags as absl_flags

from flags import MOST_INSTANCES, define_max_megapixels, define_path, define_suggest


def define_cluster() -> None:
    """The photograph of a cluster, its windows, and its scenes (Table 4, 'Learning ... From One Image of HOC')."""
    _define_picture()
    absl_flags.DEFINE_integer("num_layers", 10, "Instances composed into a window, N (Table 4: 8, 10, 12).",
                              lower_bound=1, upper_bound=64)
    absl_flags.DEFINE_integer("latent_dim", 5, "Dimensions of z (Table 4: 6, 5, 2).", lower_bound=1, upper_bound=1024)
    absl_flags.DEFINE_integer("padding", 32, "Pixels around an instance before it is cropped at random to a window: it "
                              "moves by up to as many (30 crowd, 32 fruit, 26 seed).", lower_bound=0)
    absl_flags.DEFINE_float("max_rotation", 0.0, "Degrees by which instances are turned at most, to either side, drawn "
                            "anew each time; the paper only moves them (S27).", lower_bound=0.0, upper_bound=180.0)
    absl_flags.DEFINE_float("max_magnification", 1.0, "m: instances are scaled by a factor drawn anew from 1/m to m each "
                            "time; 1: not (S27).", lower_bound=1.0, upper_bound=4.0)
    absl_flags.DEFINE_enum("background", "disk", ["disk", "black", "ground"],
                           "Bottom layer: windows with a black disk in the middle, black altogether, or the photograph's "
                           "dark ground with the bright things on it taken away (S28).")
    absl_flags.DEFINE_float("shadow_strength", 0.0, "Largest opacity of a soft shadow that each instance casts on what is "
                            "below it, drawn anew each time; 0: none, as in the paper (S26).", lower_bound=0.0,
                            upper_bound=1.0)
    absl_flags.DEFINE_float("disk_radius", 20.0, "Radius of the black disk in pixels of a window of 64 ('roughly "
                            "20'); 0: backgrounds are whole windows (S22).", lower_bound=0.0)
    absl_flags.DEFINE_integer("layer_ramp_steps", 0, "Steps in which scenes grow from one instance on a whole window to "
                              "--num_layers of them over the whole hole; 0: they do not grow, as in the paper (S33).",
                              lower_bound=0)
    absl_flags.DEFINE_integer("layer_ramp_start", 0, "Steps with one instance before scenes grow (S33).", lower_bound=0)
    absl_flags.DEFINE_bool("vertical_flip", True, "Turn windows upside down half of the time (not for crowds, S11).")
    absl_flags.DEFINE_enum("recognition", "shared", ["shared", "separate", "none"],
                           "Network of the information term: a head on the discriminator's layers, a network of its "
                           "own, or none (S8).")
    absl_flags.DEFINE_enum("recognition_head", "pooled", ["pooled", "flattened"],
                           "The recognition network's last layers: linear on the features' mean over the picture, or dense "
                           "on all features, so that it tells places, as InfoGAN's (S8).")
    absl_flags.DEFINE_enum("recognition_inputs", "black", ["black", "mean", "rgba"],
                           "What the recognition network sees: an instance on black or on the photograph's mean colour, or, "
                           "with --recognition=separate, on black with its mask as a fourth channel (S8).")
    absl_flags.DEFINE_bool("recognition_trains_discriminator", False, "Train the discriminator's layers by the information "
                           "term, too, in the discriminator's updates, as InfoGAN does; needs --recognition=shared (S8).")
    absl_flags.DEFINE_float("information_weight", 50.0, "beta of the information term (Table 4: 50).", lower_bound=0.0)
    absl_flags.DEFINE_integer("num_recognized_layers", 0, "Of how many of the layers the information term is computed; "
                              "0: all.", lower_bound=0)
    absl_flags.DEFINE_enum("mask_start", "uniform", ["uniform", "disk"],
                           "Masks of the untrained generator: one grey, as the paper's network has them, or a soft "
                           "disk of the area constant in the middle (S19; with --area_ramp_steps of --area_start).")
    absl_flags.DEFINE_float("mask_start_elongation", 1.0, "With --mask_start=disk: how many times wider than high the disk is. "
                            "For long things, with --max_rotation=180: their length over their width. Masks keep it. 1: round.",
                            lower_bound=1.0, upper_bound=10.0)
    absl_flags.DEFINE_float("mask_start_logit", 3.0, "With --mask_start=disk: the logit of masks in the disk's middle. With 3 "
                            "the edge of a disk of a = 0.2 is 13 pixels wide (0.1 to 0.9), with 8 it is 4.",
                            lower_bound=1.0, upper_bound=20.0)
    absl_flags.DEFINE_integer("num_samples", 64, "Instances written as RGBA pictures at the end; 0: none.",
                              lower_bound=0, upper_bound=MOST_INSTANCES)
    absl_flags.DEFINE_integer("num_panel_layers", 4, "Layers that a panel shows, the topmost, as in Figures 9 and 10; 0: "
                              "all, as in Figure 11.", lower_bound=0)


def define_drawn_cluster() -> None:
    """The cluster that is drawn instead of a photograph; kinds and default size are `data.synthetic`'s."""
    absl_flags.DEFINE_enum("drawn_cluster", None, ["ellipses", "beans", "long_ellipses", "bent_beans"],
                           "Instead of a photograph, draw a cluster whose masks are known, and measure against them. A "
                           "plain disk does not fit the shapes of 'long_ellipses' and 'bent_beans'.")
    absl_flags.DEFINE_integer("drawn_size", 384, "Side of the drawn picture in pixels. Its instances are about 40 pixels long "
                              "at any size.", lower_bound=64, upper_bound=4096)
    absl_flags.DEFINE_float("drawn_shadows", 0.0, "Largest opacity of the soft shadow that each drawn instance casts on what "
                            "lies below it; 0: none.", lower_bound=0.0, upper_bound=1.0)
    absl_flags.DEFINE_float("drawn_noise", 0.0, "Standard deviation of the drawn picture's sensor noise, in units of the "
                            "brightest value; 0: none.", lower_bound=0.0, upper_bound=1.0)


def _define_picture() -> None:
    """The photograph of a cluster, or the one that is drawn, and its windows."""
    define_max_megapixels()
    define_path("image", None, "Photograph of a homogeneous object cluster. Default: the bundled oranges.")
    define_path("labels", None, "PNG that numbers the true instances of --image, 0 where there is none; they are measured "
                "against and not learnt from.")
    define_drawn_cluster()
    absl_flags.DEFINE_integer("window_size", None, "Side of a window in the photograph's pixels, about 1.5 times the "
                              "biggest instance's width (the paper's rule), at least 16. Default for the bundled oranges: 78; "
                              "for a drawn cluster: 64.")
    define_suggest("flags that fit --image, from the size at which it repeats itself")
    absl_flags.DEFINE_float("gamma", 1.0, "Raise the picture's values to this power first: below 1, such as 0.5, shaded sides "
                            "become brighter, so that masks keep them; 1: not, as in the paper (S32).", lower_bound=0.1,
                            upper_bound=10.0)
    absl_flags.DEFINE_float("flat_field", 0.0, "Even out light and colour that change slowly over the picture: divide it by its "
                            "blur, whose standard deviation is that many windows, such as 0.9; 0: not, as in the paper (S31).",
                            lower_bound=0.0, upper_bound=100.0)
