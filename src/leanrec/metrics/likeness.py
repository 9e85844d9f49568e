"""Likeness: how far two encoders agree on which things are like which."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class LikenessAgreement:
    """Vectors of the same things by two encoders, compared by the cosines between things; widths may differ."""

    num_texts: int
    neighbours: int
    """How many nearest ones were compared."""
    shared_neighbours: float
    """Share of the nearest ones that both name."""
    correlation: float
    """Of all cosines between two different things; 0 where an encoder finds all equally alike."""
    lowest_cosine: float | None
    """Between a thing's two vectors, at worst; nothing where the encoders speak different spaces."""

    def to_dict(self) -> dict[str, float | int | None]:
        """Every figure by name."""
        return asdict(self)


def likeness_agreement(vectors: FloatArray, others: FloatArray, *, neighbours: int = 10, is_same_space: bool = True) -> LikenessAgreement:
    """How far `others` (N, E) say of N things what `vectors` (N, D) say; all of length 1, N at least 3.

    With `is_same_space` the vectors themselves are compared as well.
    """
    cosines, other_cosines = vectors @ vectors.T, others @ others.T
    count = min(neighbours, len(vectors) - 2)
    nearest, other_nearest = _nearest(cosines, count), _nearest(other_cosines, count)
    pairs = np.triu_indices(len(vectors), k=1)
    return LikenessAgreement(
        num_texts=len(vectors),
        neighbours=count,
        shared_neighbours=float(np.mean([len(set(one) & set(other)) / count for one, other in zip(nearest, other_nearest)])),
        correlation=_correlation(cosines[pairs], other_cosines[pairs]),
        lowest_cosine=float((vectors * others).sum(axis=1).min()) if is_same_space and vectors.shape == others.shape else None,
    )


def _correlation(values: FloatArray, others: FloatArray) -> float:
    return float(np.corrcoef(values, others)[0, 1]) if np.ptp(values) > 0 and np.ptp(others) > 0 else 0.0


def _nearest(cosines: FloatArray, count: int) -> npt.NDArray[np.int64]:
    """(N, count) of each thing the others most like it; ties by position."""
    away = cosines.copy()
    np.fill_diagonal(away, -np.inf)
    return np.argsort(-away, axis=1, kind="stable")[:, :count]
