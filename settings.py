"""What the flags say, as the networks, the data and the training take it: keyword arguments.

Each function reads flags that its script has declared with a group of `flags`, which itself builds nothing.
"""

import copy

import flags  # before TensorFlow
from flags import FLAGS
from data import images
from errors import UserError


def flag_lines():
    """Returns the flagfile line of every flag that `flags` has declared: dict from name to text, '' where it is None."""
    declared = FLAGS.flags_by_module_dict().get(flags.__name__, [])
    return {flag.name: flag.serialize() for flag in sorted(declared, key=lambda flag: flag.name)}


def default_lines():
    """Returns what `flag_lines` would, had no flag been given."""
    clones = {name: copy.deepcopy(FLAGS[name]) for name in flag_lines()}
    for clone in clones.values():
        clone.unparse()
    return {name: clone.serialize() for name, clone in clones.items()}


def inference():
    """Returns what `define_inference` declared of S20, as `training.pipeline.inference` takes it."""
    return {"average_flips": FLAGS.average_flips, "refine_iterations": FLAGS.refine_iterations,
            "sharpen_temperature": FLAGS.sharpen_temperature, "threshold": FLAGS.mask_threshold}


def data():
    """Returns what `define_data` declared, as `data.photographs.load_training_data` takes it."""
    return {name: FLAGS[name].value for name in ("dataset", "data_dir", "images", "boxes", "masks", "split", "crop",
                                                 "image_size")}


def generator():
    """Returns what `define_generator` declared, as `UNet` and `InstanceGenerator` take it."""
    return {"width": FLAGS.generator_width, "kernel_initializer": FLAGS.generator_initializer,
            "batch_norm_momentum": FLAGS.batch_norm_momentum,
            "initial_mask": FLAGS.area_start if FLAGS.area_ramp_steps else 0.5}


def discriminator(pictures):
    """Returns what `define_discriminator` declared, as `models.discriminator.Discriminator` takes it.

    Args:
      pictures: the training pictures, uint8 [H, W, 3] each, which say how inputs are standardized.

    Raises:
      UserError: kernels that are not normalized here are to be scaled.
    """
    if FLAGS.spectral_norm != "sngan" and FLAGS.spectral_norm_scale != 1.0:
        raise UserError(f"--spectral_norm_scale={FLAGS.spectral_norm_scale:g} needs --spectral_norm=sngan, not "
                        f"{FLAGS.spectral_norm}.")
    standardized = FLAGS.discriminator_inputs == "standardized"
    return {"input_statistics": images.channel_statistics(pictures) if standardized else None,
            "spectral_norm": FLAGS.spectral_norm, "spectral_norm_scale": FLAGS.spectral_norm_scale,
            "kernel_initializer": FLAGS.discriminator_initializer, "score_activation": FLAGS.score_activation,
            "input_range": FLAGS.discriminator_inputs}


def objective(*, area):
    """Returns what `define_objective` and others declared, as `training.adversarial.AdversarialTraining` takes it.

    Args:
      area: the area constant, default resolved.
    """
    ramp = FLAGS.area_ramp_steps
    return {"area": area, "area_weight": FLAGS.area_weight, "area_penalty": FLAGS.area_penalty,
            "area_start": FLAGS.area_start if ramp else None, "area_ramp_steps": ramp,
            "num_discriminator_updates": FLAGS.num_discriminator_updates, "average_decay": FLAGS.generator_average,
            "augmentation": FLAGS.augmentation, "decision_weight": FLAGS.decision_weight,
            "decision_ramp_steps": FLAGS.decision_ramp_steps, "outline_weight": FLAGS.outline_weight,
            "seed": FLAGS.seed, "jit_compile": FLAGS.jit_compile}


def process():
    """Returns what `define_optimization` declared, as `training.environment.set_up` takes it."""
    return {"seed": FLAGS.seed, "deterministic": FLAGS.deterministic, "mixed_precision": FLAGS.mixed_precision,
            "convolutions": FLAGS.convolutions}


def run_options():
    """Returns what `define_run` and `define_optimization` declared, as `training.loop.train_in_folder` takes it."""
    cadence = {name: FLAGS[name].value for name in ("log_every", "panel_every", "evaluate_every", "save_every")}
    return {"flag_lines": flag_lines(), "num_steps": FLAGS.num_steps, "batch_size": FLAGS.batch_size,
            "cadence": cadence}


def optimization():
    """Returns what `define_players` and `define_optimization` declared, as `training.optimizers.make_pair` takes it."""
    return {"generator_learning_rate": FLAGS.generator_learning_rate,
            "discriminator_learning_rate": FLAGS.discriminator_learning_rate,
            "num_discriminator_updates": FLAGS.num_discriminator_updates, **_adam()}


def single_optimization():
    """Returns what `define_distillation` and `define_optimization` declared, for `optimizers.make_optimizer`."""
    return {"learning_rate": FLAGS.student_learning_rate, **_adam()}


def _adam():
    """Returns what is the same for every network's optimizer."""
    return {"num_steps": FLAGS.num_steps, "fall_steps": FLAGS.learning_rate_fall_steps, "beta_1": FLAGS.adam_beta_1,
            "beta_2": FLAGS.adam_beta_2, "mixed_precision": FLAGS.mixed_precision}
