"""ItemEmbedding: a vector for every item, from its id, its attributes and its media vectors."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

from leanrec.config import Config
from leanrec.errors import ConfigError
from leanrec.models.widening import Widenings, of_vectors

_HEEDED_BY = {"num_buckets": "hashed", "rank": "low-rank", "sparse": "full"}


class ItemEmbeddingConfig(Config):
    """How item vectors are stored and begin."""

    table: Literal["full", "hashed", "low-rank"] = "full"
    """full: a row per item; hashed: each item is the sum of two of `num_buckets` rows; low-rank: rows of `rank` numbers, widened by one matrix."""
    num_buckets: int | None = Field(default=None, ge=2)
    """Rows of the hashed table."""
    rank: int | None = Field(default=None, ge=1)
    """Numbers an item has of its own in the low-rank table."""
    sparse: bool = False
    """Whether a step reads and moves only the rows of items that it looks at, and weight decay reaches those alone: for large catalogues; needs a
    loss over drawn items and the optimizer adagrad-rows."""
    scale: float = Field(default=0.02, gt=0)
    """Standard deviation that each part of a vector begins with."""
    id_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the items whose ids are hidden in a training step, so that content alone learns to speak for an item nobody clicked."""
    word_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the attributes and words that no item has in a training step, so that none is relied on alone; not measured."""

    @field_validator(*_HEEDED_BY)
    @classmethod
    def _heeded(cls, value: int | None, info: ValidationInfo) -> int | None:
        table = info.data.get("table")
        if table is not None and value and _HEEDED_BY[str(info.field_name)] != table:
            raise ValueError(f"table {table!r} does not heed it; {_HEEDED_BY[str(info.field_name)]!r} does")
        return value


class ItemEmbedding(nn.Module):
    """Vectors of all items: id vector + mean of the attributes' vectors + projected media vectors.

    Attributes enter as a sparse product A @ E with A (N, A) fixed and E (A, D) learnt; both orientations of A are kept, so that the
    backward pass is a product as well. Media vectors are standardised, column by column, and projected by one matrix; a row of zeros
    is a missing vector and stays zero. What is made of the features is not part of `state_dict`.
    """

    def __init__(
        self,
        config: ItemEmbeddingConfig,
        *,
        width: int,
        num_items: int,
        attributes: sp.csr_matrix | None = None,
        vectors: npt.NDArray[np.float32] | None = None,
        text: npt.NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        for name, part in (("attributes", attributes), ("vectors", vectors), ("text", text)):
            if part is not None and part.shape[0] != num_items:
                raise ConfigError(f"{name} have {part.shape[0]} rows for {num_items} items", hint="pass one row per item")
        self.id_dropout = config.id_dropout
        self.is_sparse = config.sparse
        self.ids = _table(config, num_items=num_items, width=width)
        if config.word_dropout and (attributes is None or not attributes.shape[1]):
            raise ConfigError(
                f"items.word_dropout = {config.word_dropout:g} hides attributes and words of titles, and there are none",
                hint="set it to 0, or pass a catalogue with titles or attributes and leave uses_attributes true",
            )
        self.attributes = (
            None
            if attributes is None or not attributes.shape[1]
            else _AttributeSum(attributes, width=width, scale=config.scale, dropout=config.word_dropout)
        )
        self.vectors = None if vectors is None or not vectors.shape[1] else ProjectedVectors(vectors, width=width, scale=config.scale)
        self.text = None if text is None or not text.shape[1] else ProjectedVectors(text, width=width, scale=config.scale)

    @property
    def num_parameters(self) -> int:
        """Learnt numbers of all parts together."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self) -> Tensor:
        """All item vectors, (N, D)."""
        items: Tensor = self.ids()
        if self.training and self.id_dropout:
            items = items * (torch.rand(len(items), 1, device=items.device) >= self.id_dropout)
        content = self.content()
        return items if content is None else items + content

    def rows(self, rows: Tensor) -> Tensor:
        """(U, D) vectors of the chosen items, each at most once; only a full table has rows to choose."""
        assert isinstance(self.ids, _FullTable)  # noqa: S101 - the config refuses the others
        items: Tensor = self.ids.rows(rows)
        if self.training and self.id_dropout:
            items = items * (torch.rand(len(items), 1, device=items.device) >= self.id_dropout)
        for part in (self.attributes, self.vectors, self.text):
            if part is not None:
                items = items + part.rows(rows)
        return items

    def content(self) -> Tensor | None:
        """(N, D) what is known of the items without their ids; None where nothing is."""
        items: Tensor | None = None
        for part in (self.attributes, self.vectors, self.text):
            if part is not None:
                items = part() if items is None else items + part()
        return items

    def widenings(self, factor: int) -> Widenings:
        """Of the weights that have a number for each of a vector's."""
        rows = ["ids.widening" if isinstance(self.ids, _LowRankTable) else "ids.weight"]
        rows += [] if self.attributes is None else ["attributes.weight"]
        columns = [f"{name}.projection.weight" for name in ("vectors", "text") if getattr(self, name) is not None]
        found = dict.fromkeys(rows, of_vectors(factor, parts=(0, 1)))
        return found | dict.fromkeys(columns, of_vectors(factor, parts=(1, 0)))

    def content_arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """What other items are computed by: `attributes` (A, D); `vectors` and `text` (V + 1, D), whose last row is added where there is a vector."""
        found = {} if self.attributes is None else {"attributes": self.attributes.weight.detach().cpu().numpy().astype(np.float32)}
        for name, part in (("vectors", self.vectors), ("text", self.text)):
            if part is not None:
                found[name] = part.folded()
        return found


