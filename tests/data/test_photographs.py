"""What the scripts' flags say of photographs and backgrounds."""

import numpy as np
from PIL import Image
import pytest

from data import backgrounds, photographs
from data.images import Photograph
from errors import UserError


def _data(tmp_path, *, box):
    path = str(tmp_path / "a.png")
    Image.new("RGB", (60, 40), (1, 2, 3)).save(path)
    pool = backgrounds.BackgroundPool.from_images([np.zeros((16, 16, 3), np.uint8)])
    return photographs.TrainingData(np.zeros((1, 16, 16, 3), np.uint8), {}, [Photograph("a", path, box, None)], pool)


def test_own_backgrounds_are_looked_for_only_if_asked_for_and_cut_once(tmp_path):
    data = _data(tmp_path, box=(0.0, 0.0, 20.0, 40.0))
    assert photographs.load_own_backgrounds(data, backgrounds_flag="folder", share=0.0) is None
    own = photographs.load_own_backgrounds(data, backgrounds_flag="folder", share=0.5)
    assert own.pool is not data.pool and own.pictures.tolist() == [0] and own.pool.sizes.numpy().tolist() == [[40, 40]]
    again = data._replace(pool=own.pool)
    assert photographs.load_own_backgrounds(again, backgrounds_flag="outside_boxes", share=0.5).pool is own.pool


def test_photographs_without_boxes_have_no_own_backgrounds(tmp_path):
    with pytest.raises(UserError, match="own_background_share=0.5 takes patches of the photographs: .*a.png has no box"):
        photographs.load_own_backgrounds(_data(tmp_path, box=None), backgrounds_flag="folder", share=0.5)
