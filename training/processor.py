"""The processor that this process runs on, as Linux tells."""

import os
from typing import NamedTuple

PATH = "/proc/cpuinfo"
BFLOAT16_FEATURES = frozenset(("avx512_bf16", "amx_bf16"))  # without them bfloat16 is far slower than float32


class Processor(NamedTuple):
    """What is known of a processor.

    Attributes:
      name: its model; 'unknown' where there is none.
      features: the instructions that it has, by Linux' names, such as 'avx2'.
      num_cores: cores that this process may use.
    """

    name: str
    features: frozenset[str]
    num_cores: int


def describe() -> Processor:
    """Describes the first processor; its features are empty where the system is not Linux."""
    fields = {}
    if os.path.exists(PATH):
        with open(PATH, encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition(":")
                fields.setdefault(name.strip(), value.strip())
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Processor(fields.get("model name", "unknown"), frozenset(fields.get("flags", "").split()), num_cores)
