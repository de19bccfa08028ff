"""Classical ways of finding the instances of a picture, which a learnt one is compared with.

Each takes a grey picture, float32 [H, W] in [0, 1], the instances' diameter in pixels, and settings whose lengths are
shares of that diameter. It returns a label image, int64 [H, W], or points, float64 [n, 2], x and y in pixels.
"""

import sys
from pathlib import Path
from typing import Callable, NamedTuple, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from evaluation import optional  # noqa: E402

TEMPLATE_SIZE = 48  # side in pixels of the square in which a mean instance is made
_TEMPLATE_REACH = 1.5  # instance diameters that this square is wide
_MOST_AVERAGED = 200  # instances, nearly
_LEAST_AREA = 0.1  # of the median instance's; smaller pieces are noise


class Method(NamedTuple):
    """A way of finding, and the settings among which the best are looked for."""

    find: Callable[..., np.ndarray]
    grid: dict[str, tuple]
    needs_template: bool = False


def watershed(grey: np.ndarray, diameter: float, *, window: float, offset: float, blur: float, smoothing: float,
              distance: float) -> np.ndarray:
    """Local threshold, distance to the ground, and watersheds between its maxima.

    Args:
      grey: instances are brighter than what is about them.
      diameter: pixels.
      window: side of the neighbourhood whose Gaussian mean a pixel is compared with.
      offset: grey value by which a pixel must exceed that mean.
      blur: standard deviation of the blur before all.
      smoothing: standard deviation of the blur of distances.
      distance: least one between maxima.
    """
    ndimage, segmentation = optional.load("scipy.ndimage"), optional.load("skimage.segmentation")
    blurred = ndimage.gaussian_filter(grey, blur * diameter) if blur else grey
    side = 2 * int(window * diameter / 2.0) + 1
    above = blurred > optional.load("skimage.filters").threshold_local(blurred, side, offset=-offset)
    above = ndimage.binary_fill_holes(ndimage.binary_opening(above))
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(above), smoothing * diameter)
    peaks = optional.load("skimage.feature").peak_local_max(
        depth, min_distance=max(1, round(distance * diameter)), labels=above.astype(int), exclude_border=False)
    markers = np.zeros(grey.shape, np.int64)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = segmentation.watershed(-depth, markers, mask=above)
    areas = np.bincount(labels.ravel())
    least = _LEAST_AREA * np.median(areas[1:]) if len(areas) > 1 else 0.0
    return np.where(areas >= least, np.arange(len(areas)), 0)[labels].astype(np.int64)


def hough_circles(grey: np.ndarray, diameter: float, *, edge: float, votes: float, distance: float) -> np.ndarray:
    """Middles of circles of 0.7 to 1.3 diameters, of OpenCV's gradient Hough transform.

    Args:
      grey: the picture.
      diameter: pixels.
      edge: upper threshold of the Canny edges, of 255.
      votes: least number of votes for a middle.
      distance: least one between middles.
    """
    pixels = cv2.GaussianBlur((255 * grey).astype(np.uint8), (0, 0), max(0.5, 0.05 * diameter))
    found = cv2.HoughCircles(pixels, cv2.HOUGH_GRADIENT, dp=1, minDist=distance * diameter, param1=edge, param2=votes,
                             minRadius=max(1, round(0.35 * diameter)), maxRadius=max(2, round(0.65 * diameter)))
    return np.zeros((0, 2)) if found is None else found.reshape(-1, found.shape[-1])[:, :2].astype(np.float64)


def log_blobs(grey: np.ndarray, diameter: float, *, smallest: float, largest: float, threshold: float,
              overlap: float) -> np.ndarray:
    """Middles of bright blobs: maxima over place and scale of the Laplacian of Gaussian.

    Args:
      grey: the picture.
      diameter: pixels.
      smallest: diameter of the smallest blob.
      largest: diameter of the largest.
      threshold: of the scale-normalized Laplacian.
      overlap: share of overlap above which the smaller of two blobs goes.
    """
    sigma = diameter / 2.0 / np.sqrt(2.0)
    blobs = optional.load("skimage.feature").blob_log(grey, min_sigma=smallest * sigma, max_sigma=largest * sigma,
                                                      num_sigma=4, threshold=threshold, overlap=overlap)
    return np.asarray(blobs, np.float64)[:, 1::-1].reshape(-1, 2)


