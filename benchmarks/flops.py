"""Analytic counts of the floating-point operations that a training step needs: convolutions alone.

A multiply-add counts two. A backward pass is twice the forward pass (gradients of inputs and of kernels), but for the
first layer, whose inputs need no gradient, and for the discriminator in the generator's update, whose kernels need
none. Everything else (normalizations, activations, composition, Adam) is left out; it is memory traffic rather than
arithmetic.
"""

from models.discriminator import TABLE_1_WIDTHS, TABLE_2_WIDTHS
from models.instance_generator import CONVS, DECONVS, RGBA, START_SIZE
from models.unet import DECODER, ENCODER


def unet_layers(*, size=128, width=1.0):
    """Returns the forward operations of each layer of Table 1's UNet for one image, first layer first."""
    layers, channels, side, skips = [], 3, size, []
    for count, kernel in ENCODER:
        side //= 2
        count = round(count * width)
        layers.append(_conv(kernel, channels, count, side * side))
        channels = count
        skips.append(count)
    skips.pop()
    for count, kernel in DECODER:
        count = round(count * width)
        layers.append(_conv(kernel, channels, count, side * side))  # a deconvolution's kernel meets each input pixel
        side *= 2
        channels = count + skips.pop()
    layers.append(_conv(4, channels, 1, side * side))
    return layers


def generator_layers(*, latent_dim=5, width=1.0):
    """Returns the forward operations of each layer of Table 2's generator for one instance."""
    side, channels = START_SIZE, round(CONVS[0] * width)
    layers = [_conv(1, latent_dim, side * side * channels, 1)]
    for count in CONVS:
        layers.append(_conv(4, channels, round(count * width), side * side))
        channels = round(count * width)
    for count in (*(round(count * width) for count in DECONVS), RGBA):
        layers.append(_conv(4, channels, count, side * side))
        side, channels = 2 * side, count
    return layers


def discriminator_layers(*, size, widths):
    """Returns the forward operations of each layer of the discriminator for one image."""
    layers, channels, side = [], 3, size
    for index, count in enumerate(widths):
        side = side // 2 if index < len(widths) - 1 else side
        layers.append(_conv(3, channels, count, side * side))
        channels = count
    layers.append(_conv(1, channels, 1, side * side))
    return layers


def foreground_step(*, batch_size, size=128, width=1.0):
    """Returns the operations of one step of the foreground task."""
    network, judge = unet_layers(size=size, width=width), discriminator_layers(size=size, widths=TABLE_1_WIDTHS)
    return batch_size * (_trained(network) + _passed_through(judge) + 2 * _trained(judge))


def cluster_step(*, batch_size, num_layers, latent_dim=5, width=1.0, num_recognized_layers=0):
    """Returns the operations of one step of the cluster task with the shared recognition head (S8)."""
    network = generator_layers(latent_dim=latent_dim, width=width)
    judge = discriminator_layers(size=64, widths=TABLE_2_WIDTHS)
    recognized = num_recognized_layers or num_layers
    return batch_size * (num_layers * _trained(network) + (1 + recognized) * _passed_through(judge)
                         + 2 * _trained(judge))


def distillation_step(*, batch_size, size=128, width=1.0):
    """Returns the operations of one step of distillation."""
    return batch_size * _trained(unet_layers(size=size, width=width))


def _conv(kernel, channels_in, channels_out, pixels):
    """Returns the operations of a convolution: two per kernel weight and pixel where the kernel is laid."""
    return 2 * kernel * kernel * channels_in * channels_out * pixels


def _trained(layers):
    """Returns the operations of a forward and a backward pass that trains the layers; inputs need no gradient."""
    return 3 * sum(layers) - layers[0]


def _passed_through(layers):
    """Returns the operations of a forward pass and of the gradient of its inputs alone."""
    return 2 * sum(layers)
