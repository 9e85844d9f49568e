"""QueryVectors: what a question says besides its history, as one vector to be added: attributes, context, profile, words."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.models.item_embedding import ProjectedVectors


class QueryVectors(nn.Module):
    """Sums of linear parts. All but the words begin at zero, so that what training never saw says nothing."""

    def __init__(self, *, width: int, num_dense: int, cardinalities: Sequence[int], num_profile: int) -> None:
        super().__init__()
        self.dense = nn.Parameter(torch.zeros(num_dense, width)) if num_dense else None
        self.codes = nn.Parameter(torch.zeros(sum(cardinalities), width)) if cardinalities else None
        self.profile = nn.Parameter(torch.zeros(num_profile, width)) if num_profile else None
        self.register_buffer("offsets", torch.from_numpy(np.cumsum([0, *cardinalities])[:-1].astype(np.int64)), persistent=False)

    def features(self, dense: Tensor, codes: Tensor) -> Tensor | None:
        """Features of the user and the context, (T, W) and (T, C) -> (T, D); None where there are none."""
        parts = [] if self.dense is None else [dense @ self.dense]
        if self.codes is not None:
            parts.append(functional.embedding_bag(codes + self.get_buffer("offsets"), self.codes, mode="sum"))
        return sum(parts[1:], start=parts[0]) if parts else None

    def profiles(self, profiles: Tensor) -> Tensor:
        """(T, P) -> (T, D)."""
        assert self.profile is not None  # noqa: S101 - only our own bug could break it
        return profiles @ self.profile

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """Each part that was learnt, by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.named_parameters()}


class WordVectors(nn.Module):
    """A text as a vector: the mean of the vectors of the attributes that it speaks of, turned by one matrix; with an encoder, its meaning too."""

    def __init__(self, *, width: int, meanings: npt.NDArray[np.float32] | None, scale: float) -> None:
        super().__init__()
        self.turn = nn.Parameter(torch.eye(width) * width**0.5)  # as the encoder scales what it reads
        self.meaning = None if meanings is None else ProjectedVectors(meanings, width=width, scale=scale)

    def forward(self, attributes: Tensor, *, columns: Tensor, offsets: Tensor, shares: Tensor) -> Tensor:
        """Vectors of attributes (A, D), and which of them each text speaks of, as bags -> (M, D)."""
        means = functional.embedding_bag(columns, attributes, offsets, mode="sum", per_sample_weights=shares, include_last_offset=True)
        return means @ self.turn

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """`turn` (D, D), and `meaning` (E + 1, D) where there is an encoder."""
        found = {"turn": self.turn.detach().cpu().numpy()}
        return found if self.meaning is None else {**found, "meaning": self.meaning.folded()}
