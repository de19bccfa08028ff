"""Drawn scenes and clusters with known masks, on which learning can be tested without photographs."""

from typing import NamedTuple, Optional

import numpy as np
from PIL import Image

_AREA_RANGE = (0.17, 0.28)  # before drawing; what is drawn stays within 0.12 to 0.3
_MAX_OFFSET = 0.18  # of a blob's centre from the image's, per axis, so that no centred mask fits


def drawn_photographs(
    *, num_images: int, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Draws shaded, saturated blobs on smooth coloured noise, and further pictures of such noise alone.

    Each blob covers 0.12 to 0.3 of its image; its centre is up to 0.18 of the side off the image's, per axis. The noise
    behind the blobs and that of the separate backgrounds is of one distribution, so that only the blobs tell an image
    from a background.

    Args:
      num_images: how many images, and how many backgrounds.
      size: S in pixels, at least 16.
      seed: equal seeds give equal scenes.

    Returns:
      images: uint8 [num_images, S, S, 3] in [0, 255].
      masks: uint8 [num_images, S, S, 1] in {0, 1}, one where the blob covers at least half of the pixel.
      backgrounds: num_images arrays uint8 [H, W, 3], H and W each between 1.25 S and 2 S.
    """
    generator = np.random.default_rng(seed)
    images = np.empty((num_images, size, size, 3), np.uint8)
    masks = np.empty((num_images, size, size, 1), np.uint8)
    backgrounds = []
    for index in range(num_images):
        coverage, shading = _draw_blob(size, generator)
        texture = _draw_texture(size, size, size=size, generator=generator)
        foreground = shading[..., np.newaxis] * _draw_saturated_colour(generator)
        alpha = coverage[..., np.newaxis]
        images[index] = _to_bytes(foreground * alpha + texture * (1.0 - alpha))
        masks[index] = alpha >= 0.5
        height, width = generator.integers(size * 5 // 4, 2 * size + 1, size=2)
        backgrounds.append(_to_bytes(_draw_texture(height, width, size=size, generator=generator)))
    return images, masks, backgrounds


def _to_bytes(image: np.ndarray) -> np.ndarray:
    """float in [0, 1] to uint8, rounded."""
    return np.round(255.0 * np.clip(image, 0.0, 1.0)).astype(np.uint8)


def _draw_texture(height: int, width: int, *, size: int, generator: np.random.Generator) -> np.ndarray:
    """Smooth noise of a pale colour: float [height, width, 3] in [0, 1], whose grain does not depend on its extent."""
    colour = generator.uniform(0.35, 0.65, 3)
    texture = np.zeros((height, width, 3)) + colour
    for cells_per_size, amplitude in ((3, 0.08), (8, 0.04)):
        shape = [max(2, round(cells_per_size * length / size)) for length in (height, width)]
        for channel in range(3):
            noise = Image.fromarray(generator.normal(0.0, amplitude, shape).astype(np.float32))
            texture[..., channel] += np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(texture, 0.0, 1.0)


def _draw_saturated_colour(generator: np.random.Generator) -> np.ndarray:
    """A colour with one bright channel, one dark and one between: float [3] in [0, 1]."""
    channels = np.array([generator.uniform(0.9, 1.0), generator.uniform(0.0, 0.1), generator.uniform(0.0, 0.7)])
    return generator.permutation(channels)


def _draw_blob(size: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An ellipse with a wavy outline: its coverage and its shading, both float [S, S] in [0, 1]."""
    # Pixel centres relative to the blob's centre, in units of the image's side.
    axis = (np.arange(size) + 0.5) / size - 0.5
    centre_x, centre_y = generator.uniform(-_MAX_OFFSET, _MAX_OFFSET, 2)
    x, y = np.meshgrid(axis - centre_x, axis - centre_y)
    angle, elongation = generator.uniform(0.0, np.pi), generator.uniform(1.0, 1.6)
    u = (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(elongation)
    v = (np.cos(angle) * y - np.sin(angle) * x) * np.sqrt(elongation)
    bearing, waves = np.arctan2(v, u), generator.integers(2, 6)
    amplitude, phase = generator.uniform(0.0, 0.07), generator.uniform(0.0, 2.0 * np.pi)
    # The area within radius r * (1 + a cos) is pi r^2 (1 + a^2 / 2).
    radius = np.sqrt(generator.uniform(*_AREA_RANGE) / (np.pi * (1.0 + amplitude**2 / 2.0)))
    outline = radius * (1.0 + amplitude * np.cos(waves * bearing + phase))
    # A ramp one pixel wide across the outline antialiases it.
    coverage = np.clip((outline - np.hypot(u, v)) * size + 0.5, 0.0, 1.0)
    light = generator.uniform(0.0, 2.0 * np.pi)
    slope = (np.cos(light) * x + np.sin(light) * y) / radius
    return coverage, np.clip(0.8 + 0.25 * slope, 0.4, 1.0)


class _Kind(NamedTuple):
    """How the instances of a kind look; lengths and breadths are half of an instance's, in pixels."""

    lengths: tuple[float, float]  # between which an instance's is drawn
    breadths: Optional[tuple[float, float]]  # likewise; None: its length over `aspect`
    colours: tuple[tuple[float, float, float], tuple[float, float, float]]
    aspect: float = 1.0
    bend: float = 0.0  # of the parabola that the middle line is, per pixel
    arc: Optional[tuple[float, float]] = None  # radians that half of the middle line turns by, where it is an arc
    coverage: float = 4.0  # instances' area over the picture's, so that nearly nothing of the ground is seen

    @property
    def mean_area(self) -> float:
        """Pixels that an instance covers on average, nearly."""
        length = np.mean(self.lengths)
        return np.pi * length * (length / self.aspect if self.breadths is None else np.mean(self.breadths))


_KINDS = {
    "ellipses": _Kind((16.0, 20.0), (11.0, 14.0), ((0.95, 0.55, 0.15), (0.85, 0.75, 0.25))),
    "beans": _Kind((16.0, 20.0), (11.0, 14.0), ((0.50, 0.28, 0.14), (0.72, 0.45, 0.26)), bend=0.012),
    "long_ellipses": _Kind((18.0, 21.0), None, ((0.50, 0.66, 0.20), (0.90, 0.76, 0.34)), aspect=2.5,
                           coverage=6.0),
    "bent_beans": _Kind((19.0, 22.0), None, ((0.52, 0.15, 0.14), (0.84, 0.52, 0.36)), aspect=2.8, arc=(0.6, 0.9),
                        coverage=6.0),
}
CLUSTERS = tuple(_KINDS)
CLUSTER_SIZE = 384
_SHAPE_SIZE = 48  # side of the square in which each instance of a cluster is drawn
_BLUNTNESS = 2.6  # exponent of the outline of an instance that is an arc; 2 is an ellipse's, with pointed ends
_SHADOW_BLUR = 2.5  # standard deviation in pixels
_SHADOW_OFFSETS = (2.0, 5.0)  # pixels between which an instance's shadow is shifted
_SHADOW_REACH = 13  # pixels beyond the square of an instance in which its shadow is drawn
_SHADOW_STREAM, _NOISE_STREAM = 1, 2  # random numbers of options, apart from those of the instances


def drawn_cluster(
    kind: str, *, size: int = CLUSTER_SIZE, seed: int, shadows: float = 0.0, noise: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draws a dense homogeneous object cluster: hundreds of shaded shapes on top of each other in random order.

    Each instance is turned at random and of a colour between two; it is bright in the middle and dark at the rim. Its
    extents in pixels depend on the kind alone, not on `size`: on average 36 by 25 ('ellipses', and 'beans', which are
    slightly bent), 39 by 15.6 ('long_ellipses'), and 41 along its bent middle line by 14.6 ('bent_beans'). A window of
    64 pixels, the default (`data.hoc`), is about 1.5 times the longest of every kind. Shadows and noise leave the
    instances and their places as they are.

    Args:
      kind: one of `CLUSTERS`.
      size: side of the picture in pixels, at least 64.
      seed: equal seeds give equal clusters.
      shadows: largest opacity in [0, 1] of the soft shadow that each instance casts on what lies below it; 0: none.
      noise: standard deviation of Gaussian noise on each channel in [0, 1], in units of the brightest value; 0: none.

    Returns:
      picture: uint8 [size, size, 3] in [0, 255].
      shapes: bool [m, 48, 48], each instance's full shape, whether hidden by others or not.

    Raises:
      ValueError: on an unknown kind, a picture that is too small, or an option out of its range.
    """
    return labelled_cluster(kind, size=size, seed=seed, shadows=shadows, noise=noise)[:2]


def labelled_cluster(
    kind: str, *, size: int = CLUSTER_SIZE, seed: int, shadows: float = 0.0, noise: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws a cluster as `drawn_cluster` does, and says which instance is on top at each pixel.

    Args:
      kind: as of `drawn_cluster`, which has the same options.
      size: likewise, and so are `seed`, `shadows` and `noise`.

    Returns:
      picture: uint8 [size, size, 3] in [0, 255].
      shapes: bool [m, 48, 48].
      labels: int32 [size, size] in [0, m]: n where `shapes[n - 1]` is on top, 0 where there is no instance.

    Raises:
      ValueError: as `drawn_cluster`.
    """
    _check_cluster(kind, size=size, shadows=shadows, noise=noise)
    generator, shadow_generator = np.random.default_rng(seed), np.random.default_rng([seed, _SHADOW_STREAM])
    light = shadow_generator.uniform(0.0, 2.0 * np.pi)
    margin = _SHAPE_SIZE + _SHADOW_REACH  # wide enough for instances at the border
    canvas = np.zeros((size + 2 * margin, size + 2 * margin, 3))
    labels = np.zeros(canvas.shape[:2], np.int32)
    count = round(_KINDS[kind].coverage * (size + _SHAPE_SIZE) ** 2 / _KINDS[kind].mean_area)
    corners = _spread_points(count, extent=size + _SHAPE_SIZE, generator=generator) + _SHADOW_REACH
    shapes = np.empty((count, _SHAPE_SIZE, _SHAPE_SIZE), bool)
    for index, (top, left) in enumerate(corners):
        coverage, shading = _draw_grain(_KINDS[kind], generator=generator)
        colour = _draw_colour(_KINDS[kind], generator=generator)
        if shadows:
            around = tuple(slice(start - _SHADOW_REACH, start + _SHAPE_SIZE + _SHADOW_REACH) for start in (top, left))
            canvas[around] *= 1.0 - shadows * _draw_shadow(coverage, light=light, generator=shadow_generator)
        within = slice(top, top + _SHAPE_SIZE), slice(left, left + _SHAPE_SIZE)
        alpha = coverage[..., np.newaxis]
        canvas[within] = shading[..., np.newaxis] * colour * alpha + canvas[within] * (1.0 - alpha)
        shapes[index] = coverage >= 0.5
        labels[within][shapes[index]] = index + 1
    inside = slice(margin, margin + size)
    picture = canvas[inside, inside]
    if noise:
        picture = picture + np.random.default_rng([seed, _NOISE_STREAM]).normal(0.0, noise, picture.shape)
    return _to_bytes(picture), shapes, labels[inside, inside]


def drawn_instances(kind: str, *, num_instances: int, size: int = 64, seed: int) -> np.ndarray:
    """Draws single whole instances of a kind of cluster, as `drawn_cluster` does, each in the middle of its picture.

    Args:
      kind: one of `CLUSTERS`.
      num_instances: n.
      size: side of the pictures in pixels, even and at least 48.
      seed: equal seeds give equal instances.

    Returns:
      RGBA pictures, float32 [n, size, size, 4] in [0, 1]; colours are those of the instance alone, black outside.

    Raises:
      ValueError: on an unknown kind, or an odd or a too small size.
    """
    _check_cluster(kind, size=64, shadows=0.0, noise=0.0)
    if size < _SHAPE_SIZE or size % 2:
        raise ValueError(f"size is {size} pixels, expected an even number of at least {_SHAPE_SIZE}.")
    generator, start = np.random.default_rng(seed), (size - _SHAPE_SIZE) // 2
    inside = slice(start, start + _SHAPE_SIZE)
    instances = np.zeros((num_instances, size, size, 4), np.float32)
    for instance in instances:
        coverage, shading = _draw_grain(_KINDS[kind], generator=generator)
        colour = _draw_colour(_KINDS[kind], generator=generator)
        instance[inside, inside, :3] = np.clip(shading[..., np.newaxis] * colour, 0.0, 1.0)
        instance[inside, inside, 3] = coverage
    return instances


def _draw_colour(kind: _Kind, *, generator: np.random.Generator) -> np.ndarray:
    """An instance's colour, between the two of its kind: float [3]."""
    low, high = (np.array(colour) for colour in kind.colours)
    return low + (high - low) * generator.uniform() + generator.normal(0.0, 0.02, 3)


def _check_cluster(kind: str, *, size: int, shadows: float, noise: float) -> None:
    """Refuses what cannot be drawn."""
    if kind not in CLUSTERS:
        raise ValueError(f"kind of cluster is {kind!r}, expected one of {', '.join(CLUSTERS)}.")
    if size < 64:
        raise ValueError(f"size is {size} pixels, expected at least 64.")
    if not (0.0 <= shadows <= 1.0 and 0.0 <= noise <= 1.0):
        raise ValueError(f"shadows {shadows} and noise {noise} are expected in [0, 1].")


def _spread_points(count: int, *, extent: int, generator: np.random.Generator) -> np.ndarray:
    """Points of a square, jittered grid of at least `count` cells, in random order: int [count, 2] in [0, extent]."""
    cells = int(np.ceil(np.sqrt(count)))
    rows, columns = np.divmod(generator.permutation(cells * cells)[:count], cells)
    places = np.stack([rows, columns], axis=-1) + generator.uniform(0.0, 1.0, (count, 2))
    return (places / cells * extent).astype(int)


def _draw_grain(kind: _Kind, *, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One instance of a cluster, turned at random: its coverage and its shading, both float [48, 48] in [0, 1]."""
    axis = np.arange(_SHAPE_SIZE) - (_SHAPE_SIZE - 1) / 2.0
    x, y = np.meshgrid(axis, axis)
    angle = generator.uniform(0.0, 2.0 * np.pi)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    length = generator.uniform(*kind.lengths)
    breadth = length / kind.aspect if kind.breadths is None else generator.uniform(*kind.breadths)
    v = v - kind.bend * (u**2 - length**2 / 4.0)  # a parabola, about its own middle
    if kind.arc is None:
        radius = np.hypot(u / length, v / breadth)  # 1 on the outline
    else:
        u, v = _unrolled(u, v, length=length, half_turn=generator.uniform(*kind.arc))
        radius = np.linalg.norm([u / length, v / breadth], ord=_BLUNTNESS, axis=0)
    coverage = np.clip((1.0 - radius) * breadth + 0.5, 0.0, 1.0)
    return coverage, 0.35 + 0.65 * np.sqrt(np.clip(1.0 - radius**2, 0.0, 1.0))


def _unrolled(u: np.ndarray, v: np.ndarray, *, length: float, half_turn: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along and across an arc of 2 `length` pixels that turns by 2 `half_turn` radians, centred on 0."""
    arc_radius = length / half_turn
    v = v + arc_radius * (1.0 + np.cos(half_turn)) / 2.0  # from the arc's centre to half of the arc's height
    return arc_radius * np.arctan2(u, v), np.hypot(u, v) - arc_radius


def _draw_shadow(coverage: np.ndarray, *, light: float, generator: np.random.Generator) -> np.ndarray:
    """Opacity of an instance's shadow: its coverage, shifted along `light` (radians) and blurred.

    The distance is drawn between 2 and 5 pixels, the largest opacity between 0.5 and 1. Returns float [74, 74, 1].
    """
    distance, opacity = generator.uniform(*_SHADOW_OFFSETS), generator.uniform(0.5, 1.0)
    places = np.arange(-_SHADOW_REACH, _SHAPE_SIZE + _SHADOW_REACH)[:, np.newaxis] - np.arange(_SHAPE_SIZE)

    def blurs(shift: float) -> np.ndarray:
        weights = np.exp(-0.5 * ((places - shift) / _SHADOW_BLUR) ** 2)
        return weights / (_SHADOW_BLUR * np.sqrt(2.0 * np.pi))

    blurred = blurs(distance * np.sin(light)) @ coverage @ blurs(distance * np.cos(light)).T
    return np.clip(opacity * blurred, 0.0, 1.0)[..., np.newaxis]
