"""Suggest features: propose transforms from the columns, judge what each is worth, and keep those that a model would miss."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from leanrec.config import toml_value
from leanrec.data.dataset import Dataset
from leanrec.errors import DataError
from leanrec.evaluation.feature_worth import SEEDS, FeatureWorth, Spread, judge, reported_auc
from leanrec.evaluation.outcomes import LEARN, REPORT, Outcome, OutcomeKind, outcome_of
from leanrec.features.tabular import TabularConfig, TabularFeatures
from leanrec.features.tabular_dataset import events_of, questions_of
from leanrec.features.tabular_proposals import crosses, propose
from leanrec.features.tabular_table import Table
from leanrec.workflow.reading import Data, read
from leanrec.workflow.settings import RunSettings

log = logging.getLogger(__name__)

NUM_CROSSED = 3
"""Crosses are tried among so many of the best features that are codes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestions:
    """What is suggested, and what everything that was tried is worth."""

    outcome: str
    num_moments: int
    num_reported: int
    """The newest moments: the AUCs are theirs, and nothing was chosen by them."""
    positive_share: float
    """Share of them at which it happened."""
    tried: tuple[FeatureWorth, ...]
    """The best first."""
    reasons: Mapping[str, str]
    skipped: Mapping[str, str]
    """Columns that nothing was proposed for, with the reason."""
    auc_of_all: Spread
    auc_of_kept: Spread | None
    """`None` where nothing is kept."""
    config: TabularConfig
    """What is kept: features that the model misses beyond the noise, and what they are made of."""

    def to_dict(self) -> dict[str, Any]:  # Any: JSON values
        """Plain values, ready for JSON."""
        return {**asdict(replace(self, config=TabularConfig())), "config": self.config.model_dump(mode="json"), "toml": to_toml(self.config)}


def suggest(
    data: Data,
    *,
    settings: RunSettings | None = None,
    catalogue: str | None = None,
    outcome: OutcomeKind = "auto",
    max_moments: int = 20_000,
) -> Suggestions:
    """Features for a data set: learned from the oldest 70 % of the moments, chosen by the next 15 %, told of on the newest 15 %.

    Each moment sees only the events before it. A catalogue has no times: its attributes are taken as they are now.

    Raises `DataError` where the log tells no outcome, and `MissingExtraError` without scikit-learn or LightGBM.
    """
    settings = settings or RunSettings()
    dataset = read(data, settings=settings, catalogue=catalogue)
    found = outcome_of(dataset, kind=outcome, max_moments=max_moments, rng=np.random.default_rng(settings.seed))
    log.info("judging by: %s (%d moments)", found.description, len(found))
    table, early = _tables(dataset, found)
    proposal = propose(early)
    if not proposal.config.features:
        raise DataError("no column and no event says anything that a feature could be made of", hint="bring a catalogue (--catalogue) or times")
    log.info("judging %d features", len(proposal.config.features))
    first = judge(TabularFeatures.fit(proposal.config, early), table, found, seeds=SEEDS[:1])
    config = _with_crosses(proposal.config, first, early)
    log.info("judging them with %d crosses", len(config.features) - len(proposal.config.features))
    features = TabularFeatures.fit(config, early)
    tried = judge(features, table, found, known=first)
    kept = _kept(config, tried)
    newest = found.labels[found.rows(REPORT)]
    return Suggestions(
        outcome=found.description,
        num_moments=len(found),
        num_reported=len(newest),
        positive_share=float(newest.mean()),
        tried=tried,
        reasons=proposal.reasons,
        skipped=proposal.skipped,
        auc_of_all=reported_auc(features, table, found),
        auc_of_kept=reported_auc(TabularFeatures.fit(kept, early), table, found) if kept.features else None,
        config=kept,
    )


def to_toml(config: TabularConfig) -> str:
    """The features as TOML, what has its default left out."""
    blocks = []
    for feature in config.features:
        values = {"name": feature.name, "kind": feature.kind, **feature.model_dump(mode="json", exclude_defaults=True)}
        blocks.append("[[features]]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in values.items()))
    return "\n".join(blocks)


def _tables(dataset: Dataset, outcome: Outcome) -> tuple[Table, Table]:
    """All moments with the whole past, each to see what lies before it; and the earlier ones with the past up to the cut."""
    past = events_of(dataset)
    table = questions_of(dataset, user_rows=outcome.user_rows, item_rows=outcome.item_rows, times=outcome.times, past=past)
    before = past.take(np.flatnonzero(past.times < outcome.cut))
    return table, replace(table.take(outcome.rows(LEARN)), past=before)


def _with_crosses(config: TabularConfig, tried: Sequence[FeatureWorth], early: Table) -> TabularConfig:
    """The proposal and the crosses of its best codes."""
    best = [each.name for each in tried if each.importance.value > 0 or each.information.low > 0]
    coded = crosses(TabularFeatures.fit(config, early), best)
    few = list(dict.fromkeys(name for cross in coded for name in cross["of"]))[:NUM_CROSSED]
    chosen = [cross for cross in coded if set(cross["of"]) <= set(few)]
    return TabularConfig.parse({"features": [*config.model_dump(mode="json")["features"], *chosen]}, where="proposal")


def _kept(config: TabularConfig, tried: Sequence[FeatureWorth]) -> TabularConfig:
    """The useful ones in declared order, and what they name."""
    wanted = {each.name for each in tried if each.is_useful}
    for feature in reversed(config.features):
        if feature.name in wanted:
            wanted |= set(feature.needs)
    return TabularConfig(features=tuple(feature for feature in config.features if feature.name in wanted))
