"""What a student loses on a teacher's list: worked out by hand, and by the softmax written out in full."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from leanrec.errors import ConfigError
from leanrec.features.histories import Histories
from leanrec.features.lessons import Lesson
from leanrec.models.losses import FullSoftmax
from leanrec.training.distill import TaughtLoss, TeacherVectors, agreement, ranking_loss, regression_loss, require_softmax
from leanrec.training.distillation_config import DistillationConfig

NUM_ITEMS, WIDTH, LENGTH = 9, 4, 3


def lesson() -> Lesson:
    """Four questions of one sequence; the last one's answer is a guess."""
    rng = np.random.default_rng(0)
    shares = np.array([[0.6, 0.3, 0.1], [0.5, 0.3, 0.2], [0.8, 0.15, 0.05], [0.4, 0.35, 0.25]])
    return Lesson(
        histories=Histories.of_rows([np.array([0, 1, 2, 3, 4])], num_items=NUM_ITEMS),
        question_at=np.array([-1, 0, 1, 2, 3]),
        items=np.stack([5 + rng.permutation(4)[:LENGTH] for _ in range(4)]).astype(np.int32),
        shares=shares.astype(np.float16),
        is_guess=np.array([False, False, False, True]),
    )


def tensors(tokens: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    hidden, vectors = torch.randn(tokens, WIDTH, generator=generator), torch.randn(NUM_ITEMS, WIDTH, generator=generator)
    return hidden.requires_grad_(), vectors.requires_grad_(), torch.tensor([1, 2, 3, 4, 5][:tokens])


def taught(config: dict[str, Any], *, temperature: float | None = None, item_vectors: TeacherVectors | None = None) -> TaughtLoss:
    loss = TaughtLoss(
        FullSoftmax(temperature=temperature), lesson(), DistillationConfig.parse(config), temperature=temperature, item_vectors=item_vectors
    )
    loss.hear(SimpleNamespace(places=np.array([1, 2, 3, 4])))  # type: ignore[arg-type]  # all that is read of a batch
    return loss


@pytest.mark.parametrize("temperature", [None, 0.2])
def test_the_list_loss_is_the_cross_entropy_to_a_mixture_of_target_and_list(temperature: float | None) -> None:
    hidden, vectors, targets = tensors()
    total = taught({"share": 0.6}, temperature=temperature)(hidden, vectors, targets)
    held = lesson()
    wanted = torch.zeros(4, NUM_ITEMS)
    for row, belief in enumerate((0.6, 0.6, 0.6, 1.0)):
        wanted[row, targets[row]] += 1 - belief
        for item, share in zip(held.items[row].tolist(), held.shares[row].tolist()):
            wanted[row, item] += belief * share
    logits = hidden @ vectors.T
    if temperature is not None:
        logits = functional.normalize(hidden, dim=1) @ functional.normalize(vectors, dim=1).T / temperature
    expected = -(wanted * logits.log_softmax(1)).sum(1).mean() + (1 - wanted.sum(1)).mean()  # shares in float16 sum to 1 but for .001
    assert total.item() == pytest.approx(expected.item(), rel=2e-3)
    gradients = torch.autograd.grad(total, (hidden, vectors))
    for found, written_out in zip(gradients, torch.autograd.grad(expected, (hidden, vectors)), strict=True):
        torch.testing.assert_close(found, written_out, atol=2e-3, rtol=1e-2)


def test_with_no_share_only_guesses_are_the_teachers() -> None:
    hidden, vectors, targets = tensors(3)
    loss = TaughtLoss(FullSoftmax(), lesson(), DistillationConfig(share=0.0))
    loss.hear(SimpleNamespace(places=np.array([1, 2, 3])))  # type: ignore[arg-type]  # all that is read of a batch
    assert loss(hidden, vectors, targets).item() == pytest.approx(functional.cross_entropy(hidden @ vectors.T, targets).item(), rel=1e-5)


def test_further_places_are_the_logs_alone() -> None:
    hidden, vectors, targets = tensors(5)
    total = taught({"share": 0.6})(hidden, vectors, targets)
    first = taught({"share": 0.6})(hidden[:4], vectors, targets[:4])
    last = functional.cross_entropy(hidden[4:] @ vectors.T, targets[4:])
    assert total.item() == pytest.approx((4 * first.item() + last.item()) / 5, rel=1e-5)


def test_ranking_weighs_positives_by_the_teachers_shares() -> None:
    found = ranking_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[0.75, 0.25]]))
    assert found.item() == pytest.approx(0.75 * np.log(2) + 0.25 * np.log1p(np.exp(-2)))


