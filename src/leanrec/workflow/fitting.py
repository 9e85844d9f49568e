"""Fit: choose a recommender by proof, or take the one named, and fit it to everything there is."""

import logging
from pathlib import Path

from leanrec.data.dataset import Dataset
from leanrec.evaluation.ladder_report import LadderReport
from leanrec.recommenders.building import build
from leanrec.recommenders.model import Model
from leanrec.recommenders.protocol import LearnsFromValidation, Recommender
from leanrec.workflow.estimate import require_within
from leanrec.workflow.proving import prove, run_of, split_for
from leanrec.workflow.reading import Data, read
from leanrec.workflow.settings import RunSettings

log = logging.getLogger(__name__)


def fit(
    data: Data,
    *,
    recommender: str | None = None,
    settings: RunSettings | None = None,
    catalogue: str | None = None,
    to: Path | str | None = None,
) -> Model:
    """A model of the recommender that proves best for its cost on these data, or of the one named; saved to `to` when given.

    After the choice the recommender is fitted to all events, the held-out ones included.
    """
    settings = settings or RunSettings()
    dataset = read(data, settings=settings, catalogue=catalogue, beside=to)
    name = recommender or settings.recommender
    if name is not None:
        build(name, settings.configs.get(name))
        require_within(settings.budget, dataset, name=name)
    proof = None if name is not None else prove(dataset, settings=settings)
    if proof is not None:
        log.info("%s", _verdict(proof))
    chosen = name or (proof.recommended if proof is not None else "")
    model = Model(
        recommender=_fit_to_everything(chosen, dataset, settings),
        dataset=dataset,
        name=chosen,
        proof=proof.to_dict() if proof is not None else {},
        includes_repeats=settings.split.includes_repeats,
    )
    if to is not None:
        model.save(to)
        log.info("the model is in %s", to)
    return model


def model_folder(data: Data) -> Path:
    """Where a model of these data goes when nobody says: `orders-model` for `orders.csv`, in the working folder."""
    name = Path(str(data).rstrip("/")).name.split(".")[0] or "leanrec"
    return Path(f"{name}-model")


def _fit_to_everything(name: str, dataset: Dataset, settings: RunSettings) -> Recommender:
    recommender = build(name, settings.configs.get(name))
    if isinstance(recommender, LearnsFromValidation):
        split = split_for(dataset, settings)
        recommender = recommender.fit(split.train, valid=split.valid, run=run_of(settings)).settled()
    return recommender.fit(dataset, run=run_of(settings))


def _verdict(proof: LadderReport) -> str:
    result = proof[proof.recommended]
    quality = result.valid[proof.metric] if result.valid is not None else "not measured"
    return f"{proof.recommended} is taken: {proof.metric} {quality} on validation, and no other rung beats it beyond its interval"
