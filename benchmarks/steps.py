"""Times training steps of every task, beside what the machine can do: one table, and a JSON file.

    python benchmarks/steps.py                                             # full width, batch 16, float32
    python benchmarks/steps.py --tasks=foreground --batch_sizes=8,16,32,64 --precisions=none,bfloat16
    python benchmarks/steps.py --tasks=cluster --layers=4,8,16 --out=cluster.json
    python benchmarks/steps.py --convolutions=direct,fast              # what the fewer multiplications bring

    python benchmarks/steps.py --together --jit_compile=true,false         # on a GPU, where compiling takes longest

Each line is a process of its own, so that memory and settings do not leak from one into the next. With `--together` all
processes start and warm up at the same time, and are then timed one after another.
"""

import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import config  # noqa: E402  before TensorFlow
from absl import flags as absl_flags  # noqa: E402

import errors  # noqa: E402
from storage import atomic  # noqa: E402

WARM = "warm\n"  # what a process prints when it can be timed
TASKS = ("foreground", "cluster", "distillation")
COLUMNS = ("task", "batch_size", "num_layers", "image_size", "width", "cores", "precision", "jit_compile", "convolutions",
           "median_s", "spread_s", "images_per_s", "gflop", "gflop_per_s", "share_of_peak", "peak_memory_mib")


@config.frozen
class Options:
    """The script's flags."""

    tasks: list
    batch_sizes: list
    layers: list
    precisions: list
    convolutions: list
    num_recognized_layers: int
    jit_compile: list
    together: bool
    generator_width: float
    image_size: int
    cores: int
    seconds: float
    out: Optional[str]
    one: Optional[str]


def build(task, *, batch_size, num_layers, precision, jit_compile, width, convolutions="auto", num_recognized_layers=0,
          image_size=128):
    """Builds a task's training on random pictures. Returns (step, one batch, operations per step)."""
    import numpy as np
    import tensorflow as tf
    from benchmarks import flops
    from data import hoc
    from models.discriminator import Discriminator
    from models.instance_generator import build_generator
    from models.unet import build_unet
    from training import distillation, environment, foreground, hoc as cluster_task, optimizers

    environment.set_up(seed=0, deterministic=False, mixed_precision=precision, convolutions=convolutions)
    generator = np.random.default_rng(0)
    optimization = {"generator_learning_rate": 4e-4, "discriminator_learning_rate": 2e-4, "num_steps": 1000,
                    "mixed_precision": precision}

    def pictures(channels=3):
        return tf.constant(generator.integers(0, 256, [batch_size, image_size, image_size, channels], np.uint8))

    if task == "cluster":
        network = build_generator(latent_dim=5, width=width)
        layout, discriminator = cluster_task.make_layout(padding=30), cluster_task.make_discriminator()
        information = cluster_task.make_information(discriminator, latent_dim=5, information_weight=50.0,
                                                    num_recognized_layers=num_recognized_layers)
        training = cluster_task.build_training(
            scenes=cluster_task.make_scenes(network, layout), discriminator=discriminator, information=information,
            objective={"area_constant": 0.1, "area_weight": 1000.0}, jit_compile=jit_compile, optimization=optimization)
        picture = generator.integers(0, 256, [128, 128, 3], np.uint8)
        batch = next(iter(hoc.SceneStream(
            cluster=picture, num_layers=num_layers, latent_dim=5,
            sample_layout=layout.sample).batches(batch_size=batch_size, seed=0, num_steps=1)))
        return training.step, batch, flops.cluster_step(
            batch_size=batch_size, num_layers=num_layers, width=width, num_recognized_layers=num_recognized_layers)
    network = build_unet(width=width, size=image_size)
    sizes = {"batch_size": batch_size, "width": width, "size": image_size}
    if task == "distillation":
        adam = optimizers.make_optimizer(network.trainable_variables, learning_rate=4e-4, num_steps=1000,
                                         mixed_precision=precision)
        training = distillation.Distillation(student=network, optimizer=adam, jit_compile=jit_compile)
        batch = {"photographs": pictures(), "masks": pictures(1), "backgrounds": pictures(),
                 "step": tf.constant(0, tf.int64)}
        return training.step, batch, flops.distillation_step(**sizes)
    training = foreground.build_training(
        network=network, discriminator=Discriminator(), size=image_size, optimization=optimization,
        objective={"area_constant": 0.25, "area_weight": 1000.0}, jit_compile=jit_compile)
    batch = {"foreground_inputs": pictures()[tf.newaxis], "background_inputs": pictures(),
             "reals": pictures(), "step": tf.constant(0, tf.int64)}
    return training.step, batch, flops.foreground_step(**sizes)


