"""What a run tells: which step's figures are kept as the last, and what happens where they cannot be written."""

import pytest
import tensorflow as tf

from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from conftest import file_size_limit
from errors import UserError
from storage.run_folder import RunFolder
from training.summaries import Recorder


def recorder_in(folder, *, start_step=0):
    return Recorder(folder, start_step=start_step, num_steps=10, batch_size=2, screen_keys={})


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


def test_steps_that_are_made_again_replace_those_of_the_process_before(tmp_path):
    killed = recorder_in(RunFolder(tmp_path))
    for step in (1, 2, 3, 4):
        killed.scalars({"generator/total_loss": 1.0}, step)
    killed.write()
    for path in tmp_path.glob("events.*"):  # as of an earlier second
        path.rename(path.with_name(path.name.replace("tfevents.", "tfevents.0")))
    resumed = recorder_in(RunFolder(tmp_path), start_step=2)
    resumed.scalars({"generator/total_loss": 2.0}, 3)
    resumed.close()
    events = EventAccumulator(str(tmp_path), tensor_size_guidance={"scalars": 0}).Reload().Tensors("generator/total_loss")
    assert [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events] == [(1, 1.0), (2, 1.0), (3, 2.0)]
