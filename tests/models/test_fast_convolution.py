"""Convolutions as matrix products, held against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from models import fast_convolution, minimal_filtering
from training import processor

CASES = [(8, 4, 1), (8, 3, 1), (16, 4, 2), (12, 4, 2), (7, 3, 1), (10, 5, 1), (9, 4, 2), (4, 3, 1), (4, 4, 2),
         (8, 2, 2), (8, 3, 2), (1, 3, 1)]
TOLERANCE = 2e-5  # of the direct result's spread
# bfloat16 keeps 8 bits. A processor without its instructions also sums in it.
BFLOAT16_TOLERANCE = 0.01 if processor.BFLOAT16_FEATURES & processor.describe().features else 0.03


@pytest.fixture(autouse=True)
def narrow_layers_too(monkeypatch):
    monkeypatch.setattr(fast_convolution, "_MIN_CHANNELS", 1)
    fast_convolution.use("fast")
    yield
    fast_convolution.use("direct")


def results(function, images, kernel):
    """Returns a function's value and its gradients by both arguments."""
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        outputs = function(images, kernel)
        weights = tf.reshape(tf.sin(tf.range(tf.size(outputs), dtype=tf.float32)), outputs.shape)
        loss = tf.reduce_sum(weights * outputs)
    return [outputs, *tape.gradient(loss, [images, kernel])]


def assert_near(found, expected):
    for one, other in zip(found, expected):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= TOLERANCE * max(np.std(other), 1e-3) * 10
        assert np.std(one - other) <= TOLERANCE * max(np.std(other), 1e-3)


@pytest.mark.parametrize("size,kernel_size,strides", CASES)
def test_convolution_and_its_gradients_are_tensorflow_s(size, kernel_size, strides):
    tf.random.set_seed(0)
    images, kernel = tf.random.normal([3, size, size + 2, 6]), tf.random.normal([kernel_size, kernel_size, 6, 5])
    assert_near(results(lambda x, k: fast_convolution.conv2d(x, k, strides=strides), images, kernel),
                results(lambda x, k: tf.nn.conv2d(x, k, strides, "SAME"), images, kernel))


@pytest.mark.parametrize("size,kernel_size", [(8, 4), (4, 4), (16, 4), (2, 2), (5, 3)])
def test_transposed_convolution_and_its_gradients_are_tensorflow_s(size, kernel_size):
    tf.random.set_seed(1)
    images, kernel = tf.random.normal([2, size, size, 6]), tf.random.normal([kernel_size, kernel_size, 5, 6])
    shape = [2, 2 * size, 2 * size, 5]
    assert_near(results(lambda x, k: fast_convolution.conv2d_transpose(x, k, strides=2), images, kernel),
                results(lambda x, k: tf.nn.conv2d_transpose(x, k, shape, 2, "SAME"), images, kernel))


def test_stride_one_and_two_take_fewer_multiplications():
    def multiplications(size, kernel_size, strides):
        phases, tiles, points, _ = minimal_filtering.plan(size, kernel_size, strides).inputs.shape
        return phases * tiles * points

    assert multiplications(8, 4, 1) == 14  # of 32
    assert multiplications(8, 3, 1) == 12  # of 24
    assert multiplications(16, 4, 2) == 20  # of 32


def test_few_images_of_one_tile_with_many_phases_are_unfolded():
    images, kernel = tf.zeros([1, 8, 8, 3]), tf.zeros([4, 4, 3, 3])
    rows, _ = fast_convolution._plans(images, kernel, 2, 1)
    assert rows.inputs.shape == (4, 4, 1, 8)
    assert fast_convolution._plans(tf.zeros([1, 64, 64, 3]), tf.zeros([3, 3, 3, 3]), 2, 1) is None


