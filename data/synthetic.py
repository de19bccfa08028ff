"""Drawn scenes with known masks, on which learning can be tested without photographs."""

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
