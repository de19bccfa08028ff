"""The analytic counts against the networks themselves."""

import numpy as np
import tensorflow as tf

from benchmarks import flops
from models.discriminator import Discriminator, TABLE_1_WIDTHS, TABLE_2_WIDTHS
from models.instance_generator import InstanceGenerator
from models.unet import UNet


def counted(network, inputs):
    """Operations of each convolution as it runs: two per kernel weight and pixel on the side of the fewer pixels."""
    counts = []

    def record(layer, call):
        def recording(x, *args, **kwargs):
            y = call(x, *args, **kwargs)
            pixels = min(int(np.prod(x.shape[1:3])), int(np.prod(y.shape[1:3])))
            counts.append(2 * int(np.prod(layer.kernel.shape)) * pixels)
            return y
        return recording

    network(inputs)
    for module in network.submodules:
        if isinstance(module, tf.keras.layers.Layer) and hasattr(module, "kernel"):
            module.call = record(module, module.call)
    network(inputs)
    return counts


def test_the_unet_costs_what_is_counted():
    assert counted(UNet(width=0.25), tf.zeros([1, 128, 128, 3])) == flops.unet_layers(width=0.25)


def test_the_instance_generator_costs_what_is_counted():
    network = InstanceGenerator(width=0.25)
    assert counted(network, tf.zeros([1, 5])) == flops.generator_layers(latent_dim=5, width=0.25)


def test_the_discriminators_cost_what_is_counted():
    for size, widths in ((128, TABLE_1_WIDTHS), (64, TABLE_2_WIDTHS)):
        network = Discriminator(widths=widths)
        assert counted(network, tf.zeros([1, size, size, 3])) == flops.discriminator_layers(size=size, widths=widths)


def test_a_step_is_the_passes_that_it_makes():
    network, judge = sum(flops.unet_layers()), sum(flops.discriminator_layers(size=128, widths=TABLE_1_WIDTHS))
    first = flops.unet_layers()[0] + 2 * flops.discriminator_layers(size=128, widths=TABLE_1_WIDTHS)[0]
    # Of each image: the network is trained (3 passes), composites go through the discriminator and back (2), and the
    # discriminator is trained on a composite and a real image (2 * 3).
    assert flops.foreground_step(batch_size=4) == 4 * (3 * network + 2 * judge + 6 * judge - first)
