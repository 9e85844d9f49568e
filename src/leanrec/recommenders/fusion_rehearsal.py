"""The rehearsal of a fusion: members fitted without the newest events, asked with them, and weighed by how they answer."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from leanrec.data.dataset import Dataset
from leanrec.data.holdout import holdout_of
from leanrec.metrics.accuracy import Metric, parse_metric
from leanrec.metrics.report import Measure
from leanrec.recommenders.catalogue_scorer import act_counts
from leanrec.recommenders.fusion_config import FusionConfig, Member
from leanrec.recommenders.fusion_groups import Factors, fit_factors, popularity_groups
from leanrec.recommenders.fusion_members import fit_members, without_newest
from leanrec.recommenders.fusion_pools import gather_pools
from leanrec.recommenders.fusion_stacking import require_lightgbm, stack
from leanrec.recommenders.fusion_weights import changes_without, fit_weights
from leanrec.recommenders.protocol import FloatArray
from leanrec.training.run import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsed:
    """What the rehearsal decided."""

    members: list[Member]
    """Those whose weight is not 0, with settled settings."""
    weights: FloatArray
    """(M,) theirs."""
    factors: Factors
    model_text: str
    """Trees that order the best candidates; empty when the weights do."""
    figures: dict[str, float]


def rehearse(config: FusionConfig, train: Dataset, *, valid: Dataset, run: Run) -> Rehearsed:
    """Fit on `train` without each user's newest event, ask with it for the answers in `valid`, and weigh the members by that."""
    if config.combiner == "lightgbm":
        require_lightgbm()
    rehearsal = without_newest(train)
    rehearsed = fit_members(config.members, rehearsal, valid=valid, run=run.within("rehearsal"))
    holdout, metric, rng = holdout_of(train, valid), parse_metric(config.metric), run.rng()
    if len(holdout) > config.max_queries:
        holdout = holdout.take(np.sort(rng.permutation(len(holdout))[: config.max_queries]))
    pools = gather_pools([entry.recommender for entry in rehearsed], holdout)
    fitted = fit_weights(pools, metric, rng=rng)
    names = [entry.member.name for entry in rehearsed]
    figures = {f"rehearsed {metric.name}": float(fitted.values.mean()) if len(pools) else 0.0, **{f"weight of {name}": 0.0 for name in names}}
    for name, change in zip(names, changes_without(pools, metric, fitted, rng=rng), strict=False):
        figures |= _figures_of(name, metric, change)
    log.info("fusion weights of %s: %s by %s, %s", names, fitted.weights.round(3).tolist(), fitted.way or "default", figures)
    is_kept = fitted.weights > 0
    kept, weights = pools.only(is_kept), fitted.weights[is_kept]
    counts = act_counts(rehearsal)
    factors = Factors.none(len(weights))
    if config.weights_by != "global" and len(pools):
        factors = fit_factors(kept, weights, metric, by=config.weights_by, item_groups=popularity_groups(counts))
    model_text = ""
    if config.combiner == "lightgbm":
        stacked = stack(kept, weights, metric, counts=counts, seed=run.seed, num_threads=run.num_threads)
        model_text = stacked.model_text
        figures[f"rehearsed {metric.name} of lightgbm"] = float(stacked.values.mean())
    return Rehearsed(
        members=[
            entry.settled().model_copy(update={"is_optional": False}) for entry, weight in zip(rehearsed, fitted.weights, strict=True) if weight > 0
        ],
        weights=weights,
        factors=factors,
        model_text=model_text,
        figures=figures,
    )


def worth_of_members(figures: Mapping[str, float]) -> dict[str, Measure]:
    """Name of each member -> how the metric changes without it, as the figures of a fitted fusion tell it; empty for anything else."""
    prefix, names = "without ", [key for key in figures if key.startswith("without ") and not key.endswith((" low", " high"))]
    return {
        name.removeprefix(prefix).rsplit(" ", 1)[0]: Measure(value=figures[name], low=figures.get(f"{name} low"), high=figures.get(f"{name} high"))
        for name in names
    }


def _figures_of(name: str, metric: Metric, change: Measure) -> dict[str, float]:
    key = f"without {name} {metric.name}"
    bounds = {} if change.low is None or change.high is None else {f"{key} low": change.low, f"{key} high": change.high}
    return {key: change.value, **bounds}