def _table(config: ItemEmbeddingConfig, *, num_items: int, width: int) -> nn.Module:
    if config.table == "full":
        return _FullTable(num_items, width=width, scale=config.scale, sparse=config.sparse)
    size = config.num_buckets if config.table == "hashed" else config.rank
    if size is None:
        name = "num_buckets" if config.table == "hashed" else "rank"
        raise ConfigError(f"table {config.table!r} needs {name}", hint=f"set {name}, or take the full table")
    if config.table == "hashed":
        return _HashedTable(num_items, num_buckets=size, width=width, scale=config.scale)
    return _LowRankTable(num_items, rank=size, width=width, scale=config.scale)


class _FullTable(nn.Module):
    """A row per item; with `sparse` the gradient of chosen rows holds those alone, as in `torch.nn.Embedding`."""

    def __init__(self, num_items: int, *, width: int, scale: float, sparse: bool) -> None:
        super().__init__()
        self.sparse = sparse
        self.weight = nn.Parameter(torch.randn(num_items, width) * scale)

    def forward(self) -> Tensor:
        """All item vectors, (N, D)."""
        return self.weight

    def rows(self, rows: Tensor) -> Tensor:
        """(U, D) of the chosen items."""
        return functional.embedding(rows, self.weight, sparse=self.sparse)


class _HashedTable(nn.Module):
    """Each item is the sum of two different rows, chosen by two hash functions (Svenstrup et al. 2017, arXiv 1709.03933).

    Two items with the same pair of rows cannot be told apart by their ids; about (N / buckets)^2 pairs of items are so: 100 pairs
    for a table of a tenth of the items.
    """

    def __init__(self, num_items: int, *, num_buckets: int, width: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_buckets, width) * (scale / 2**0.5))
        first = _hashes(num_items, salt=1) % num_buckets
        second = (first + 1 + _hashes(num_items, salt=2) % (num_buckets - 1)) % num_buckets
        self.register_buffer("rows", torch.from_numpy(np.stack([first, second], axis=1).astype(np.int64)), persistent=False)

    def forward(self) -> Tensor:
        """All item vectors, (N, D)."""
        return functional.embedding_bag(self.get_buffer("rows"), self.weight, mode="sum")


class _LowRankTable(nn.Module):
    """(N, R) numbers of the items times an (R, D) matrix that they share."""

    def __init__(self, num_items: int, *, rank: int, width: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_items, rank) * scale)
        self.widening = nn.Parameter(torch.randn(rank, width) / rank**0.5)

    def forward(self) -> Tensor:
        """All item vectors, (N, D)."""
        return self.weight @ self.widening


