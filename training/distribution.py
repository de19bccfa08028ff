"""Where a run's replicas are: one device, all devices of a machine, or several machines (tf.distribute).

What a number of replicas changes and what it does not:

* `--batch_size` is the global batch: each of R replicas gets the B / R images that stand at its place in it, and draws
  the same layouts for them as a single device does. Losses are divided by R and gradients added up, so that an update is
  the single device's, up to rounding. Two things are drawn otherwise, from the same distributions: what `--augmentation`
  changes, and with several discriminator updates which images are in which update.
* Batch normalization takes its statistics over the global batch (synchronized), and so does the area penalty of the
  batch's mean. The moving variances, which are used after training, are the batch's own over several devices. On one device they
  are the sample's: its fused kernel multiplies them by n / (n - 1), n values per channel. The two are 8 / 7 apart at
  worst, at the UNet's middle with eight crops of 64 pixels.
* Power iterations depend on the kernels alone: each replica makes the same, and the first one's vector is kept.
* Checkpoints, panels and figures are written by the chief (worker 0). A checkpoint does not know how many replicas
  there were, so a run can go on with another number.
* Metrics are means over replicas; standard deviations (`mask/area_std`) are therefore within replicas.
"""

import json
import os
from typing import Any, Callable

import tensorflow as tf

from errors import UserError

KINDS = ("none", "mirrored", "multi_worker")
_PER_BATCH = ("step",)  # the same in all shares of a batch
_BATCH_AXIS = {"foreground_inputs": 1, "delta_r": 1}  # elsewhere 0
_ONE_DEVICE = tf.distribute.get_strategy  # called outside of any scope, it returns TensorFlow's default strategy


class Distribution:
    """A strategy, and how batches and steps are divided among its replicas.

    Attributes:
      num_replicas: replicas in all, R.
      num_workers: processes in all.
      worker_index: this process among them.
      is_chief: whether this process writes.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        """Takes a `tf.distribute.Strategy`."""
        self._strategy = strategy
        resolver = strategy.cluster_resolver
        cluster = resolver.cluster_spec().as_dict() if resolver else {}
        self.num_replicas = strategy.num_replicas_in_sync
        self.num_workers = len(cluster.get("worker", [])) + len(cluster.get("chief", [])) or 1
        self.worker_index = _worker_index(resolver, cluster) if self.num_workers > 1 else 0
        self.is_chief = self.worker_index == 0

    def scope(self) -> Any:
        """Returns the context in which networks and optimizers are made and trained."""
        return self._strategy.scope()

    def shards(self) -> dict[str, int]:
        """Returns which share of each global batch this process's dataset yields, as datasets take it."""
        return {"shards": self.num_workers, "shard_index": self.worker_index}

    def check(self, *, batch_size: int, spectral_norm: str = "sngan", jit_compile: bool = False) -> None:
        """Refuses what replicas cannot do.

        Raises:
          UserError: the batch cannot be divided, or an option needs a single replica.
        """
        if self.num_replicas == 1:
            return
        if batch_size % self.num_replicas:
            raise UserError(f"--batch_size={batch_size} cannot be divided among {self.num_replicas} replicas.")
        if spectral_norm == "tfa":
            raise UserError("--spectral_norm=tfa overwrites kernels in each replica on its own; use sngan with "
                            "--distribute.")
        if jit_compile:
            raise UserError("--jit_compile cannot compile exchanges between replicas; leave it out with --distribute.")

    def step(self, training: Any) -> Callable:
        """Returns a function of this process's share of a batch, which makes one step on all replicas.

        Args:
          training: object with `step(batch)` for a single device and `replica_step(batch)`, the same without
            `tf.function`s of its own, after which `finish_step()` is called once; both return (metrics, anything).

        Returns:
          Callable that returns (metrics, None or anything).
        """
        if self.num_replicas == 1:
            return training.step
        strategy = self._strategy
        num_local = self.num_replicas // self.num_workers

        @tf.function(autograph=False)
        def run(shares: Any) -> Any:
            metrics = strategy.run(lambda share: training.replica_step(share)[0], args=(shares,))
            training.finish_step()
            return {name: strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
                    for name, value in metrics.items()}

        def step(batch: dict) -> tuple[dict, None]:
            def share(context: Any) -> Any:
                return share_of(batch, index=context.replica_id_in_sync_group % num_local, count=num_local)

            return run(strategy.experimental_distribute_values_from_function(share)), None

        return step


