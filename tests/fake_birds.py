"""A small folder that is laid out as the whole of CUB-200-2011 is."""

import numpy as np
from PIL import Image

from data import synthetic
from data.windows import tight_window


def _grown(mask):
    """A mask [H, W] that is a pixel larger on each side."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    return np.any([padded[down:down + height, right:right + width] for down in range(3) for right in range(3)], axis=0)


def votes(mask):
    """What five annotators say of a mask [H, W]: all of its inside, three of its outline, two of one pixel around."""
    inside = ~_grown(~mask)
    return (51 * (2 * _grown(mask).astype(int) + mask + 2 * inside)).astype(np.uint8)


def make(folder, *, size=72, seed=0):
    """Makes pictures of six birds in three classes, with boxes, CUB's split and votes; returns the masks by name.

    The archive of segmentations is unpacked beside the folder of the data set, as its own is.
    """
    root = folder / "CUB_200_2011"
    pictures, masks, backgrounds = synthetic.drawn_photographs(num_images=6, size=size, seed=seed)
    names, boxes, placed = [], [], {}
    for index, (picture, mask, background) in enumerate(zip(pictures, masks[..., 0], backgrounds)):
        name = f"{index // 2 + 1:03}.Class_{index // 2 + 1}/Bird_{index + 1:04}_{9000 + index}"
        whole = np.array(Image.fromarray(background).resize((size + 40, size + 24)))
        whole[10:10 + size, 20:20 + size] = picture
        placed[f"{name}.jpg"] = np.pad(mask.astype(bool), [(10, 14), (20, 20)])
        window = tight_window(placed[f"{name}.jpg"])
        names.append(f"{index + 1} {name}.jpg\n")
        boxes.append(f"{index + 1} {window.left}.0 {window.top}.0 {window.right - window.left}.0 "
                     f"{window.bottom - window.top}.0\n")
        for path, pixels in ((root / "images" / f"{name}.jpg", whole),
                             (folder / "segmentations" / f"{name}.png", votes(placed[f"{name}.jpg"]))):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (root / "images.txt").write_text("".join(names))
    (root / "bounding_boxes.txt").write_text("".join(boxes))
    (root / "train_test_split.txt").write_text("".join(f"{index + 1} {1 - index % 2}\n" for index in range(6)))
    return placed
