"""All rows in order, resumable, ending with the table."""

import json

import pytest

from experiments import reproduce, results, rows

FIGURES = {"evaluation/mean_iou": 0.5, "evaluation/foreground_iou": 0.25}


def finished(folder, *, mean_iou=0.5, seconds=90.0, num_steps=7):
    """Writes what a finished run leaves behind."""
    folder.mkdir(parents=True)
    (folder / "weights.npz").write_bytes(b"weights")
    (folder / "seconds.json").write_text(json.dumps({"seconds": seconds}))
    (folder / "metrics.json").write_text(json.dumps({
        "last": {**FIGURES, "evaluation/mean_iou": mean_iou}, "step": num_steps, "num_steps": num_steps,
        "warnings": []}))


def test_smoke_runs_rows_and_a_second_call_passes_them_over(run_script, tmp_path):
    command = ("experiments/reproduce.py", "--smoke", "--rows=birds,pets", f"--data={tmp_path / 'none'}",
               f"--runs_dir={tmp_path / 'runs'}")
    first = run_script(*command)
    assert first.returncode == 0, first.stderr
    assert "birds is left out" in first.stdout
    assert first.stdout.count("distill.py") == 1
    table = (tmp_path / "runs" / "table.md").read_text()
    assert f"{rows.ROWS['pets'].title} | - | distilled | 1 | 2 | foreground_iou 0." in table
    entry, = results.read(str(tmp_path / "runs" / "results.json"))
    assert entry["stage"] == "distilled" and entry["device"] == reproduce.device()
    second = run_script(*command)
    assert second.returncode == 0 and "distill.py" not in second.stdout
    assert (tmp_path / "runs" / "table.md").read_text() == table
    (tmp_path / "runs").rename(tmp_path / "moved")
    moved = run_script(*command[:-1], f"--runs_dir={tmp_path / 'moved'}")  # which makes no other run of it
    assert moved.returncode == 0 and "distill.py" not in moved.stdout
    (tmp_path / "moved").rename(tmp_path / "runs")
    record = tmp_path / "runs" / "pets" / "seed_0" / "distilled" / reproduce.RECORD
    record.write_text(record.read_text().replace("--batch_size=2", "--batch_size=3"))  # as another flagfile had it
    third = run_script(*command)
    assert third.returncode == 1 and "distill.py" not in third.stdout
    assert "failed: pets, seed 0, distilled: " in third.stderr and "(--batch_size=2 differs); remove it" in third.stderr


def test_the_table_has_mean_and_spread_over_the_finished_seeds(tmp_path):
    finished(tmp_path / "airplanes" / "seed_0" / "raw", mean_iou=0.4)
    finished(tmp_path / "airplanes" / "seed_1" / "raw", mean_iou=0.6, seconds=150.0)
    (tmp_path / "airplanes" / "seed_2" / "raw").mkdir(parents=True)  # begun, not finished
    line, = [line for line in reproduce.table(tmp_path, ["0", "1", "2"]).splitlines() if "Airplanes" in line]
    assert line == ("| Airplanes (bundled, no masks) | - | raw | 2 | 7 | foreground_iou 0.250 +- 0.000, mean_iou 0.500 +- 0.141 "
                    "| 2 | 0 |")
    first, second = reproduce.entries(tmp_path, ["0", "1", "2"])
    assert (first["row"], first["stage"], first["steps"], second["seed"]) == ("Airplanes (bundled, no masks)", "raw", 7, 1)
    assert second["metrics"] == {"mean_iou": 0.6, "foreground_iou": 0.25} and "best/fg_few_photographs.flags" in second["command"]


