"""Losses that look at a few items beside the target: sampled softmax, (generalised) binary cross-entropy, BPR."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.models.few_items import FewItems

MAX_OWN_NEGATIVES = 16
"""Up to so many negatives are drawn for each target by itself; more are drawn once and shared by the batch.

A vector for every pair of 1024 tokens and 256 negatives takes longer to gather than the softmax over 12101 items.
"""


class SampledSoftmax(nn.Module):
    """Softmax over the target and K negatives shared by the batch, corrected for how often each is drawn.

    Negatives are drawn with replacement, item i with probability q_i ~ max(count_i, 1)^power, so that every item can be drawn.
    From every logit, the target's too, log(K q_i) is taken (Bengio and Senecal 2008; Yi et al. 2019, sec. 3): the loss asks which
    of the candidates is the true one, and its optimum is that of the full softmax. A negative that is the target counts as absent,
    which moves the optimum a little where a few items take most of the draws.
    """

    losses: Tensor | None = None
    """As `Loss`."""

    def __init__(self, item_counts: Tensor, *, num_negatives: int, popularity_power: float = 0.5, temperature: float | None = None) -> None:
        super().__init__()
        self.num_negatives = num_negatives
        self.temperature = temperature
        weights = item_counts.to(torch.float64).clamp_min(1.0) ** popularity_power
        self.register_buffer("log_expected", torch.log(num_negatives * weights / weights.sum()).float(), persistent=False)
        self.register_buffer("cumulative", (weights / weights.sum()).cumsum(0), persistent=False)

    def draw(self) -> Tensor:
        """(K,) rows of items, by torch's global generator."""
        cumulative = self.get_buffer("cumulative")
        points = torch.rand(self.num_negatives, dtype=torch.float64, device=cumulative.device)
        return torch.searchsorted(cumulative, points, right=True).clamp_max_(len(cumulative) - 1)

    def forward(self, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """(T, D), (N, D), (T,) -> the mean over the tokens."""
        return self.against(self.draw(), hidden, item_vectors, targets)

    def against(self, negatives: Tensor, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """The loss against given negatives (K,)."""
        return self._of_drawn(negatives, hidden, item_vectors, targets, log_expected=self.get_buffer("log_expected"))

    def negatives_for(self, targets: Tensor, *, num_items: int) -> Tensor:  # noqa: ARG002 - drawn by popularity, whatever is asked for
        """(K,) rows of items."""
        return self.draw()

    def of_few(self, few: FewItems, hidden: Tensor, vectors: Tensor) -> Tensor:
        """(T, D), (U, D) -> the mean over the tokens."""
        return self._of_drawn(few.negatives, hidden, vectors, few.targets, log_expected=self.get_buffer("log_expected")[few.rows])

    def _of_drawn(self, negatives: Tensor, hidden: Tensor, item_vectors: Tensor, targets: Tensor, *, log_expected: Tensor) -> Tensor:
        """The loss; `log_expected` is of the items that have the vectors."""
        vectors = functional.embedding(torch.cat([targets, negatives]), item_vectors)  # one gather: one (N, D) gradient
        if self.temperature is not None:
            hidden, vectors = cosine_sides(hidden, vectors, self.temperature)
        positive = (hidden * vectors[: len(targets)]).sum(1) - log_expected[targets]
        others = hidden @ vectors[len(targets) :].T - log_expected[negatives]
        others = others.masked_fill(targets[:, None] == negatives, -torch.inf)
        losses = torch.logsumexp(torch.cat([positive[:, None], others], 1), 1) - positive
        self.losses = losses.detach()
        return losses.mean()


class BinaryCrossEntropy(nn.Module):
    """Is it the target? asked of the target and K uniform negatives: -(beta log s(z+) + sum log(1 - s(z-))) / (K + 1).

    SASRec (Kang and McAuley 2018, eq. 6) has beta = 1. gSASRec (Petrov and Macdonald 2023, arXiv 2308.07192, eq. 9) takes the
    overconfidence of few negatives away with beta = a (t (1 - 1/a) + 1/a), a = K / (N - 1) the share of the items that are
    drawn: t = 0 is SASRec's loss, t = 1 has the probabilities of the full softmax.
    """

    losses: Tensor | None = None
    """As `Loss`."""

    def __init__(self, *, num_items: int, num_negatives: int, calibration: float = 0.0) -> None:
        super().__init__()
        self.num_negatives = num_negatives
        share = num_negatives / (num_items - 1)
        self.beta = share * (calibration * (1 - 1 / share) + 1 / share)

    def forward(self, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """(T, D), (N, D), (T,) -> the mean over the tokens."""
        return self.against(self.negatives_for(targets, num_items=len(item_vectors)), hidden, item_vectors, targets)

    def negatives_for(self, targets: Tensor, *, num_items: int) -> Tensor:
        """As `draw_others`."""
        return draw_others(targets, num_items, self.num_negatives)

    def of_few(self, few: FewItems, hidden: Tensor, vectors: Tensor) -> Tensor:
        """(T, D), (U, D) -> the mean over the tokens."""
        return self.against(few.negatives, hidden, vectors, few.targets)

    def against(self, negatives: Tensor, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """The loss against given negatives, (T, K) or shared (K,)."""
        positive, others = _logits(negatives, hidden, item_vectors, targets)
        others = others.masked_fill(targets[:, None] == negatives, -torch.inf)
        total = self.beta * functional.softplus(-positive) + functional.softplus(others).sum(1)
        self.losses = total.detach() / (self.num_negatives + 1)
        return total.mean() / (self.num_negatives + 1)


class PairwiseRanking(nn.Module):
    """The target above each of K uniform negatives: -mean log s(z+ - z-) (BPR, Rendle et al. 2009, arXiv 1205.2618, sec. 4.1)."""

    losses: Tensor | None = None
    """As `Loss`."""

    def __init__(self, *, num_negatives: int) -> None:
        super().__init__()
        self.num_negatives = num_negatives

    def forward(self, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """(T, D), (N, D), (T,) -> the mean over the tokens and their negatives."""
        return self.against(self.negatives_for(targets, num_items=len(item_vectors)), hidden, item_vectors, targets)

    def negatives_for(self, targets: Tensor, *, num_items: int) -> Tensor:
        """As `draw_others`."""
        return draw_others(targets, num_items, self.num_negatives)

    def of_few(self, few: FewItems, hidden: Tensor, vectors: Tensor) -> Tensor:
        """(T, D), (U, D) -> the mean over the tokens and their negatives."""
        return self.against(few.negatives, hidden, vectors, few.targets)

    def against(self, negatives: Tensor, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """The loss against given negatives, (T, K) or shared (K,)."""
        positive, others = _logits(negatives, hidden, item_vectors, targets)
        is_other = targets[:, None] != negatives
        losses = functional.softplus(others - positive[:, None]) * is_other
        self.losses = (losses.sum(1) / is_other.sum(1).clamp_min(1)).detach()
        return losses.sum() / is_other.sum().clamp_min(1)


def cosine_sides(hidden: Tensor, item_vectors: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Both sides at length 1, the smaller one divided by the temperature: their products are cosines over it."""
    return functional.normalize(hidden, dim=1) / temperature, functional.normalize(item_vectors, dim=1)


def draw_others(targets: Tensor, num_items: int, num_negatives: int) -> Tensor:
    """Uniform rows of items, never the target's: (T, K); above `MAX_OWN_NEGATIVES` a shared (K,), where it may be some row's target."""
    if num_negatives > MAX_OWN_NEGATIVES:
        return torch.randint(num_items, (num_negatives,), device=targets.device)
    drawn = torch.randint(num_items - 1, (len(targets), num_negatives), device=targets.device)
    return drawn + (drawn >= targets[:, None])  # N - 1 others: those from the target on move up by one


def _logits(negatives: Tensor, hidden: Tensor, item_vectors: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of the targets (T,) and of their negatives (T, K)."""
    if negatives.dim() == 1:
        vectors = functional.embedding(torch.cat([targets, negatives]), item_vectors)
        return (hidden * vectors[: len(targets)]).sum(1), hidden @ vectors[len(targets) :].T
    vectors = functional.embedding(torch.cat([targets[:, None], negatives], 1), item_vectors)  # (T, 1 + K, D)
    logits = (vectors @ hidden[:, :, None]).squeeze(2)
    return logits[:, 0], logits[:, 1:]
