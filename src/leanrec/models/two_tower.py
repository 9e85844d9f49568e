"""TwoTowerNetwork: a tower of users and one of items, which meet in a product."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.models.interests import Interests
from leanrec.models.item_embedding import ItemEmbedding
from leanrec.models.packing import Groups
from leanrec.models.query_vectors import QueryVectors, WordVectors
from leanrec.models.sequence_encoder import SequenceEncoder


class TwoTowerNetwork(nn.Module):
    """A score is the product of an item's vector and the sum of what history, features, profile and words of a question say.

    With several interests a question has several vectors, and the best product counts.
    """

    def __init__(
        self,
        *,
        items: ItemEmbedding,
        encoder: SequenceEncoder,
        query: QueryVectors,
        words: WordVectors | None,
        num_interests: int,
        is_cosine: bool,
    ) -> None:
        super().__init__()
        width = encoder.config.width
        self.items, self.encoder, self.query, self.words, self.is_cosine = items, encoder, query, words, is_cosine
        self.interests = Interests(width=width, number=num_interests) if num_interests > 1 else None
        self.start = nn.Parameter(torch.zeros(width))
        """What stands for the history of somebody who has none."""

    def item_vectors(self) -> Tensor:
        """(N, D): what every trained item is, read and scored alike."""
        vectors: Tensor = self.items()
        return functional.normalize(vectors, dim=1) if self.is_cosine else vectors

    def histories(self, item_rows: Tensor, item_vectors: Tensor, groups: Groups) -> Tensor:
        """(T,) packed item rows and (N, D) -> (T, K, D): what each prefix says of its next item."""
        hidden: Tensor = self.encoder(torch.index_select(item_vectors, 0, item_rows), groups)
        return hidden[:, None] if self.interests is None else self.interests(hidden, groups)

    def nearest(self, users: Tensor, targets: Tensor) -> Tensor:
        """(T, K, D) and the targets' vectors (T, D) -> (T, D): of each user the interest that speaks best for the target."""
        if users.shape[1] == 1:
            return users[:, 0]
        sides = functional.normalize(users, dim=2) if self.is_cosine else users
        best = (sides.detach() @ targets.detach()[:, :, None]).squeeze(2).argmax(1)  # (T,)
        return users[torch.arange(len(users), device=users.device), best]
