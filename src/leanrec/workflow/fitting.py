"""Fit: choose a recommender by proof, or take the one named, and fit it to everything there is."""

import logging
from pathlib import Path

from leanrec.data.dataset import Dataset
from leanrec.evaluation.ladder_report import LadderReport
from leanrec.recommenders.building import build
from leanrec.recommenders.model import Model
from leanrec.recommenders.protocol import LearnsFromValidation, Recommender
from leanrec.training.run import Run
from leanrec.workflow.estimate import estimate
from leanrec.workflow.keeping import keeping_trainings
from leanrec.workflow.planning import comparing
from leanrec.workflow.proving import compete, split_for
from leanrec.workflow.reading import Data, read
from leanrec.workflow.settings import RunSettings
from leanrec.workflow.sharing import Clock, require_within

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

    After the choice the recommender is fitted to all events, the held-out ones included. Trainings keep checkpoints in
    `<to>.training` until all is done: interrupted, the same call goes on from there.
    """
    settings = settings or RunSettings()
    clock = Clock(budget=settings.budget)
    dataset = read(data, settings=settings, catalogue=catalogue, beside=to)
    name = recommender or settings.recommender
    with keeping_trainings(to, dataset, settings) as folder:
        proof = None if name is not None else _proof(dataset, settings, clock=clock, folder=folder)
        chosen = name or (proof.recommended if proof is not None else "")
        with comparing(settings.plan):
            fitted = _fit_to_everything(chosen, dataset, settings, clock=clock, folder=folder, is_proven=proof is not None)
        model = Model(
            recommender=fitted,
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


def _proof(dataset: Dataset, settings: RunSettings, *, clock: Clock, folder: Path | None) -> LadderReport:
    report = compete(dataset, settings, clock=clock, folder=folder and folder / "proof", fits_to_everything=True)
    log.info("%s", _verdict(report))
    return report


def _fit_to_everything(name: str, dataset: Dataset, settings: RunSettings, *, clock: Clock, folder: Path | None, is_proven: bool) -> Recommender:
    """Fitted to all events, after a fit to a part of them where it learns from validation."""
    recommender = build(name, settings.configs.get(name))
    foreseen = estimate(dataset, [name], num_asked=0, configs=settings.configs)
    if not is_proven:
        require_within(settings.budget, foreseen, name=name)
    budget = clock.budget_of(foreseen.final_of.values())
    if isinstance(recommender, LearnsFromValidation):
        split = split_for(dataset, settings)
        run = Run(seed=settings.seed, budget=budget, folder=folder and folder / "validated")
        recommender = recommender.fit(split.train, valid=split.valid, run=run).settled()
    return recommender.fit(dataset, run=Run(seed=settings.seed, budget=budget, folder=folder and folder / "settled"))


def _verdict(proof: LadderReport) -> str:
    result = proof[proof.recommended]
    quality = result.valid[proof.metric] if result.valid is not None else "not measured"
    return f"{proof.recommended} is taken: {proof.metric} {quality} on validation, and no other rung beats it beyond its interval"