def test_the_direct_way_is_taken_when_asked_for_and_for_narrow_or_half_precision_layers(monkeypatch):
    images, kernel = tf.zeros([1, 8, 8, 3]), tf.zeros([4, 4, 3, 3])
    assert fast_convolution._plans(images, kernel, 1, 1) is not None
    assert fast_convolution._plans(tf.cast(images, tf.bfloat16), kernel, 1, 1) is None
    monkeypatch.setattr(fast_convolution, "_MIN_CHANNELS", 4)
    assert fast_convolution._plans(images, kernel, 1, 1) is None
    monkeypatch.setattr(fast_convolution, "_MIN_CHANNELS", 1)
    fast_convolution.use("direct")
    assert fast_convolution._plans(images, kernel, 1, 1) is None


def test_auto_is_fast_where_there_is_no_gpu():
    for gpus, fast in ([], True), (["a GPU"], False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tf.config, "list_physical_devices", lambda kind, gpus=gpus: gpus)
            fast_convolution.use("auto")
        assert (fast_convolution._plans(tf.zeros([1, 8, 8, 3]), tf.zeros([4, 4, 3, 3]), 1, 1) is not None) == fast


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="expected one of auto, direct, fast"):
        fast_convolution.use("winograd")


def results_in(dtype, function, arguments):
    """Returns a function's value and its gradients, computed in a type from values that bfloat16 has, as float32."""
    arguments = [tf.cast(tf.cast(argument, tf.bfloat16), dtype) for argument in arguments]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs = function(*arguments)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * tf.sin(tf.reshape(
            tf.range(tf.size(outputs), dtype=tf.float32), outputs.shape)))
    return [tf.cast(result, tf.float32) for result in (outputs, *tape.gradient(loss, arguments))]


@pytest.mark.parametrize("size,strides", [(4, 1), (8, 2), (7, 2), (16, 2)])
def test_gradients_in_bfloat16_are_tensorflow_s(size, strides):
    tf.random.set_seed(2)
    shapes = ([3, size, size, 6], [3, 3, 6, 5], [5])
    arguments = [tf.random.normal(shape) for shape in shapes]

    def fast(x, k, b):
        return fast_convolution.leaky_relu(
            fast_convolution.bias_add(fast_convolution.conv2d(x, k, strides=strides), b), 0.2)

    def direct(x, k, b):
        return tf.nn.leaky_relu(tf.nn.bias_add(tf.nn.conv2d(x, k, strides, "SAME"), b), 0.2)

    for one, other in zip(results_in(tf.bfloat16, fast, arguments), results_in(tf.float32, direct, arguments)):
        assert one.shape == other.shape
        assert np.std(one - other) <= 0.01 * np.std(other)  # bfloat16 keeps 8 bits


@pytest.mark.parametrize("size,kernel_size", [(2, 4), (4, 4), (4, 2)])
def test_gradients_of_transposed_convolutions_in_bfloat16_are_tensorflow_s(size, kernel_size):
    tf.random.set_seed(4)
    arguments = [tf.random.normal(shape) for shape in ([3, size, size, 6], [kernel_size, kernel_size, 5, 6])]

    def direct(x, k):
        return tf.nn.conv2d_transpose(x, k, [3, 2 * size, 2 * size, 5], 2, "SAME")

    fast = results_in(tf.bfloat16, lambda x, k: fast_convolution.conv2d_transpose(x, k, strides=2), arguments)
    for one, other in zip(fast, results_in(tf.float32, direct, arguments)):
        assert one.shape == other.shape
        assert np.std(one - other) <= 0.01 * np.std(other)


@pytest.mark.parametrize("num_outputs, weights, strides, is_unfolded", [
    (4, [4, 4, 64, 64], 2, True), (4, [4, 4, 64, 64], 1, False), (8, [4, 4, 256, 1024], 2, True), (8, [3, 3, 256, 512], 2, True),
    (8, [3, 3, 128, 256], 2, False), (8, [3, 3, 512, 256], 1, False)])
