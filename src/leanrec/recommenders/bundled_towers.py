"""BundledTowers: opens what `two-tower` saved and answers with ONNX Runtime and NumPy; loads no torch."""

from leanrec.recommenders.bundled import BundledConfig, OpenedWithoutTorch
from leanrec.recommenders.tower_scorer import TowerScorer


class BundledTowers(OpenedWithoutTorch, TowerScorer[BundledConfig]):
    """The same answers as the one that was fitted, to the bit; it can be saved again and cannot be fitted."""

    name = "bundled-towers"
    Config = BundledConfig
