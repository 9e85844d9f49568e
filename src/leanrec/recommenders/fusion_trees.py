"""Trees: a LightGBM model read from its text and evaluated with NumPy, so that answering needs no LightGBM."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanrec.errors import ArtifactError

BLOCK_CELLS = 4_000_000
"""Places in trees that are walked at once."""
CATEGORICAL = 1
"""Bit of a decision type that we do not read: our features are numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trees:
    """All trees in one table of Q nodes; a leaf is a node that leads to itself."""

    feature: npt.NDArray[np.int32]
    """(Q,)"""
    threshold: npt.NDArray[np.float64]
    """(Q,) to the left up to here."""
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    """(Q,) 0 but for leaves."""
    roots: npt.NDArray[np.int32]
    """(R,) the first node of each tree."""
    depth: int
    """Steps from a root to the deepest leaf."""

    @classmethod
    def of_model_text(cls, text: str) -> "Trees":
        """From what `Booster.model_to_string` gave; raises `ArtifactError` when it cannot be read."""
        blocks = text.split("end of trees")[0].split("\nTree=")[1:]
        try:
            tables = [_table(_fields(block)) for block in blocks]
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"the trees of a fusion cannot be read: {error}", hint="make the artifact again") from None
        sizes = np.array([table.shape[1] for table in tables], dtype=np.int64)
        roots = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])[:-1] if tables else np.zeros(0, np.int64)
        nodes = np.concatenate(tables, axis=1) if tables else np.zeros((5, 0))
        left, right = (nodes[row].astype(np.int64) + np.repeat(roots, sizes) for row in (2, 3))
        return cls(
            feature=nodes[0].astype(np.int32),
            threshold=nodes[1],
            left=left.astype(np.int32),
            right=right.astype(np.int32),
            value=nodes[4],
            roots=roots.astype(np.int32),
            depth=_depth(left, right, roots),
        )

    def predict(self, features: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(R,) sum of the leaves that each row (R, F) falls into."""
        totals = np.zeros(len(features))
        block = max(1, BLOCK_CELLS // max(1, len(self.roots)))
        for start in range(0, len(features), block):
            rows = features[start : start + block]
            places = np.tile(self.roots, (len(rows), 1))
            lines = np.arange(len(rows))[:, None]
            for _ in range(self.depth):
                goes_left = rows[lines, self.feature[places]] <= self.threshold[places]
                places = np.where(goes_left, self.left[places], self.right[places])
            totals[start : start + block] = self.value[places].sum(axis=1)
        return totals


def _fields(block: str) -> dict[str, list[str]]:
    pairs = (line.partition("=") for line in block.splitlines())
    return {name: value.split() for name, equals, value in pairs if equals}


def _table(fields: Mapping[str, list[str]]) -> npt.NDArray[np.float64]:
    """(5, nodes) feature, threshold, left, right and value; leaves stand behind the inner nodes."""
    leaves = np.array(fields["leaf_value"], dtype=np.float64)
    num_inner = len(leaves) - 1
    if num_inner and any(int(kind) & CATEGORICAL for kind in fields["decision_type"]):
        raise ValueError("it splits by categories")
    inner = [np.array(fields[name] if num_inner else [], dtype=np.float64) for name in ("split_feature", "threshold", "left_child", "right_child")]
    itself = np.arange(num_inner, num_inner + len(leaves), dtype=np.float64)
    left, right = (np.concatenate([np.where(child < 0, num_inner - 1 - child, child), itself]) for child in inner[2:])
    nothing = np.zeros(len(leaves))
    return np.stack(
        [np.concatenate([inner[0], nothing]), np.concatenate([inner[1], nothing]), left, right, np.concatenate([np.zeros(num_inner), leaves])]
    )


def _depth(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64], roots: npt.NDArray[np.int64]) -> int:
    """How many steps it takes until every walk stands on a leaf."""
    reached, depth = roots, 0
    while len(reached := np.unique(reached[left[reached] != reached])):
        reached, depth = np.concatenate([left[reached], right[reached]]), depth + 1
    return depth
