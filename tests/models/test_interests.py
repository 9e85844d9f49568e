"""Interests: running attention is attention over each prefix, and the newest place is the last of them."""

import pytest
import torch

from leanrec.models.interests import LARGEST_LOGIT, Interests


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_each_place_attends_to_what_lies_before_it_and_nothing_else(scale: float) -> None:
    torch.manual_seed(0)
    interests, hidden = Interests(width=4, number=3), torch.randn(11, 4) * scale
    groups = ((1, 2), (3, 3))
    found = interests(hidden, groups)
    assert found.shape == (11, 3, 4)
    starts = [0, 2, 5, 8]
    for start, end in zip(starts, [2, 5, 8, 11], strict=True):
        for place in range(start, end):
            prefix = hidden[None, start : place + 1]
            torch.testing.assert_close(found[place].flatten(), interests.newest(prefix)[0], rtol=1e-4, atol=1e-4 * scale)


def test_interests_differ_and_logits_are_bounded() -> None:
    torch.manual_seed(0)
    interests = Interests(width=4, number=2)
    with torch.no_grad():
        interests.outer.weight.mul_(1000)
    hidden = torch.randn(1, 5, 4)
    assert float(interests._logits(hidden).detach().abs().max()) <= LARGEST_LOGIT
    one, other = interests.newest(hidden).view(2, 4)
    assert not torch.allclose(one, other)