def match_template(grey: np.ndarray, diameter: float, *, template: np.ndarray, scale: float, rim: float, turns: int,
                   threshold: float, distance: float) -> np.ndarray:
    """Middles of places that correlate with a mean instance, the best first, none near a better one.

    Args:
      grey: the picture.
      diameter: pixels.
      template: RGBA, uint8 [h, w, 4].
      scale: diameter of the disk of the template's area, once it is scaled.
      rim: width of the black rim about the instance that belongs to the template.
      turns: at how many angles, in equal steps over the full circle.
      threshold: of the normalized correlation, in [-1, 1].
      distance: least one between middles.
    """
    best = np.full(grey.shape, -1.0, np.float32)
    for angle in np.arange(turns) * 360.0 / turns:
        pattern, mask = _turned(template, diameter=scale * diameter, rim=round(rim * diameter), angle=angle)
        reach = pattern.shape[0] // 2
        padded = cv2.copyMakeBorder(grey, reach, reach, reach, reach, cv2.BORDER_REFLECT)
        response = cv2.matchTemplate(padded, pattern, cv2.TM_CCOEFF_NORMED, mask=mask)
        usable = np.isfinite(response) & (np.abs(response) <= 1.001)  # flat places give anything
        best = np.maximum(best, np.where(usable, response, -1.0))
    peaks = optional.load("skimage.feature").peak_local_max(
        cv2.GaussianBlur(best, (0, 0), 1.0), min_distance=max(1, round(distance * diameter)), threshold_abs=threshold,
        exclude_border=False)
    return peaks[:, ::-1].astype(np.float64)


