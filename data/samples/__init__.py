"""Sample images that come with the project; `ATTRIBUTION.md` beside this file says whose they are.

All constants but one are absolute paths. `PETS_IMAGES`, `PETS_MASKS` and `PETS_BOXES` are arguments for
`data.folder.list_photographs`, `BACKGROUNDS` one for `data.backgrounds.load_folder`, and `FRUIT_IMAGE` and
`LIMES_IMAGE` are clusters of many instances of one kind. `PETS_BOXES_SEEN` and `PETS_BOXES_UNSEEN` are the two parts
of `PETS_BOXES` that a pretrained student has seen and has not.
"""

import os

_ROOT = os.path.dirname(os.path.abspath(__file__))

PETS_IMAGES = os.path.join(_ROOT, "pets", "images")
PETS_MASKS = os.path.join(_ROOT, "pets", "masks")
PETS_BOXES = os.path.join(_ROOT, "pets", "boxes.txt")
PETS_BOXES_SEEN = os.path.join(_ROOT, "pets", "boxes_seen.txt")
PETS_BOXES_UNSEEN = os.path.join(_ROOT, "pets", "boxes_unseen.txt")
BACKGROUNDS = os.path.join(_ROOT, "backgrounds")
FRUIT_IMAGE = os.path.join(_ROOT, "hoc", "oranges.png")
FRUIT_WINDOW_SIZE = 78  # pixels of it: 1.5 times the width of the biggest orange
LIMES_IMAGE = os.path.join(_ROOT, "hoc", "limes.png")