def timed(function, *, seconds, warm_up):
    """Returns the durations in seconds of calls of a function, made one after another for about so long."""
    for _ in range(warm_up):
        function()
    durations, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(durations) < 3:
        start = time.perf_counter()
        function()
        durations.append(time.perf_counter() - start)
    return durations


def measure_peaks(*, precision, seconds):
    """Measures what the device reaches: a large matrix product, and a 3x3 convolution of the discriminator's size.

    Returns:
      dict of GFLOP/s by name.
    """
    import tensorflow as tf

    dtype = tf.float32 if precision == "none" else tf.dtypes.as_dtype(precision)
    size, count = (8192, 2048) if tf.config.list_physical_devices("GPU") else (2048, 32)
    matrix = tf.cast(tf.random.uniform([size, size]), dtype)
    images = tf.cast(tf.random.uniform([count, 16, 16, 256]), dtype)
    kernel = tf.cast(tf.random.uniform([3, 3, 256, 512]), dtype)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)[:1, :1]))
    convolution = tf.function(lambda: tf.reduce_sum(tf.nn.conv2d(images, kernel, 2, "SAME")[0, 0, 0, :1]))
    operations = {"matrix_product": 2 * size**3, "convolution": 2 * 9 * 256 * 512 * count * 8 * 8}
    peaks = {}
    for name, function in (("matrix_product", product), ("convolution", convolution)):
        median = statistics.median(timed(lambda call=function: call().numpy(), seconds=seconds / 4, warm_up=2))
        peaks[name] = operations[name] / median / 1e9
    return peaks


def peak_memory_mib():
    """Returns the most memory that was in use so far: the GPU's by tensors, or the process' without one."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(task, *, batch_size, num_layers, precision, jit_compile, width, seconds, wait=lambda: None, cores=0, **options):
    """Times one configuration. Returns a dict with `COLUMNS`, and `peaks` in GFLOP/s; options are of `build`.

    `wait` is called when the step is warm: it returns when it may be timed. The process keeps to `cores` of its cores; 0:
    it keeps all.
    """
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])  # before TensorFlow makes its threads
    step, batch, operations = build(task, batch_size=batch_size, num_layers=num_layers, precision=precision,
                                    jit_compile=jit_compile, width=width, **options)

    def one_step():
        metrics, _ = step(batch)
        list(metrics.values())[-1].numpy()  # waits for the device, which makes one update after the other

    timed(one_step, seconds=0.0, warm_up=3)
    memory = peak_memory_mib()
    wait()
    durations = timed(one_step, seconds=seconds, warm_up=1)
    peaks = measure_peaks(precision=precision, seconds=seconds)
    median = statistics.median(durations)
    rate = operations / median / 1e9
    return {"task": task, "batch_size": batch_size, "num_layers": num_layers if task == "cluster" else 1,
            "precision": precision, "jit_compile": jit_compile, "width": width,
            "cores": len(os.sched_getaffinity(0)), "image_size": 128, **options, "num_steps": len(durations),
            "median_s": median, "spread_s": max(durations) - min(durations), "images_per_s": batch_size / median,
            "gflop": operations / 1e9, "gflop_per_s": rate, "share_of_peak": rate / max(peaks.values()),
            "peaks": peaks, "peak_memory_mib": memory}


def format_table(results):
    """Returns the results as lines of text."""
    lines = ["  ".join(COLUMNS)]
    for result in results:
        cells = (result[name] for name in COLUMNS)
        lines.append("  ".join((f"{cell:.3f}" if isinstance(cell, float) else str(cell)).rjust(len(name))
                               for name, cell in zip(COLUMNS, cells)))
    return "\n".join(lines)


def configurations(options):
    """Yields what `measure` takes, for each combination of the flags' values."""
    for task, batch_size, precision, convolutions, compiled in itertools.product(
            options.tasks, map(int, options.batch_sizes), options.precisions, options.convolutions,
            options.jit_compile):
        for num_layers in map(int, options.layers) if task == "cluster" else (1,):
            yield {"task": task, "batch_size": batch_size, "num_layers": num_layers, "precision": precision,
                   "jit_compile": compiled == "true", "width": options.generator_width, "seconds": options.seconds,
                   "convolutions": convolutions, "num_recognized_layers": options.num_recognized_layers,
                   "image_size": options.image_size, "cores": options.cores}


