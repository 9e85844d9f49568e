"""NextItemNetwork: item vectors and a causal encoder over them, tied: what reads the history also scores the next item."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanrec.errors import ConfigError
from leanrec.models.item_embedding import ItemEmbedding
from leanrec.models.packing import Groups
from leanrec.models.sequence_encoder import SequenceEncoder
from leanrec.models.widening import CanWiden, Widenings, named, of_vectors, widen_weights


class NextItemNetwork(nn.Module):
    """The score of item i after a history is the product of the encoded history and the vector of i (SASRec, arXiv 1808.09781, eq. 6).

    With `is_cosine` both sides have length 1, so that the product is the cosine of their angle.
    """

    def __init__(self, items: ItemEmbedding, encoder: SequenceEncoder, *, is_cosine: bool = False, hides_items: bool = False) -> None:
        super().__init__()
        self.items = items
        self.encoder = encoder
        self.is_cosine = is_cosine
        self.hidden_item = nn.Parameter(torch.zeros(encoder.config.width)) if hides_items else None
        """(D,) what is read where an item is hidden from training; drawing nothing, it changes no other weight."""

    def widen(self, width: int) -> Widenings:
        """Have vectors of this width from now on, a multiple of the present one, and say the same; how each weight was written anew.

        Raises `ConfigError` where the blocks, or a module that was added beside them, cannot.
        """
        factor, rest = divmod(width, self.encoder.config.width)
        if rest or not factor:
            raise ConfigError(f"a network of width {self.encoder.config.width} cannot become {width} wide", hint="take a multiple")
        if factor == 1:
            return {}
        widenings = {} if self.hidden_item is None else {"hidden_item": of_vectors(factor, parts=(1,))}
        for name, child in self.named_children():
            if child is self.encoder:
                continue
            if not isinstance(child, CanWiden):
                raise ConfigError(f"{name}, a {type(child).__name__}, cannot be made wider", hint="begin with the whole width")
            widenings |= named(name, child.widenings(factor))
        of_encoder = named("encoder", self.encoder.widen(factor))
        widen_weights(self, widenings)
        return widenings | of_encoder

    def item_vectors(self, rows: Tensor | None = None) -> Tensor:
        """(N, D): what every item is, read and scored alike; (U, D) of the chosen rows where there are any."""
        vectors: Tensor = self.items() if rows is None else self.items.rows(rows)
        return functional.normalize(vectors, dim=1) if self.is_cosine else vectors

    def forward(self, item_rows: Tensor, item_vectors: Tensor, groups: Groups) -> Tensor:
        """(T,) packed item rows and (N, D) vectors of all items -> (T, D): what each prefix says of its next item.

        With `hides_items` a row below 0 stands for an item that is not shown.
        """
        hidden: Tensor = self.encoder(self._read(item_rows, item_vectors), groups)
        return functional.normalize(hidden, dim=1) if self.is_cosine else hidden

    def _read(self, item_rows: Tensor, item_vectors: Tensor) -> Tensor:
        """(T, D): the vectors of what was chosen."""
        # A product with an index matrix would cost N x T; index_select's backward adds T rows only.
        if self.hidden_item is None:
            return torch.index_select(item_vectors, 0, item_rows)
        shown = torch.index_select(item_vectors, 0, item_rows.clamp_min(0))
        return torch.where((item_rows < 0)[:, None], self.hidden_item.to(shown.dtype), shown)
