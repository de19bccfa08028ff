"""Every scalar objective, in the order of the paper's equations: pure functions that return unweighted scalars."""

import tensorflow as tf

AREA_PENALTIES = ("per_mask", "batch_mean", "above")


def discriminator_real_loss(real_logits):
    """Defines Eq. (6)'s first term, negated to be minimised: `-E[log D(x)]`.

    Args:
      real_logits: scores of real images before the sigmoid, float32 of any shape; the mean is over all of them (S2).

    Returns:
      Scalar at least 0; log 2 = 0.693 at chance.
    """
    return tf.reduce_mean(tf.nn.softplus(-real_logits))  # -log sigmoid(l) = softplus(-l)


def discriminator_fake_loss(fake_logits):
    """Defines Eq. (6)'s second term, negated to be minimised: `-E[log(1 - D(x_g))]`.

    Args:
      fake_logits: scores of composites before the sigmoid, float32 of any shape.

    Returns:
      Scalar at least 0; log 2 = 0.693 at chance.
    """
    return tf.reduce_mean(tf.nn.softplus(fake_logits))


def generator_adversarial_loss(fake_logits):
    """Defines Eq. (7)'s first term in its non-saturating form: `-E[log D(x_g)]` (S1).

    Args:
      fake_logits: scores of composites before the sigmoid, float32 of any shape.

    Returns:
      Scalar at least 0; log 2 = 0.693 at chance.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def mask_areas(masks):
    """Returns each mask's area `|m|_1 / A` as a share of the picture: [..., H, W, 1] to float [...] in [0, 1]."""
    return tf.reduce_mean(masks, axis=[-3, -2, -1])


def mask_area_penalty(masks, *, area, kind="per_mask"):
    """Defines Eq. (7)'s second term, `L_area = E[1/N sum_i (|m_i|_1 / A - a)^2]`, and two readings of it (S4).

    Args:
      masks: soft masks of the trainable instances before the warp, float [N, B, H, W, 1] in [0, 1].
      area: `a`, share of the picture in [0, 1]; number or scalar tensor.
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


def _mean_over_replicas(value):
    """Returns the mean of a tensor over the replicas of `tf.distribute`, differentiable; without replicas, itself."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)


def indecision(masks):
    """Returns the mean of `min(m, 1 - m)` over all pixels: 0 for masks of zeros and ones, 0.5 for uniform halves (S18).

    Args:
      masks: soft masks, float [..., H, W, 1] in [0, 1].

    Returns:
      Scalar in [0, 0.5].
    """
    return tf.reduce_mean(tf.minimum(masks, 1.0 - masks))


def total_variation(masks):
    """Returns the mean over masks of their total variation, the length of their outlines (S23).

    Isotropic (Rudin et al. 1992): the sum of `|grad m|` of forward differences, smoothed below 1e-3 so that it can be
    differentiated where a mask is uniform. Unlike `tf.image.total_variation`, which adds up both directions' changes, it
    does not prefer outlines along rows and columns.

    Args:
      masks: soft masks, float [..., H, W, 1] in [0, 1].

    Returns:
      Scalar at least 0, in sides of the picture (`sqrt(H * W)` pixels): about `2 sqrt(pi a)` for a disk of area a; an
      outline that is the picture's own border has no length.
    """
    height, width, smoothing = masks.shape[-3], masks.shape[-2], 1e-3
    down, right = [[-1.0, 0.0], [1.0, 0.0]], [[-1.0, 1.0], [0.0, 0.0]]
    kernel = tf.transpose(tf.constant([[down, right]]), [2, 3, 0, 1])  # one convolution, so that gradients add up one way
    changes = tf.nn.conv2d(tf.reshape(masks, [-1, height, width, 1]), kernel, strides=1, padding="VALID")
    length = tf.sqrt(tf.reduce_sum(tf.square(changes), axis=-1) + smoothing**2) - smoothing
    return tf.reduce_mean(tf.reduce_sum(length, axis=[1, 2])) / (height * width) ** 0.5


def information_loss(latents, estimates):
    """Defines the information term of the second application (S8): mean squared error of the recognised latents.

    Args:
      latents: what instances were made from, float [..., Z] in [-1, 1].
      estimates: what the recognition network says, float of the same shape.

    Returns:
      Scalar at least 0, without beta; 1/3 for estimates of 0 of latents uniform on [-1, 1].
    """
    return tf.reduce_mean(tf.square(latents - estimates))


def smooth_l1(differences):
    """Defines Eq. (8): `4 x^2` where `|x| < 0.25`, else `|x|`; both are 0.25 where they meet.

    Args:
      differences: float of any shape.

    Returns:
      Float of the same shape, at least 0.
    """
    size = tf.abs(differences)
    return tf.where(size < 0.25, 4.0 * tf.square(differences), size)


def distillation_loss(masks, labels):
    """Returns the mean over pixels of Eq. (8) of the student's masks minus the teacher's.

    Args:
      masks: student's soft masks, float [B, H, W, 1] in [0, 1].
      labels: teacher's soft masks, float of the same shape.

    Returns:
      Scalar in [0, 1].
    """
    return tf.reduce_mean(smooth_l1(masks - labels))


def scheduled_area(progress, *, start, end):
    """Defines S12's schedule: the area constant falls linearly from `start` to `end`.

    Args:
      progress: share of the ramp done, scalar tensor; clipped to [0, 1].
      start: area at the ramp's start, in [0, 1].
      end: `a` of Eq. (7), in [0, 1].

    Returns:
      Scalar float32 in [0, 1].
    """
    progress = tf.clip_by_value(tf.cast(progress, tf.float32), 0.0, 1.0)
    return start + (end - start) * progress