def test_a_run_is_done_at_its_last_step_alone(tmp_path):
    finished(tmp_path / "run")
    assert reproduce.is_done(tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    (tmp_path / "run" / "metrics.json").write_text(json.dumps({**metrics, "step": 3}))
    assert not reproduce.is_done(tmp_path / "run")
    assert not reproduce.is_done(tmp_path / "missing")


def test_every_row_has_its_flagfile_and_script():
    root = reproduce.ROOT
    for row in rows.ALL_ROWS.values():
        for stage in row.stages:
            assert reproduce.os.path.exists(f"{root}/experiments/{stage.flagfile}.flags")
            assert reproduce.os.path.exists(f"{root}/{stage.script}")


def test_ablations_are_run_when_asked_for_and_not_otherwise(run_script, tmp_path):
    for flag, expected in (("--rows=ablations", rows.ABLATIONS), ("--rows=birds,crowd", ["birds", "crowd"])):
        result = run_script("experiments/reproduce.py", flag, f"--data={tmp_path}", f"--runs_dir={tmp_path / 'runs'}")
        assert result.returncode == 0, result.stderr
        found = [line.split()[0] for line in result.stdout.splitlines() if "is left out" in line]
        assert found == list(expected)


def test_an_ablation_changes_a_setting_that_the_flagfile_has():
    with open(f"{reproduce.ROOT}/experiments/ablations/fg_birds_small.flags", encoding="utf-8") as file:
        settings = dict(line.strip().split("=") for line in file if line.startswith("--"))
    settings.update({  # defaults
        "--spectral_norm": "sngan", "--discriminator_initializer": "orthogonal", "--discriminator_inputs": "symmetric",
        "--num_discriminator_updates": "1", "--spectral_norm_scale": "1", "--binarization_weight": "0",
        "--outline_weight": "0", "--generator_average": "0"})
    for name, row in rows.ABLATIONS.items():
        changed = dict(argument.split("=") for argument in row.stages[0].arguments[1:])
        assert bool(changed) == (name != "small")
        assert all(settings[flag] != value for flag, value in changed.items()), name


@pytest.mark.parametrize("flag,words", [("--rows=brids", "no 'brids'"), ("--seeds=one", "whole numbers")])
def test_a_wrong_row_or_seed_is_one_sentence(run_script, tmp_path, flag, words):
    result = run_script("experiments/reproduce.py", f"--runs_dir={tmp_path}", flag)
    assert result.returncode == 1 and words in result.stderr and "Traceback" not in result.stderr


def test_a_row_that_fails_is_reported_and_the_others_run(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(reproduce, "run_stage", lambda stage, folder, **_: called.append(stage.name) or 1)
    assert reproduce.run_row(rows.ROWS["airplanes"], str(tmp_path), seed=0, values={}, smoke=True) == "raw"
    assert called == ["raw"]


def test_each_stage_is_taught_by_the_one_before(tmp_path, monkeypatch):
    teachers = {}

    def run_stage(stage, folder, *, values, **_):
        teachers[stage.name] = values["previous"]
        return 0

    monkeypatch.setattr(reproduce, "run_stage", run_stage)
    row = rows.ROWS["airplanes"]
    assert reproduce.run_row(row, str(tmp_path), seed=0, values={}, smoke=True) is None
    assert teachers == {"raw": None, "distilled": str(tmp_path / "raw"), "second": str(tmp_path / "distilled")}
    assert "--teacher=FOLDER" in reproduce.arguments_of(row.stages[1], values={"previous": "FOLDER"}, smoke=False)


def test_a_first_stage_of_other_flags_stops_the_row(tmp_path, monkeypatch):
    finished(tmp_path / "raw")
    (tmp_path / "raw" / reproduce.RECORD).write_text(json.dumps({"seconds": 1.0, "flags": ["--dataset=other"]}))
    monkeypatch.setattr(reproduce, "run_stage", lambda *_, **__: pytest.fail("a stage ran"))
    row = rows.ROWS["airplanes"]
    values = {"airplanes_images": "images", "airplanes_boxes": "boxes.txt"}
    assert reproduce.run_row(row, str(tmp_path), seed=0, values=values, smoke=False).startswith("raw: ")


def test_entries_are_in_the_order_of_the_stages(tmp_path):
    for stage in ("distilled", "raw"):
        finished(tmp_path / "airplanes" / "seed_0" / stage)
    assert [entry["stage"] for entry in reproduce.entries(tmp_path, ["0"])] == ["raw", "distilled"]
