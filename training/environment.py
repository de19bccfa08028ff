"""What a training process sets once for itself: random seed, determinism, precision, memory."""

import ctypes

import tensorflow as tf

from models import fast_convolution

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # of glibc's <malloc.h>


def set_up(*, seed: int, deterministic: bool, mixed_precision: str, convolutions: str = "direct") -> None:
    """Sets TensorFlow's global state; call it before networks are made.

    Args:
      seed: seed of initial weights, and of everything that has no seed of its own.
      deterministic: whether only deterministic kernels are used, so that a repeated run is bit-equal.
      mixed_precision: 'none', 'bfloat16' or 'float16': type of the networks' inner activations.
      convolutions: of `models.fast_convolution.KINDS`: how wide convolutions are computed.
    """
    tf.keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.keras.mixed_precision.set_global_policy("float32" if mixed_precision == "none" else f"mixed_{mixed_precision}")
    # Its fusion of convolution, bias and activation fails on gradients of the leaky ReLU, with an error at each start.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    fast_convolution.use(convolutions)
    _keep_memory()


def _keep_memory() -> None:
    """Lets glibc keep freed memory instead of giving it back to the system after each operation.

    A step frees and takes activations of tens of megabytes, each of which would be mapped and cleared anew. On two
    AVX2 cores the foreground step at batch 8 takes 1.08 s with this and 1.37 s without. Other C libraries are left as
    they are.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_M_MMAP_THRESHOLD, 2**25)  # the largest that glibc takes
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(_M_TOP_PAD, 2**28)
