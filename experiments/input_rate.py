"""How many steps per second the input pipeline alone delivers, without training.

    python experiments/input_rate.py --dataset=birds --data_dir=CUB_200_2011 --backgrounds=landscapes --batch_size=16
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402

from data import batches, images, photographs  # noqa: E402


def main(argv):
    """Loads the data, draws batches, prints rates."""
    del argv
    options = flags.FLAGS
    dataset = photographs.dataset_name(dataset=options.dataset, images=options.images)
    start = time.perf_counter()
    found = photographs.list_photographs(dataset=dataset, data_dir=options.data_dir, images=options.images,
                                         boxes=options.boxes, masks=options.masks, split=options.split)
    crops = images.load_crops(found, size=options.image_size, crop_mode=options.crop)
    pool = photographs.load_backgrounds(backgrounds_flag=options.backgrounds, dataset=dataset, photographs=found,
                                        size=options.image_size)
    print(f"{len(crops)} photographs and {pool.num_images} backgrounds decoded in {time.perf_counter() - start:.1f} s")
    stream = iter(batches.foreground_batches(crops=crops, background_pool=pool, batch_size=options.batch_size, seed=0,
                                             num_steps=options.num_steps + 5))
    for _ in range(5):
        next(stream)
    start = time.perf_counter()
    steps = sum(1 for _ in stream)
    rate = steps / (time.perf_counter() - start)
    print(f"{rate:.1f} steps/s at batch size {options.batch_size}: {rate * options.batch_size:.0f} "
          "composites' inputs/s (a photograph, a background patch and a real photograph each)")


if __name__ == "__main__":
    flags.define_data()
    flags.define_backgrounds()
    absl_flags.DEFINE_integer("batch_size", 16, "Composites per step.", lower_bound=1)
    absl_flags.DEFINE_integer("num_steps", 200, "Steps that are timed.", lower_bound=1)
    flags.run(main)
