"""Several replicas do what one device does; workers that are killed go on where the checkpoint is."""

import json
import signal
import socket

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, SMALL, script

from errors import UserError
from storage.weights import read_weights
from training import distribution

# Runs as a process of its own, since the number of logical devices is fixed once: trains one task some steps, on one
# device or two, and prints each step's losses and some of the last weights.
PROGRAM = """
import sys
sys.path.insert(0, {root!r})
import flags
import json
import numpy as np
from data import backgrounds, batches, hoc, synthetic
from models.discriminator import Discriminator
from models.instance_generator import build_generator
from models.unet import build_unet
from training import distribution, environment, foreground, hoc as task
replicas = distribution.make_distribution({kind!r}, num_replicas=2 if {kind!r} == "mirrored" else 0)
environment.set_up(seed=3, deterministic=True, mixed_precision="none")
optimization = dict(generator_learning_rate=1e-4, discriminator_learning_rate=1e-4, num_steps=4)
with replicas.scope():
    if {task!r} == "foreground":
        network = build_unet(width=1 / 16, size=64, initial_mask=0.8)
        training = foreground.build_training(
            network=network, size=64, discriminator=Discriminator(widths=(8, 16, 16, 32, 16)),
            objective={{"area_constant": 0.3, "area_weight": 10.0, "area_penalty": "batch_mean"}},
            averaged_network=build_unet(width=1 / 16, size=64, initial_mask=0.8), generator_average=0.9,
            optimization=optimization)
        crops, _, pictures = synthetic.drawn_photographs(num_images=12, size=64, seed=0)
        pool = backgrounds.BackgroundPool.from_images(pictures)
        stream = batches.foreground_batches(
            crops=crops, background_pool=pool, batch_size=8, seed=0, num_steps=4,
            **replicas.shards()).map(foreground.to_training_batch)
    else:
        network = build_generator(latent_dim=3, width=1 / 16)
        layout = task.make_layout(padding=20, max_rotation=30.0, shadow_strength=0.5)
        discriminator = task.make_discriminator()
        training = task.build_training(
            scenes=task.make_scenes(network, layout), discriminator=discriminator, optimization=optimization,
            information=task.make_information(discriminator, latent_dim=3, information_weight=5.0),
            objective={{"area_constant": 0.2, "area_weight": 10.0}})
        stream = hoc.SceneStream(
            cluster=synthetic.drawn_cluster("beans", size=128, seed=0)[0], num_layers=3, latent_dim=3,
            sample_layout=layout.sample).batches(batch_size=4, seed=0, num_steps=4, **replicas.shards())
    step = replicas.step(training)
    for batch in stream:
        metrics = step(batch)[0]
        print(json.dumps({{name: float(value) for name, value in metrics.items()
                          if name.endswith(("loss", "penalty")) or name == "mask/area_mean"}}))
    averaged = training.objects().get("generator_average")
    kept = [*network.variables, *(averaged.variables if averaged else [])]
    print(json.dumps([float(np.abs(variable.numpy()).mean()) for variable in kept]))
"""


def trained(run_program, task, kind):
    """Returns the losses of four steps, and the mean size of each of the generator's and its average's variables."""
    result = run_program(PROGRAM.format(root=str(ROOT), kind=kind, task=task))
    assert result.returncode == 0, result.stderr[-3000:]
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith(("{", "["))]
    return lines[:-1], lines[-1]


@pytest.mark.parametrize("task", ["foreground", "hoc"])
def test_two_replicas_give_one_devices_losses_at_the_same_global_batch(run_program, task):
    (alone, weights), (together, shared_weights) = (trained(run_program, task, kind) for kind in ("none", "mirrored"))
    assert len(alone) == len(together) == 4
    for step, (one, two) in enumerate(zip(alone, together)):
        for name, value in one.items():
            assert two[name] == pytest.approx(value, rel=1e-3, abs=1e-4), f"step {step}, {name}"
    np.testing.assert_allclose(shared_weights, weights, rtol=5e-3, atol=1e-4)


def test_a_batch_is_cut_at_its_images():
    batch = {"foreground_inputs": tf.reshape(tf.range(2 * 4 * 3), [2, 4, 3]), "reals": tf.range(4),
             "delta_r": {"shifts": tf.reshape(tf.range(2 * 4), [2, 4])}, "step": tf.constant(7)}
    shares = [distribution.share_of(batch, index=index, count=2) for index in (0, 1)]
    np.testing.assert_array_equal(shares[0]["reals"], [0, 1])
    np.testing.assert_array_equal(shares[1]["reals"], [2, 3])
    np.testing.assert_array_equal(shares[1]["foreground_inputs"], batch["foreground_inputs"][:, 2:])
    np.testing.assert_array_equal(shares[1]["delta_r"]["shifts"], [[2, 3], [6, 7]])
    assert [int(share["step"]) for share in shares] == [7, 7]