def share_of(batch: dict, *, index: int, count: int) -> dict:
    """Cuts a batch into shares of equal numbers of images.

    Args:
      batch: tensors by name, as of `AdversarialTraining` or `Distillation`.
      index: number of the share, from 0.
      count: how many shares there are.

    Returns:
      dict of the same names; what belongs to the whole batch is in each share.
    """

    def cut(name: str) -> Any:
        axis = _BATCH_AXIS.get(name, 0)
        return tf.nest.map_structure(lambda value: tf.split(value, count, axis=axis)[index], batch[name])

    return {name: batch[name] if name in _PER_BATCH else cut(name) for name in batch}


def make_distribution(kind: str, *, num_replicas: int = 0) -> "Distribution":
    """Makes what `--distribute` asks for; call it before anything else of TensorFlow.

    Args:
      kind: 'none'; 'mirrored', one replica per GPU of this machine; 'multi_worker', the processes that the environment
        variable TF_CONFIG names, one replica per GPU of each, or one on each one's CPU.
      num_replicas: for 'mirrored', how many replicas: the first so many GPUs, or without any, parts of the CPU (to try
        things out); 0 is all GPUs.

    Returns:
      `Distribution`.

    Raises:
      UserError: there are fewer GPUs, TF_CONFIG is missing or wrong, or a number of replicas goes with another kind.
      ValueError: on an unknown kind.
    """
    if num_replicas and kind != "mirrored":
        raise UserError(f"--num_replicas={num_replicas} needs --distribute=mirrored.")
    if kind == "none":
        return Distribution(_ONE_DEVICE())
    tf.get_logger().setLevel("WARNING")  # otherwise each exchange between replicas is announced as it is traced
    if kind == "mirrored":
        devices = _local_devices(num_replicas)
        return Distribution(tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else _ONE_DEVICE())
    if kind == "multi_worker":
        num_workers = _check_tf_config()
        if num_workers == 1 and len(tf.config.list_physical_devices("GPU")) < 2:
            return Distribution(_ONE_DEVICE())
        return Distribution(tf.distribute.MultiWorkerMirroredStrategy())
    raise ValueError(f"kind of distribution is {kind!r}, expected one of {', '.join(KINDS)}")


def _local_devices(num_replicas: int) -> list[str]:
    """Returns the names of the GPUs, or of as many parts of the CPU, that are replicas."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        if num_replicas > len(gpus):
            raise UserError(f"--num_replicas={num_replicas}, but this machine has {len(gpus)} GPUs.")
        return [f"GPU:{index}" for index in range(num_replicas or len(gpus))]
    if num_replicas < 2:
        raise UserError("--distribute=mirrored finds no GPU; give --num_replicas=2 or more to try it on parts of the "
                        "CPU.")
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * num_replicas)
    return [f"CPU:{index}" for index in range(num_replicas)]


def _check_tf_config() -> None:
    """Refuses a TF_CONFIG that is missing, or that does not say who is who. Returns how many workers it names."""
    example = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        workers, task = config["cluster"]["worker"], config["task"]
        if task["type"] != "worker" or not 0 <= int(task["index"]) < len(workers):
            raise ValueError("the task is none of the workers")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"--distribute=multi_worker needs the environment variable TF_CONFIG, such as {example} "
                        f"({type(error).__name__}: {error}).") from error
    return len(workers) + len(config["cluster"].get("chief", []))


def _worker_index(resolver: Any, cluster: Any) -> int:
    """Returns this process's number, chief first."""
    return resolver.task_id + (len(cluster.get("chief", [])) if resolver.task_type == "worker" else 0)
