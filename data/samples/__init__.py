"""Sample images that come with the project; `ATTRIBUTION.md` beside this file says whose they are.

All constants but one are absolute paths. Images, masks and boxes are arguments for `data.folder.list_photographs`, and
`BACKGROUNDS` is one for `data.backgrounds.load_folder`. `..._BOXES_SEEN` and `..._BOXES_UNSEEN` are the two parts of the
boxes that a pretrained student has seen and has not. `FRUIT_IMAGE`, `LIMES_IMAGE` and `HAZELNUTS_IMAGE` are clusters of
many instances of one kind, and so is the micrograph `NUCLEI_IMAGE`, whose labels are uint16 [H, W].
The middles of a fruit cluster's instances are in `..._POINTS` (`data.points`).
"""

import os

_ROOT = os.path.dirname(os.path.abspath(__file__))

AIRPLANES_IMAGES = os.path.join(_ROOT, "airplanes", "images")
AIRPLANES_BOXES = os.path.join(_ROOT, "airplanes", "boxes.txt")
AIRPLANES_BOXES_SEEN = os.path.join(_ROOT, "airplanes", "boxes_seen.txt")
AIRPLANES_BOXES_UNSEEN = os.path.join(_ROOT, "airplanes", "boxes_unseen.txt")
PETS_IMAGES = os.path.join(_ROOT, "pets", "images")
PETS_MASKS = os.path.join(_ROOT, "pets", "masks")
PETS_BOXES = os.path.join(_ROOT, "pets", "boxes.txt")
PETS_BOXES_SEEN = os.path.join(_ROOT, "pets", "boxes_seen.txt")
PETS_BOXES_UNSEEN = os.path.join(_ROOT, "pets", "boxes_unseen.txt")
BACKGROUNDS = os.path.join(_ROOT, "backgrounds")
FRUIT_IMAGE = os.path.join(_ROOT, "hoc", "oranges.png")
FRUIT_WINDOW_SIZE = 78  # pixels of it: 1.5 times the width of the biggest orange
LIMES_IMAGE = os.path.join(_ROOT, "hoc", "limes.png")
HAZELNUTS_IMAGE = os.path.join(_ROOT, "hoc", "hazelnuts.jpg")
FRUIT_POINTS, LIMES_POINTS, HAZELNUTS_POINTS = (
    os.path.join(_ROOT, "hoc", f"{name}.points.json") for name in ("oranges", "limes", "hazelnuts"))
NUCLEI_IMAGE = os.path.join(_ROOT, "nuclei", "07fb37aa.png")
NUCLEI_LABELS = os.path.join(_ROOT, "nuclei", "07fb37aa_labels.png")
