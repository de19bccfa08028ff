"""How many steps per second the input pipeline alone delivers, without training.

    python experiments/input_rate.py --dataset=birds --data_dir=CUB_200_2011 --backgrounds=landscapes --batch_size=16
    python experiments/input_rate.py --cluster                             # windows of the bundled oranges
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import flags  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402

import config  # noqa: E402
import errors  # noqa: E402
from data import batches, hoc, photographs, samples  # noqa: E402


@config.frozen
class Options:
    """The script's flags."""

    cluster: bool
    batch_size: int
    num_steps: int


def photograph_stream(options, num_steps):
    """Loads photographs and backgrounds; returns their batches and what is in one, for people."""
    data = photographs.load_training_data(config.from_flags(config.Data))
    stream = batches.foreground_batches(crops=data.crops, background_pool=data.pool, batch_size=options.batch_size,
                                        seed=0, num_steps=num_steps)
    return stream, "a photograph, a background patch and a real photograph each"


def cluster_stream(options, num_steps):
    """Loads the bundled oranges; returns their batches and what is in one, for people."""
    cluster = hoc.load_cluster(samples.FRUIT_IMAGE, window_size=samples.FRUIT_WINDOW_SIZE)
    stream = hoc.SceneStream(cluster=cluster, num_layers=10, latent_dim=5).batches(
        batch_size=options.batch_size, seed=0, num_steps=num_steps)
    return stream, "a real window, a background window and ten latent vectors each"


def main(argv):
    """Loads the data, draws batches, prints rates."""
    del argv
    options = config.from_flags(Options)
    start = time.perf_counter()
    stream, content = (cluster_stream if options.cluster else photograph_stream)(options, options.num_steps + 5)
    print(f"loaded in {time.perf_counter() - start:.1f} s")
    stream = iter(stream)
    for _ in range(5):
        next(stream)
    start = time.perf_counter()
    steps = sum(1 for _ in stream)
    rate = steps / (time.perf_counter() - start)
    print(f"{rate:.1f} steps/s at batch size {options.batch_size}: "
          f"{rate * options.batch_size:.0f} composites' inputs/s ({content})")


if __name__ == "__main__":
    flags.define_data()
    flags.define_backgrounds()
    absl_flags.DEFINE_bool("cluster", False, "Time windows of a cluster instead of photographs.")
    absl_flags.DEFINE_integer("num_evaluation_images", 1, "Masks that are loaded beside photographs.", lower_bound=1)
    absl_flags.DEFINE_integer("batch_size", 16, "Composites per step.", lower_bound=1)
    absl_flags.DEFINE_integer("num_steps", 200, "Steps that are timed.", lower_bound=1)
    errors.run(main)
