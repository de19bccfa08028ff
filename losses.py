"""Every scalar objective, in the order of the paper's equations: pure functions that return unweighted scalars."""

from typing import Union

import tensorflow as tf

AREA_PENALTIES = ("per_mask", "batch_mean", "above")


def discriminator_real_loss(real_logits: tf.Tensor) -> tf.Tensor:
    """Defines Eq. (6)'s first term, negated to be minimised: `-E[log D(x)]`.

    Args:
      real_logits: scores of real images before the sigmoid, float32 of any shape; the mean is over all of them (S2).

    Returns:
      Scalar at least 0; log 2 = 0.693 at chance, as of the next two.
    """
    return tf.reduce_mean(tf.nn.softplus(-real_logits))  # -log sigmoid(l) = softplus(-l)


def discriminator_fake_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Defines Eq. (6)'s second term, negated to be minimised: `-E[log(1 - D(x_g))]`, of composites' logits."""
    return tf.reduce_mean(tf.nn.softplus(fake_logits))


def generator_adversarial_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Defines Eq. (7)'s first term in its non-saturating form: `-E[log D(x_g)]`, of composites' logits (S1)."""
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def mask_areas(masks: tf.Tensor) -> tf.Tensor:
    """Returns each mask's area `|m|_1 / A` as a share of the picture: [..., H, W, 1] to float [...] in [0, 1]."""
    return tf.reduce_mean(masks, axis=[-3, -2, -1])


def mask_area_penalty(masks: tf.Tensor, *, area: Union[float, tf.Tensor], kind: str = "per_mask") -> tf.Tensor:
    """Defines Eq. (7)'s second term, `L_area = E[1/N sum_i (|m_i|_1 / A - a)^2]`, and two readings of it (S4).

    Args:
      masks: soft masks of the trainable instances before the warp, float [N, B, H, W, 1] in [0, 1].
      area: `a`, share of the picture in [0, 1], a scalar.
      kind: 'per_mask' as printed; 'batch_mean' `(E[|m|_1 / A] - a)^2`, which leaves single masks free;
        'above' `E[max(|m|_1 / A - a, 0)^2]`, which lets masks be smaller.

    Returns:
      Scalar in [0, 1], without lambda.

    Raises:
      ValueError: on an unknown kind.
    """
    areas = mask_areas(masks)  # [N, B]
    if kind == "per_mask":
        return tf.reduce_mean(tf.square(areas - area))
    if kind == "batch_mean":
        return tf.square(_mean_over_replicas(tf.reduce_mean(areas)) - area)
    if kind == "above":
        return tf.reduce_mean(tf.square(tf.maximum(areas - area, 0.0)))
    raise ValueError(f"kind of area penalty is {kind!r}, expected one of {', '.join(AREA_PENALTIES)}")


def _mean_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """Returns the mean of a tensor over the replicas of `tf.distribute`, differentiable; without replicas, itself."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)


def information_loss(latents: tf.Tensor, estimates: tf.Tensor) -> tf.Tensor:
    """Defines the information term of the second application (S8): mean squared error of the recognised latents.

    Args:
      latents: what instances were made from, float [..., Z] in [-1, 1].
      estimates: what the recognition network says, float of the same shape.

    Returns:
      Scalar at least 0, without beta; 1/3 for estimates of 0 of latents uniform on [-1, 1].
    """
    return tf.reduce_mean(tf.square(latents - estimates))


def smooth_l1(differences: tf.Tensor) -> tf.Tensor:
    """Defines Eq. (8), elementwise: `4 x^2` where `|x| < 0.25`, else `|x|`; both are 0.25 where they meet."""
    size = tf.abs(differences)
    return tf.where(size < 0.25, 4.0 * tf.square(differences), size)


def distillation_loss(masks: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the mean over pixels of Eq. (8), in [0, 1], of masks minus labels, both [B, H, W, 1] in [0, 1]."""
    return tf.reduce_mean(smooth_l1(masks - labels))