def test_kernels_whose_gradient_in_bfloat16_is_unfolded(num_outputs, weights, strides, is_unfolded):
    assert fast_convolution._unfolds_gradient([4, num_outputs], tf.TensorShape(weights), strides) == is_unfolded


@pytest.mark.parametrize("num_outputs, channels, is_own", [(8, 64, True), (9, 64, False), (8, 63, False), (None, 64, False)])
def test_kernels_whose_gradient_in_bfloat16_is_computed_here(monkeypatch, num_outputs, channels, is_own):
    monkeypatch.setattr(fast_convolution, "_MIN_CHANNELS", 64)
    assert fast_convolution._has_own_gradient([4, num_outputs], tf.zeros([3, 3, channels, 64])) == is_own


@pytest.mark.parametrize("dtype, is_apart", [(tf.float32, True), (tf.bfloat16, True), (tf.float16, False)])
def test_the_gradient_of_a_bias_is_a_product_of_its_own(dtype, is_apart):
    tf.random.set_seed(3)

    @tf.function
    def gradients(images, bias):
        with tf.GradientTape() as tape:
            tape.watch([images, bias])
            loss = tf.reduce_sum(tf.square(fast_convolution.bias_add(images, bias)))
        return tape.gradient(loss, [images, bias])

    images, bias = tf.cast(tf.random.normal([2, 4, 4, 3]), dtype), tf.cast(tf.random.normal([3]), dtype)
    operations = {one.type for one in gradients.get_concrete_function(images, bias).graph.get_operations()}
    assert ("BiasAddGrad" not in operations) == is_apart
    of_images, of_bias = (tf.cast(one, tf.float32) for one in gradients(images, bias))
    np.testing.assert_allclose(of_bias, tf.reduce_sum(of_images, axis=[0, 1, 2]), rtol=2e-2 if dtype != tf.float32 else 1e-5)


def test_maps_of_more_than_four_outputs_are_not_unfolded():
    shapes = {size: fast_convolution._plans(tf.zeros([1, size, size, 256]), tf.zeros([3, 3, 256, 512]), 2, 1) for size in (8, 16)}
    assert shapes[16] is None and shapes[8][0].inputs.shape[2] == 1  # one point


@pytest.mark.parametrize("size,kernel_size,strides", [
    (4, 3, 1), (8, 3, 1), (7, 4, 1), (8, 3, 2), (16, 3, 2), (15, 3, 2), (13, 3, 2), (16, 4, 2), (15, 4, 2), (12, 2, 2)])
def test_kernel_gradients_in_bfloat16_are_tensorflow_s(size, kernel_size, strides):
    tf.random.set_seed(3)
    arguments = [tf.random.normal(shape) for shape in ([3, size, size + 1, 6], [kernel_size, kernel_size, 6, 5])]
    fast = results_in(tf.bfloat16, lambda x, k: fast_convolution.conv2d(x, k, strides=strides), arguments)
    direct = results_in(tf.float32, lambda x, k: tf.nn.conv2d(x, k, strides, "SAME"), arguments)
    for one, other in zip(fast, direct):
        assert one.shape == other.shape and np.std(one - other) <= BFLOAT16_TOLERANCE * np.std(other)


def test_small_maps_in_bfloat16_have_no_kernel_gradient_by_convolution():
    @tf.function
    def step(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            loss = tf.reduce_sum(fast_convolution.conv2d(images, kernel, strides=2))
        return tape.gradient(loss, kernel)

    def operations(size):
        images, kernel = tf.zeros([1, size, size, 6], tf.bfloat16), tf.zeros([3, 3, 6, 5], tf.bfloat16)
        return {operation.type for operation in step.get_concrete_function(images, kernel).graph.get_operations()}

    assert "Conv2DBackpropFilter" not in operations(8) and "MatMul" in operations(8)
    assert not {"Conv2DBackpropFilter", "MatMul"} & operations(16)
    assert "Conv2DBackpropFilter" in operations(32)
