"""Ours and a peer in alternation."""

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