def start(one):
    """Starts the process of one configuration, which says when it is warm and waits for a line before it is timed."""
    return subprocess.Popen([sys.executable, __file__, f"--one={json.dumps(one)}"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def is_warm(process):
    """Waits until a process is warm. Returns whether it is, or has ended."""
    return any(line == WARM for line in process.stdout)


def result_of(process):
    """Lets a warm process be timed. Returns what it measured, or None if it failed."""
    output, _ = process.communicate("go\n")
    return None if process.returncode else json.loads(output.splitlines()[-1])


def run_all(wanted, *, together):
    """Times configurations, each in a process of its own. Yields (configuration, result or None)."""
    for group in [wanted] if together else [[one] for one in wanted]:
        processes = [start(one) for one in group]
        warm = [is_warm(process) for process in processes]
        for one, process, is_ready in zip(group, processes, warm):
            yield one, result_of(process) if is_ready else None


def time_all(wanted, *, together=False, out=None):
    """Times configurations as `run_all`, prints each and writes the JSON file. Returns the results that there are."""
    results = []
    for one, result in run_all(wanted, together=together):
        if result is None:
            print(f"{one} failed", file=sys.stderr)
            continue
        results.append(result)
        print(format_table(results[-1:]), flush=True)
        if out:
            atomic.write(out, json.dumps(results, indent=2))
    return results


def main(argv):
    """Runs each configuration in a process of its own, prints the table, writes the JSON file."""
    del argv
    options = config.from_flags(Options)
    if options.one:
        def wait():
            print(WARM, end="", flush=True)
            sys.stdin.readline()

        print(json.dumps(measure(**json.loads(options.one), wait=wait)))
        return
    results = time_all(list(configurations(options)), together=options.together, out=options.out)
    print("\n" + format_table(results))


if __name__ == "__main__":
    absl_flags.DEFINE_list("tasks", list(TASKS), "Which tasks.")
    absl_flags.DEFINE_list("batch_sizes", ["16"], "Batch sizes.")
    absl_flags.DEFINE_list("layers", ["8"], "Instance layers N of the cluster task.")
    absl_flags.DEFINE_list("precisions", ["none"], "Of none, bfloat16, float16.")
    absl_flags.DEFINE_list("convolutions", ["auto"], "Of auto, direct, fast.")
    absl_flags.DEFINE_integer("num_recognized_layers", 0,
                              "Of how many layers the information term is computed; 0: all.")
    absl_flags.DEFINE_list("jit_compile", ["false"], "Of true, false: whether the updates are compiled with XLA.")
    absl_flags.register_validator("jit_compile", lambda values: set(values) <= {"true", "false"},
                                  message="must be of true, false")
    absl_flags.DEFINE_bool("together", False, "Let all processes warm up at the same time; they are timed one after "
                           "another all the same. Memory must be enough for all of them.")
    absl_flags.DEFINE_float("generator_width", 1.0, "Factor on the generator's channels.")
    absl_flags.DEFINE_integer("image_size", 128, "Side of photographs in pixels; windows of a cluster have 64.")
    absl_flags.DEFINE_integer("cores", 0, "Of how many processor cores a process may use; 0: of all.", lower_bound=0)
    absl_flags.DEFINE_float("seconds", 30.0, "Time spent on each configuration.")
    absl_flags.DEFINE_string("out", None, "JSON file.")
    absl_flags.DEFINE_string("one", None, "One configuration as JSON, in this process (used by the script itself).")
    errors.run(main)
