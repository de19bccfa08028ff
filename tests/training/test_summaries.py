"""What a run tells: which step's figures are kept as the last, and what happens where they cannot be written."""

import pytest

from conftest import file_size_limit
from errors import UserError
from storage.run_folder import RunFolder
from training.summaries import Recorder


def recorder_in(folder):
    return Recorder(folder, start_step=0, num_steps=10, batch_size=2, screen_keys={})


def one_step(recorder, step):
    recorder.add({"generator/total_loss": 1.0})
    recorder.close_window(step)


def test_figures_are_kept_with_the_step_that_they_were_measured_after(tmp_path):
    folder = RunFolder(tmp_path)
    recorder = recorder_in(folder)
    one_step(recorder, 4)
    recorder.evaluation({"evaluation/mean_iou": 0.5}, 4, best_by="evaluation/mean_iou")
    recorder.write()
    assert folder.last_evaluation() == {"mean_iou": 0.5} and folder.read_metrics()["evaluated_step"] == 4
    one_step(recorder, 5)
    recorder.close()
    assert folder.last_evaluation() == {}  # the network is another by now
    assert folder.read_metrics()["best"] == {"step": 4, "evaluation/mean_iou": 0.5}


def test_an_event_file_that_cannot_grow_ends_in_a_sentence(tmp_path):
    recorder = recorder_in(RunFolder(tmp_path))
    recorder.write()
    with file_size_limit(200), pytest.raises(UserError, match=f"event file in {tmp_path} cannot be written"):
        for step in range(200):
            recorder.scalars({"generator/total_loss": 1.0}, step)
            recorder.write()
