import pytest
import torch
from torch import nn

from leanrec.errors import ArtifactError
from leanrec.training.weights import AveragedWeights, copy_of_weights, put_back, weights_of


def test_the_average_forgets_the_start_soon_and_then_moves_by_its_decay() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    average = AveragedWeights(net, 0.5)
    expected = 0.0
    for step, value in enumerate([1.0, 2.0, -1.0] * 5, start=1):
        with torch.no_grad():
            net.weight.fill_(value)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    with average.in_place():
        assert net.weight.item() == pytest.approx(expected)
    assert net.weight.item() == -1.0


def test_a_tied_weight_stands_once_and_returns() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    held = copy_of_weights(net)
    assert set(weights_of(net)) == {"0.weight", "0.bias", "1.bias"}
    with torch.no_grad():
        net[0].weight.zero_()
    put_back(net, held)
    assert torch.equal(net[1].weight, held["0.weight"])


def test_weights_of_another_model_are_refused() -> None:
    with pytest.raises(ArtifactError, match="weight"):
        put_back(nn.Linear(2, 3), copy_of_weights(nn.Linear(3, 2)))
