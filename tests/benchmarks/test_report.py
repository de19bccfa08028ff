"""All figures in one call."""

import json

import pytest

from benchmarks import compare, report, steps
from training import processor as cpu

CPUINFO = """processor\t: 0
model name\t: A Processor
flags\t\t: fpu avx2 avx512f avx512_bf16

processor\t: 1
model name\t: Another
flags\t\t: fpu
"""


@pytest.mark.parametrize("text, processor, features, precisions", [
    (CPUINFO, "A Processor", ["avx2", "avx512f", "avx512_bf16"], ("none", "bfloat16")),
    (CPUINFO.replace(" avx512f avx512_bf16", ""), "A Processor", ["avx2"], ("none",)), ("", "unknown", [], ("none",))])
def test_the_machine_is_named_with_its_features(tmp_path, monkeypatch, text, processor, features, precisions):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(cpu, "PATH", str(tmp_path / "cpuinfo"))
    found = report.machine()
    assert (found["processor"], found["features"]) == (processor, features)
    assert found["cores"] >= 1 and found["tensorflow"].startswith("2.")
    assert report.precisions(features) == precisions


def test_every_section_is_measured_and_written(monkeypatch, tmp_path, capsys):
    measured = []

    def run_all(wanted, *, together):
        assert not together
        for one in wanted:
            measured.append(one)
            yield one, {name: one.get(name, 1.0) for name in steps.COLUMNS}

    monkeypatch.setattr(report, "machine", lambda: {"features": ["avx2", "amx_bf16"], "cores": 2})
    monkeypatch.setattr(steps, "run_all", run_all)
    monkeypatch.setattr(report.pictures, "measure",
                        lambda script, *, counts, cores, grabcut_iterations: {"pictures_per_s": float(cores), "script": script})
    monkeypatch.setattr(compare, "time_ours", lambda one, way: {"none": 3.0, "bfloat16": 2.0}[one["precision"]])
    monkeypatch.setattr(compare, "time_peer", lambda command: {"p foreground none": 4.0}.get(command, 1.0))
    options = report.Options(sections=list(report.SECTIONS), tasks=["foreground", "distillation"], seconds=1.0,
                             pictures=["3", "9"], peer=["p {task} {precision}"], rounds=1, out=str(tmp_path / "out.json"))
    monkeypatch.setattr(report.config, "from_flags", lambda kind: options)
    report.main([])
    found = json.loads((tmp_path / "out.json").read_text())
    assert list(found) == ["machine", *report.SECTIONS]
    assert [(one["task"], one["precision"]) for one in measured[:4]] == [
        ("foreground", "none"), ("foreground", "bfloat16"), ("distillation", "none"), ("distillation", "bfloat16")]
    small = {name: measured[4][name] for name in report.SMALL}
    assert small == report.SMALL and len(found["small"]) == 2
    assert [(one["script"], one["pictures_per_s"]) for one in found["pictures"]] == [
        (script, cores) for script in ("segment", "evaluate") for _ in range(2) for cores in (1.0, 2.0)]
    assert {name: one["ratio"] for name, one in found["peer"].items()} == {"foreground none": 0.75, "foreground bfloat16": 2.0}
    assert "features ['avx2', 'amx_bf16']" in capsys.readouterr().out


@pytest.mark.parametrize("flag, message", [
    ("--sections=peer", "give --peer"), ("--sections=step", "must be of steps"), ("--tasks=birds", "must be of foreground"),
    ("--pictures=9,3", "the first smaller")])
def test_what_cannot_be_measured_is_refused(run_script, flag, message):
    result = run_script("benchmarks/report.py", flag)
    assert result.returncode == 1 and message in result.stderr