def test_what_replicas_cannot_do_is_refused():
    alone = distribution.make_distribution("none")
    alone.check(batch_size=3, spectral_norm="tfa", jit_compile=True)  # a single device can
    alone.num_replicas = 2
    for options, message in (({"batch_size": 3}, "--batch_size=3 cannot be divided among 2 replicas"),
                             ({"batch_size": 4, "spectral_norm": "tfa"}, "use sngan"),
                             ({"batch_size": 4, "jit_compile": True}, "--jit_compile")):
        with pytest.raises(UserError, match=message):
            alone.check(**options)


@pytest.mark.parametrize("kind", ["mirrored", "multi_worker"])
def test_a_single_replica_is_trained_as_without_distribution(monkeypatch, kind):
    """As on a machine with one GPU: there is nothing to exchange, and a step outside of replicas must not be mirrored."""
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["localhost:1"]}, "task": {"type": "worker", "index": 0}}')
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["the one"] if kind == "GPU" else [])
    alone = distribution.make_distribution(kind)
    assert (alone.num_replicas, alone.num_workers, alone.is_chief) == (1, 1, True)
    with alone.scope():
        variable = tf.Variable(1.0)
        assert type(variable) is type(tf.Variable(1.0)) and not isinstance(variable, tf.distribute.DistributedValues)
        assert tf.distribute.in_cross_replica_context() is False  # what asks for its replica gets an answer


def test_a_number_of_replicas_needs_their_kind():
    with pytest.raises(UserError, match="--num_replicas=2 needs --distribute=mirrored"):
        distribution.make_distribution("none", num_replicas=2)


@pytest.mark.parametrize("config", [None, "{", '{"cluster": {}}', json.dumps(
    {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}})])
def test_a_wrong_tf_config_is_refused_with_an_example(monkeypatch, config):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UserError, match='needs the environment variable TF_CONFIG, such as {"cluster"'):
        distribution.make_distribution("multi_worker")


def free_ports(count):
    """Returns ports on which nothing listens."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Workers:
    """Two processes of a script on loopback."""

    def __init__(self, forks, arguments):
        """Starts them, as forks."""
        hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
        command = script(*arguments, "--distribute=multi_worker")[1:]
        self.processes = []
        for index in range(2):
            config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
            self.processes.append(forks.start(command, env={"TF_CONFIG": json.dumps(config)}))

    def wait_for(self, text):
        """Waits until the chief has printed a text."""
        self.processes[0].wait_for(text)

    def finish(self):
        """Waits for both to end by themselves; returns the chief's output."""
        results = [process.wait(timeout=240) for process in self.processes]
        assert [result.returncode for result in results] == [0, 0], [result.stderr[-2000:] for result in results]
        return results[0].stdout

    def kill(self):
        """Kills both, the second worker first."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=60)


@pytest.mark.parametrize("arguments", [
    ("train_fg.py", *SMALL, "--panel_every=0", "--evaluate_every=0"),
    ("train_hoc.py", "--generator_width=0.0625", "--num_layers=2", "--shadow_strength=0.5", "--batch_size=2", "--log_every=1",
     "--panel_every=0", "--evaluate_every=0", "--num_samples=0"),
], ids=["foreground", "hoc"])
def test_two_workers_train_and_after_a_kill_go_on_from_the_checkpoint(forks, arguments, tmp_path):
    run = f"--run_dir={tmp_path / 'run'}"
    killed = Workers(forks, (*arguments, run, "--save_every=2", "--num_steps=100000"))
    try:
        killed.wait_for("step 3/")
    finally:
        killed.kill()
    last = max(int(path.stem.partition("-")[2]) for path in (tmp_path / "run" / "checkpoints").glob("step-*.index"))
    going_on = Workers(forks, (*arguments, run, "--save_every=2", f"--num_steps={last + 3}"))
    try:
        output = going_on.finish()
    finally:
        going_on.kill()
    assert f"continues at step {last}" in output and f"step {last + 3}/{last + 3}" in output
    assert read_weights(tmp_path / "run" / "weights.npz")[0]["num_steps"] == last + 3
