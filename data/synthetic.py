"""Drawn scenes and clusters with known masks, on which learning can be tested without photographs."""

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


CLUSTERS = ("ellipses", "beans")
_SHAPE_SIZE = 48  # side of the square in which each instance of a cluster is drawn
_COLOURS = {"ellipses": ((0.95, 0.55, 0.15), (0.85, 0.75, 0.25)), "beans": ((0.50, 0.28, 0.14), (0.72, 0.45, 0.26))}
_COVERAGE = 4.0  # instances' area over the picture's, so that nearly nothing of the ground is seen


def drawn_cluster(kind: str, *, size: int = 384, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws a dense homogeneous object cluster: hundreds of shaded shapes on top of each other in random order.

    Instances are about 36 by 25 pixels, each turned at random and of a colour between two; they are bright in the
    middle and dark at the rim. A window of 64 pixels (`data.hoc`) is about 1.5 times the longest.

    Args:
      kind: 'ellipses' or 'beans' (ellipses bent along their longer axis).
      size: side of the picture in pixels, at least 64.
      seed: equal seeds give equal clusters.

    Returns:
      picture: uint8 [size, size, 3] in [0, 255].
      shapes: bool [m, 48, 48], each instance's full shape, whether hidden by others or not.

    Raises:
      ValueError: on an unknown kind or a picture that is too small.
    """
    if kind not in CLUSTERS:
        raise ValueError(f"kind of cluster is {kind!r}, expected one of {', '.join(CLUSTERS)}.")
    if size < 64:
        raise ValueError(f"size is {size} pixels, expected at least 64.")
    generator = np.random.default_rng(seed)
    half = _SHAPE_SIZE // 2
    canvas = np.zeros((size + 2 * _SHAPE_SIZE, size + 2 * _SHAPE_SIZE, 3))  # wide enough for shapes at the border
    mean_area = np.pi * 18.0 * 12.5
    count = round(_COVERAGE * (size + 2 * half) ** 2 / mean_area)
    corners = _spread_points(count, extent=size + _SHAPE_SIZE, generator=generator)
    shapes = np.empty((count, _SHAPE_SIZE, _SHAPE_SIZE), bool)
    low, high = (np.array(colour) for colour in _COLOURS[kind])
    for index, (top, left) in enumerate(corners):
        coverage, shading = _draw_grain(bend=0.012 if kind == "beans" else 0.0, generator=generator)
        colour = low + (high - low) * generator.uniform() + generator.normal(0.0, 0.02, 3)
        window = canvas[top:top + _SHAPE_SIZE, left:left + _SHAPE_SIZE]
        alpha = coverage[..., np.newaxis]
        window[:] = shading[..., np.newaxis] * colour * alpha + window * (1.0 - alpha)
        shapes[index] = coverage >= 0.5
    inside = slice(_SHAPE_SIZE, _SHAPE_SIZE + size)
    return _to_bytes(canvas[inside, inside]), shapes


def _spread_points(count: int, *, extent: int, generator: np.random.Generator) -> np.ndarray:
    """Points of a jittered grid, of a square of at least `count` cells, in random order: int [count, 2] in [0, extent]."""
    cells = int(np.ceil(np.sqrt(count)))
    rows, columns = np.divmod(generator.permutation(cells * cells)[:count], cells)
    places = np.stack([rows, columns], axis=-1) + generator.uniform(0.0, 1.0, (count, 2))
    return (places / cells * extent).astype(int)


def _draw_grain(*, bend: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One instance of a cluster, turned at random: its coverage and its shading, both float [48, 48] in [0, 1]."""
    axis = np.arange(_SHAPE_SIZE) - (_SHAPE_SIZE - 1) / 2.0
    x, y = np.meshgrid(axis, axis)
    angle = generator.uniform(0.0, 2.0 * np.pi)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    length, breadth = generator.uniform(16.0, 20.0), generator.uniform(11.0, 14.0)
    v = v - bend * (u**2 - length**2 / 4.0)  # a parabola, about its own middle
    radius = np.hypot(u / length, v / breadth)  # 1 on the outline
    coverage = np.clip((1.0 - radius) * breadth + 0.5, 0.0, 1.0)
    return coverage, 0.35 + 0.65 * np.sqrt(np.clip(1.0 - radius**2, 0.0, 1.0))