class _AttributeSum(nn.Module):
    """A @ E: a learnt vector per attribute, summed with the weights of the sparse matrix A; in training some vectors are left out."""

    def __init__(self, matrix: sp.csr_matrix, *, width: int, scale: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.weight = nn.Parameter(torch.randn(matrix.shape[1], width) * scale)
        for side, oriented in (("by_item", matrix.tocsr()), ("by_attribute", matrix.T.tocsr())):
            # int32 rows are twice as fast as int64 ones, and a sum of bags twice as fast as torch's sparse tensors (one core).
            self.register_buffer(f"{side}_offsets", torch.from_numpy(oriented.indptr.astype(np.int32)), persistent=False)
            self.register_buffer(f"{side}_columns", torch.from_numpy(oriented.indices.astype(np.int32)), persistent=False)
            self.register_buffer(f"{side}_values", torch.from_numpy(oriented.data.astype(np.float32)), persistent=False)

    def forward(self) -> Tensor:
        """All item vectors, (N, D)."""
        sides = [self.get_buffer(f"{side}_{part}") for side in ("by_item", "by_attribute") for part in ("offsets", "columns", "values")]
        product: Tensor = _SparseProduct.apply(self._kept(), *sides)  # type: ignore[no-untyped-call]  # torch
        return product

    def rows(self, rows: Tensor) -> Tensor:
        """(U, D) of the chosen items; the gradient is one of all attributes."""
        offsets, columns, values = (self.get_buffer(f"by_item_{part}") for part in ("offsets", "columns", "values"))
        begins, counts = offsets[rows], offsets[rows + 1] - offsets[rows]
        ends = functional.pad(counts.cumsum(0, dtype=counts.dtype), (1, 0))  # (U + 1,)
        entries = torch.arange(int(ends[-1]), device=rows.device) + torch.repeat_interleave(begins - ends[:-1], counts)
        return _weighted_sums(self._kept(), ends, columns[entries], values[entries])

    def _kept(self) -> Tensor:
        """(A, D) vectors of the attributes, in training without some of them."""
        if not (self.training and self.dropout):
            return self.weight
        return self.weight * (torch.rand(len(self.weight), 1, device=self.weight.device) >= self.dropout) / (1 - self.dropout)


class _SparseProduct(Function):
    """A @ E, whose gradient is A' @ G: both are sums of weighted rows."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        weight: Tensor,
        offsets: Tensor,
        columns: Tensor,
        values: Tensor,
        back_offsets: Tensor,
        back_columns: Tensor,
        back_values: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(back_offsets, back_columns, back_values)
        return _weighted_sums(weight, offsets, columns, values)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (_weighted_sums(gradient.contiguous(), *ctx.saved_tensors), *[None] * 6)  # type: ignore[attr-defined]  # torch adds it


def _weighted_sums(rows: Tensor, offsets: Tensor, columns: Tensor, values: Tensor) -> Tensor:
    """(M, D): bag m is the sum of `rows[columns[e]] * values[e]` over e in `offsets[m]:offsets[m + 1]`."""
    return functional.embedding_bag(columns, rows, offsets, mode="sum", per_sample_weights=values.to(rows.dtype), include_last_offset=True)


class ProjectedVectors(nn.Module):
    """Standardised vectors (N, V) times a learnt matrix (V, D)."""

    def __init__(self, vectors: npt.NDArray[np.float32], *, width: int, scale: float) -> None:
        super().__init__()
        self._centre, self._deviations = _column_scales(vectors)
        self.register_buffer("standardised", torch.from_numpy(_standardised(vectors, self._centre, self._deviations)), persistent=False)
        self.projection = nn.Linear(vectors.shape[1], width, bias=False)
        nn.init.normal_(self.projection.weight, std=scale / vectors.shape[1] ** 0.5)

    def forward(self) -> Tensor:
        """All item vectors, (N, D)."""
        projected: Tensor = self.projection(self.get_buffer("standardised"))
        return projected

    def rows(self, rows: Tensor) -> Tensor:
        """(M, D) of the chosen items."""
        projected: Tensor = self.projection(self.get_buffer("standardised")[rows])
        return projected

    def folded(self) -> npt.NDArray[np.float32]:
        """(V + 1, D): a vector as it is and a 1 at its end, times this, is what `forward` makes of it."""
        weight = self.projection.weight.detach().cpu().double().numpy().T / self._deviations[:, None]  # (V, D)
        return np.concatenate([weight, -(self._centre @ weight)[None]]).astype(np.float32)


def _column_scales(vectors: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(V,) mean and deviation of each column over the rows that are not all zero; a constant column deviates infinitely, so that it says 0."""
    present = vectors[vectors.any(axis=1)].astype(np.float64)
    if not len(present):
        return np.zeros(vectors.shape[1]), np.full(vectors.shape[1], np.inf)
    deviations = present.std(axis=0)
    is_constant = deviations <= 1e-6 * np.abs(present).max(axis=0)
    return present.mean(axis=0), np.where(is_constant, np.inf, deviations)


def _standardised(vectors: npt.NDArray[np.float32], centre: npt.NDArray[np.float64], deviations: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Mean 0 and deviation 1 in each column over the rows that are not all zero; those stay zero, and so do constant columns."""
    is_there = vectors.any(axis=1)
    standardised = np.zeros(vectors.shape, np.float32)
    standardised[is_there] = (vectors[is_there].astype(np.float64) - centre) / deviations
    return standardised


def _hashes(count: int, *, salt: int) -> npt.NDArray[np.uint64]:
    """(count,) well mixed numbers of 0..count-1, the same on every machine (the finaliser of SplitMix64, Steele et al. 2014)."""
    mixed = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt * 0x632BE59BD9B4E019 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
