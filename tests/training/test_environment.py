"""Which precision `--mixed_precision=auto` chooses."""

import pytest
import tensorflow as tf

from errors import UserError
from training import environment, processor


@pytest.fixture(name="machine")
def machine_fixture(monkeypatch, tmp_path):
    """Callable that gives this process another machine: its processor's flags (None: no list), its GPUs' capabilities."""

    def make(flags, capabilities=()):
        file = tmp_path / "cpuinfo"
        if flags is not None:
            file.write_text(f"processor\t: 0\nmodel name\t: amx_bf16 in a name\nflags\t\t: {flags}\nbugs\t\t: none\n")
        monkeypatch.setattr(processor, "PATH", str(file))
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(range(len(capabilities))))
        monkeypatch.setattr(tf.config.experimental, "get_device_details",
                            lambda gpu: {"compute_capability": capabilities[gpu]} if capabilities[gpu] else {})

    return make


@pytest.mark.parametrize("flags,chosen", [
    ("fma avx2", "none"), ("fma avx2 avx512f avx512_vnni", "none"), ("avx512f avx512_bf16", "bfloat16"),
    ("avx512f amx_bf16 amx_tile", "bfloat16"), (None, "none")])
def test_a_processor_takes_bfloat16_where_it_has_the_instructions(machine, capsys, flags, chosen):
    machine(flags)
    assert environment.precision_given("auto") == {"mixed_precision": chosen}
    assert capsys.readouterr().out == f"mixed precision {chosen}, chosen for this machine\n"


@pytest.mark.parametrize("capabilities,chosen", [
    ([(8, 0)], "bfloat16"), ([(9, 0), (8, 6)], "bfloat16"), ([(7, 5)], "none"), ([(9, 0), (7, 0)], "none"), ([None], "none")])
def test_gpus_decide_where_there_are_any(machine, capabilities, chosen):
    for flags in ("avx2", "avx512_bf16"):
        machine(flags, capabilities)
        assert environment.precision_given("auto") == {"mixed_precision": chosen}


def test_what_is_named_stays_as_it_is(machine, capsys):
    machine("avx512_bf16")
    for name in ("none", "bfloat16", "float16"):
        assert environment.precision_given(name, distribute="multi_worker") == {}
    assert capsys.readouterr().out == ""


def test_several_machines_do_not_choose(machine):
    machine("avx512_bf16")
    assert environment.precision_given("auto", distribute="mirrored") == {"mixed_precision": "bfloat16"}
    with pytest.raises(UserError, match="auto chooses for one machine"):
        environment.precision_given("auto", distribute="multi_worker")
