"""What a training process sets once for itself: random seed, determinism, precision, memory."""

import ctypes

import tensorflow as tf

from errors import UserError
from models import fast_convolution
from training import processor

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # of glibc's <malloc.h>
_BFLOAT16_CAPABILITY = (8, 0)  # of a GPU


def precision_given(mixed_precision: str, *, distribute: str = "none") -> dict[str, str]:
    """Chooses for `--mixed_precision=auto`: bfloat16 where the GPUs, or without any the processor, compute it fast.

    The choice stands for the flag from here on: `flags.txt` records it, and a run that goes on needs the same.

    Args:
      mixed_precision: the flag's value.
      distribute: of `training.distribution.KINDS`; machines might choose differently.

    Returns:
      dict of the text that stands for the flag's own, as `config.from_flags` takes it; empty unless it is 'auto'.

    Raises:
      UserError: several machines are to choose.
    """
    if mixed_precision != "auto":
        return {}
    if distribute == "multi_worker":
        raise UserError("--mixed_precision=auto chooses for one machine; give bfloat16, float16 or none with "
                        "--distribute=multi_worker.")
    chosen = "bfloat16" if _has_bfloat16() else "none"
    print(f"mixed precision {chosen}, chosen for this machine", flush=True)
    return {"mixed_precision": chosen}


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


def _has_bfloat16() -> bool:
    """Says whether all GPUs, or without any the processor, have instructions of bfloat16."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = map(tf.config.experimental.get_device_details, gpus)
        return all(one.get("compute_capability", (0, 0)) >= _BFLOAT16_CAPABILITY for one in details)
    return bool(processor.describe().features & processor.BFLOAT16_FEATURES)


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