def _turned(template: np.ndarray, *, diameter: float, rim: int, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """A template's grey values on black, scaled and turned (degrees), and where they count: float32 [S, S], S odd."""
    alpha = template[..., 3].astype(np.float32) / 255.0
    grey = cv2.cvtColor(template[..., :3], cv2.COLOR_RGB2GRAY).astype(np.float32) / 255.0
    factor = diameter / (2.0 * np.sqrt(max(alpha.sum(), 1.0) / np.pi))
    side = 2 * (int(np.ceil(max(alpha.shape) * factor / 2.0)) + rim) + 1
    rows, columns = np.nonzero(alpha >= 0.5 * alpha.max())
    middle = (float(columns.mean()), float(rows.mean()))
    matrix = cv2.getRotationMatrix2D(middle, angle, factor)
    matrix[:, 2] += side // 2 - np.array(middle)
    pattern, alpha = (cv2.warpAffine(plane, matrix, (side, side)) for plane in (grey * alpha, alpha))
    mask = (alpha >= 0.5 * alpha.max()).astype(np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    return pattern, cv2.dilate(mask, kernel)


def lattice(grey: np.ndarray, diameter: float, *, spacing: float) -> np.ndarray:
    """Points of a hexagonal lattice, whatever the picture shows: what any method must beat.

    Args:
      grey: its shape alone counts.
      diameter: pixels.
      spacing: between neighbours.
    """
    step = spacing * diameter
    rows = np.arange(step / 2.0, grey.shape[0], step * np.sqrt(0.75))
    points = [(x, y) for number, y in enumerate(rows)
              for x in np.arange(step / 2.0 * (1 + number % 2) - step / 4.0, grey.shape[1], step)]
    return np.array(points, np.float64).reshape(-1, 2)


METHODS = {
    "lattice": Method(lattice, {"spacing": (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5)}),
    "watershed": Method(watershed, {"window": (0.8, 1.2, 1.8, 2.4), "offset": (-0.02, 0.0), "blur": (0.0, 0.1),
                                    "smoothing": (0.05, 0.1), "distance": (0.15, 0.25)}),
    "hough": Method(hough_circles, {"edge": (50, 100), "votes": (5, 7, 9, 12, 16, 22), "distance": (0.4, 0.6, 0.8)}),
    "log": Method(log_blobs, {"smallest": (0.35, 0.5), "largest": (0.8, 1.2), "threshold": (0.01, 0.03, 0.06, 0.12),
                              "overlap": (0.2, 0.4, 0.6)}),
    "template": Method(match_template, {"scale": (0.65, 0.8, 1.0, 1.2), "rim": (0.0, 0.15), "turns": (8,),
                                        "threshold": (0.1, 0.2, 0.35), "distance": (0.3, 0.45)}, needs_template=True),
}


def mean_instance(rgb: np.ndarray, points: np.ndarray, *, diameter: float, labels: Optional[np.ndarray]) -> np.ndarray:
    """Averages a picture's true instances, laid on each other by their middles and, with labels, their longer axes.

    Args:
      rgb: uint8 [H, W, 3].
      points: the middles, float [m, 2], in the order of the labels' numbers.
      diameter: pixels.
      labels: int [H, W], where known; otherwise instances are disks of the diameter.

    Returns:
      RGBA, uint8 [48, 48, 4], 1.5 diameters wide.
    """
    middle, factor = (TEMPLATE_SIZE - 1) / 2.0, TEMPLATE_SIZE / (_TEMPLATE_REACH * diameter)
    numbers = [] if labels is None else np.unique(labels[labels > 0])
    colours, weights = np.zeros((TEMPLATE_SIZE, TEMPLATE_SIZE, 3)), np.zeros((TEMPLATE_SIZE, TEMPLATE_SIZE, 1))
    square = np.hypot(*(np.mgrid[:TEMPLATE_SIZE, :TEMPLATE_SIZE] - middle))
    chosen = range(0, len(points), max(1, len(points) // _MOST_AVERAGED))
    for index in chosen:
        x, y = points[index]
        mask = None if labels is None else (labels == numbers[index]).astype(np.float32)
        matrix = cv2.getRotationMatrix2D((x, y), 0.0 if mask is None else _axis(mask), factor)
        matrix[:, 2] += middle - np.array([x, y])
        colour = cv2.warpAffine(rgb, matrix, (TEMPLATE_SIZE, TEMPLATE_SIZE), borderMode=cv2.BORDER_REFLECT)
        weight = square <= diameter * factor / 2.0
        if mask is not None:
            weight = cv2.warpAffine(mask, matrix, (TEMPLATE_SIZE, TEMPLATE_SIZE))
        colours += colour * weight[..., np.newaxis]
        weights += weight[..., np.newaxis]
    rgb = colours / np.maximum(weights, 1e-6)
    return np.concatenate([np.rint(rgb), np.rint(255.0 * weights / max(1, len(chosen)))], axis=-1).astype(np.uint8)


def mean_rgba(instances: np.ndarray) -> np.ndarray:
    """Averages RGBA pictures, uint8 [n, h, w, 4], colours weighted by alpha: uint8 [h, w, 4]."""
    colours, alpha = instances[..., :3].astype(np.float64), instances[..., 3:].astype(np.float64)
    rgb = (colours * alpha).sum(axis=0) / np.maximum(alpha.sum(axis=0), 1e-6)
    return np.rint(np.concatenate([rgb, alpha.mean(axis=0)], axis=-1)).astype(np.uint8)


def _axis(mask: np.ndarray) -> float:
    """The angle in degrees by which a mask [H, W] must be turned to lie level, by its second moments."""
    moments = cv2.moments(mask, binaryImage=True)
    return float(np.degrees(0.5 * np.arctan2(2.0 * moments["mu11"], moments["mu20"] - moments["mu02"])))
