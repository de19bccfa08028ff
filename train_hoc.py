"""Learns single instances with masks from one photograph of a cluster: the paper's second application.

    python train_hoc.py --flagfile=experiments/best/hoc_fruit_shadow.flags --seed=1     # the bundled oranges
    python train_hoc.py --drawn_cluster=ellipses                           # known masks, measured against

A photograph of one's own, and the settings for it:

    python train_hoc.py --flagfile=experiments/best/hoc_seed_twelve.flags --image=beans.jpg --window_size=96
    python train_hoc.py --image=beans.jpg --suggest

Without a flagfile it is Table 4's fruit row as printed, which makes lattices (docs/clusters.md). The same command continues a run
that was stopped or killed.
"""

import os
import sys
from typing import Optional

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # with PYTHONSAFEPATH, too

import flags  # before TensorFlow, whose environment it sets
import numpy as np

import cluster_flags
import config
import errors
import flag_sources
from data import hoc, images, samples
from errors import UserError
from evaluation import wholeness
from inference.sampler import write_samples
from training import hoc as task
from training import environment, hoc_checks, loop, suggestion

PAPER_AREA = 0.25  # Table 4, fruit and seed


def train(options: config.Cluster, run: loop.OpenRun, *, cluster: np.ndarray, shapes: Optional[np.ndarray]) -> None:
    """Builds, trains, and writes weights and samples; `cluster` and `shapes` as of `data.hoc.load`."""
    run.check_data(images.fingerprint(cluster))
    built = task.build(options, cluster=cluster, is_new=not run.continues)
    darkest = wholeness.dark_level(cluster)
    monitor = task.monitor(options, built, darkest=darkest, shapes=shapes)
    print(task.describe(options, cluster), flush=True)
    run.train(built.training, make_batches=task.batch_maker(options, built, **run.replicas.shards()), monitor=monitor,
              network=built.scenes.foreground_provider.network, metadata=dict(
                  task="hoc", network="instance_generator", width=options.generator.generator_width,
                  latent_dim=options.scenes.latent_dim, area_constant=options.objective.area_constant,
                  **task.disk_options(options), dark_level=darkest))
    if options.scenes.num_samples and run.replicas.is_chief:
        write_samples(monitor.sampler, run.folder.path / "samples", num_samples=options.scenes.num_samples)


def check_window(scenes: config.Scenes) -> None:
    """Refuses a photograph that is given in the command without a window size, where a flagfile has that of another one."""
    given = flag_sources.in_command(sys.argv)
    if scenes.window_size is None or "image" not in given or "window_size" in given:
        return
    known = [line.partition("=")[2] for _, name, line in flag_sources.in_flagfiles(sys.argv) if name == "image"]
    if os.path.realpath(scenes.image) != os.path.realpath((known or [samples.FRUIT_IMAGE])[-1]):
        raise UserError(f"--window_size={scenes.window_size} is the flagfile's, for another photograph; give that of "
                        f"{scenes.image} in the command, as --suggest says it.")


def main(argv: list[str]) -> None:
    """Trains, or continues a run."""
    del argv
    options = config.from_flags(config.Cluster)
    if options.suggest:
        print(suggestion.suggest(hoc.load_unscaled(options.scenes), image=options.scenes.image or samples.FRUIT_IMAGE,
                                 apart=options.scenes.background != "disk", gamma=options.scenes.gamma))
        return
    check_window(options.scenes)
    given = environment.precision_given(options.process.mixed_precision, distribute=options.run.distribute)
    options = config.with_area(config.from_flags(config.Cluster, given=given), PAPER_AREA)
    hoc_checks.check(options)
    cluster, shapes = hoc.load(options.scenes, seed=options.run.seed)
    with loop.open_run(options, flag_lines=config.flag_lines(given), default_lines=config.default_lines(),
                       changeable=(*flags.CHANGEABLE, "num_samples", "num_panel_layers"),
                       spectral_norm=options.discriminator.spectral_norm) as run:
        train(options, run, cluster=cluster, shapes=shapes)


if __name__ == "__main__":
    cluster_flags.define_cluster()
    flags.define_generator()
    flags.define_discriminator()
    flags.define_objective(area_constant=f"{PAPER_AREA} (Table 4, fruit and seed)")
    flags.define_players()
    flags.define_optimization(batch_size=16, num_steps=5000)
    flags.define_run(run_dir="runs/hoc", evaluated="sampled instances", num_evaluated=256,
                     most_evaluated=flags.MOST_MEASURED)
    errors.run(main)
