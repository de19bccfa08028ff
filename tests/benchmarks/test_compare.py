"""Ours and a peer in alternation."""

import importlib.util
import json

import pytest

from benchmarks import compare


def test_the_ratio_is_to_the_best_peer_of_the_same_round():
    rounds = [{"ours": 1.0, "a": 2.0, "b": 4.0}, {"ours": 3.0, "a": 6.0, "b": 4.0}, {"ours": 1.0, "a": 1.0, "b": 5.0}]
    summary = compare.summarise(rounds)
    assert (summary["ratio"], summary["ratio_least"], summary["ratio_greatest"]) == (0.75, 0.5, 1.0)
    assert summary["median_s"] == {"ours": 1.0, "a": 2.0, "b": 4.0}


def test_a_peer_s_last_figure_is_read(tmp_path):
    assert compare.time_peer("echo s/step 3.5 then s/step 2.25") == 2.25


@pytest.mark.parametrize("command,words", [("echo nothing", "printed no"), ("false", "ended with status 1"),
                                           ("/no/such/program", "cannot be run")])
def test_a_peer_that_fails_is_one_sentence(command, words):
    with pytest.raises(compare.UserError, match=words):
        compare.time_peer(command)


def test_nothing_to_compare_with_and_an_unknown_way_are_refused(run_script):
    result = run_script("benchmarks/compare.py")
    assert result.returncode == 1 and "nothing to compare with" in result.stderr
    result = run_script("benchmarks/compare.py", "--convolutions=fast,slow")
    assert result.returncode == 1 and "must be of auto, direct, fast" in result.stderr


def test_two_ways_of_ours_are_timed_beside_each_other(monkeypatch, capsys, tmp_path):
    asked = []

    def answer(command):
        one = json.loads(command[-1].removeprefix("--one="))
        asked.append(one["convolutions"])
        return json.dumps({"median_s": 1.0 if one["convolutions"] == "fast" else 4.0})

    monkeypatch.setattr(compare, "_output", answer)
    options = {"task": "distillation", "batch_size": 16, "layers": 8, "precision": "none", "jit_compile": False,
               "seconds": 1.0, "convolutions": ["fast", "direct"], "num_recognized_layers": 0, "peer": [], "rounds": 2,
               "out": str(tmp_path / "out.json")}
    monkeypatch.setattr(compare.config, "from_flags", lambda kind: kind(**options))
    compare.main([])
    assert asked == ["fast", "direct"] * 2
    assert "ratio to the best peer 0.25" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["median_s"]["direct convolutions"] == 4.0


def test_the_pytorch_peer_says_that_pytorch_is_missing(run_script):
    if importlib.util.find_spec("torch"):
        pytest.skip("PyTorch is installed here")
    result = run_script("benchmarks/torch_peer.py", "foreground", fresh=True)
    assert result.returncode == 1 and "torch is missing" in result.stderr
