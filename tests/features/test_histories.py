import numpy as np

from leanrec.features.histories import Histories


def histories(*sequences: list[int]) -> Histories:
    return Histories.of_rows([np.array(rows, dtype=np.int64) for rows in sequences], num_items=5)


def test_matrix_sums_decayed_weights_and_reads_the_last_events_only() -> None:
    assert histories([0, 1, 0], [2]).matrix(decay=0.5, last=2).toarray()[:, :3].tolist() == [[1.0, 0.5, 0.0], [0.0, 0.0, 1.0]]


def test_tails_keep_the_newest_events() -> None:
    tails = histories([0, 1, 2], [], [3]).tails(2)
    assert [tails.of(sequence).tolist() for sequence in range(3)] == [[1, 2], [], [3]]


def test_taking_sequences_keeps_the_given_order() -> None:
    taken = histories([0, 1], [2], [3, 4]).take(np.array([2, 0]))
    assert [taken.of(sequence).tolist() for sequence in range(2)] == [[3, 4], [0, 1]]


def test_new_events_follow_the_known_ones_of_their_sequence() -> None:
    joined = histories([0], [1]).followed_by(np.array([2, 0, 2]), np.array([4, 5, 6]), num_sequences=3, num_items=7)
    assert [joined.of(sequence).tolist() for sequence in range(3)] == [[0, 5], [1], [4, 6]]