def test_regression_asks_for_scores_up_to_a_constant() -> None:
    shares = torch.tensor([[0.5, 0.3, 0.2]])
    assert regression_loss(shares.log() + 7, shares).item() == pytest.approx(0, abs=1e-9)
    assert regression_loss(shares.log() * 2, shares).item() > 0.05


def test_agreement_is_one_for_the_same_shares_and_falls_with_the_distance() -> None:
    shares = torch.tensor([[0.5, 0.3, 0.2]])
    assert agreement(shares.log() + 3, shares).item() == pytest.approx(1)
    assert agreement(torch.tensor([[-50.0, -50.0, 50.0]]), shares).item() == pytest.approx(0.2)


def test_less_trust_means_more_of_the_log() -> None:
    hidden, vectors, targets = tensors()
    always, confident, agreeing = (taught({"trust": trust})(hidden, vectors, targets).item() for trust in ("always", "confident", "agreeing"))
    assert len({always, confident, agreeing}) == 3
    log = functional.cross_entropy(hidden[:3] @ vectors.T, targets[:3]).item()
    assert all(np.isfinite([always, confident, agreeing, log]))


@pytest.mark.parametrize("config", [{}, {"kind": "ranking"}, {"kind": "regression"}, {"trust": "agreeing"}, {"trust": "confident"}])
def test_following_the_gradient_brings_the_student_to_the_teachers_order(config: dict[str, Any]) -> None:
    torch.manual_seed(0)
    hidden, vectors = torch.randn(4, 16).requires_grad_(), torch.randn(NUM_ITEMS, 16).requires_grad_()
    targets, held = torch.tensor([1, 2, 3, 4]), lesson()
    loss, optimizer = taught({"share": 0.95, **config}), torch.optim.Adam([hidden, vectors], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss(hidden, vectors, targets).backward()  # type: ignore[no-untyped-call]  # torch
        optimizer.step()
    said = (hidden @ vectors.T).detach().numpy()
    for row in range(3):
        listed = held.items[row]
        if config.get("kind") != "ranking":  # a sigmoid each: all go up, the weights only say how fast
            assert np.argmax(said[row, listed]) == np.argmax(held.shares[row])
        assert said[row, listed].mean() > np.delete(said[row], [*listed.tolist(), int(targets[row])]).mean()


def test_vectors_move_towards_the_projected_ones_of_the_teacher() -> None:
    torch.manual_seed(0)
    teacher = TeacherVectors(np.random.default_rng(0).normal(size=(NUM_ITEMS, 6)).astype(np.float32), width=WIDTH)
    hidden, vectors, targets = tensors()
    plain, full = taught({"features": 0.0})(hidden, vectors, targets), taught({"features": 2.0}, item_vectors=teacher)(hidden, vectors, targets)
    torch.manual_seed(0)
    assert full.item() > plain.item()
    optimizer = torch.optim.Adam([vectors, *teacher.parameters()], lr=0.05)
    before = teacher.distance(vectors).item()
    for _ in range(100):
        optimizer.zero_grad()
        teacher.distance(vectors).backward()  # type: ignore[no-untyped-call]  # torch
        optimizer.step()
    assert teacher.distance(vectors).item() < 0.2 < before


def test_a_loss_that_is_no_softmax_is_refused_for_lists_alone() -> None:
    with pytest.raises(ConfigError, match=r"'bpr' is no softmax(?s:.*)ranking"):
        require_softmax("bpr", DistillationConfig())
    require_softmax("bpr", DistillationConfig(kind="ranking"))
    require_softmax("auto", DistillationConfig())


def test_a_setting_that_the_kind_does_not_heed_is_refused() -> None:
    with pytest.raises(ConfigError, match="kind 'ranking' does not heed it"):
        DistillationConfig.parse({"kind": "ranking", "trust": "confident"})
