"""Pre-training: a language model reads a shop's own texts, and the loss on texts held out says what that was worth."""

import copy
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leanrec.artifact import Manifest, refuse_foreign, save_into, writing_folder
from leanrec.features.corpus import Corpus
from leanrec.features.text_batches import TextBatch
from leanrec.training.device import circumstances, resolve_device, resolve_precision
from leanrec.training.language_pacing import paced
from leanrec.training.loop import NOT_DECISIVE, train
from leanrec.training.pretrain_config import Objective, PretrainConfig
from leanrec.training.pretrain_parts import MadeOf, Part, forget_parts, held_part, kept_part
from leanrec.training.pretrain_reader import Reader, open_reader
from leanrec.training.pretrain_task import PretrainTask, TextLoss
from leanrec.training.progress import TrainingResult
from leanrec.training.run import Run
from leanrec.training.weights import copy_of_weights, frozen_names, put_back

log = logging.getLogger(__name__)

LANGUAGE_MODEL_KIND = "language-model"
CONTROL, READING = "control-done", "reading-done"
"""Folders of the parts of a pre-training below that of its run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainResult:
    """What reading was worth: losses on the texts that nothing was chosen on, before and after, and what it cost."""

    folder: Path
    objective: Objective
    has_new_head: bool
    untouched: TextLoss
    """Of the model as it came; where its head is new, of the head's first weights, which know how frequent words are."""
    before: TextLoss
    """Of a new head trained alone for as long, the model at rest; where no head is new, or without `control`, the same as `untouched`."""
    after: TextLoss
    figures: Mapping[str, Any]  # Any: JSON; steps, epochs, seconds and validation losses of the training and of the control

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """For people and programs: each loss with its interval, the gain, and what it cost."""
        losses = {"untouched": self.untouched, "before": self.before, "after": self.after}
        measures = {name: loss.measure() for name, loss in losses.items()} | {"gain": self.before.less(self.after)}
        told = {name: {"value": measure.value, "low": measure.low, "high": measure.high} for name, measure in measures.items()}
        return {"folder": str(self.folder), "objective": self.objective, "has_new_head": self.has_new_head, "loss": told, **self.figures}


def pretrain(source: str, corpus: Corpus, config: PretrainConfig | None = None, *, to: Path, run: Run | None = None) -> PretrainResult:
    """Let the model that `source` names read the corpus, and write it to the folder `to`, as transformers reads it; whole or not at all.

    The folder's manifest names base, corpus and settings; a folder that was made of the same already is not made again. With `run.folder`
    an interrupted pre-training goes on where it stopped, to the same weights. Validation texts choose the epoch; losses are of the test texts.
    """
    config, run, to = config or PretrainConfig(), run or Run(), Path(to)
    refuse_foreign(to)
    reader = open_reader(source, config, seed=run.seed)
    made_of = _made_of(reader, corpus, run)
    held = held_part(to, made_of, kind=LANGUAGE_MODEL_KIND)
    if held is None:
        held = _read(reader, corpus, made_of, to=to, run=run)
    else:
        log.info("%s was pre-trained on these texts before", to)
    losses = {name: TextLoss(sums=held.arrays[f"{name}/sums"], counts=held.arrays[f"{name}/counts"]) for name in ("untouched", "before", "after")}
    return PretrainResult(folder=to, objective=reader.objective, has_new_head=reader.has_new_head, figures=held.figures, **losses)


def _read(reader: Reader, corpus: Corpus, made_of: MadeOf, *, to: Path, run: Run) -> Part:
    """Train and write the folder."""
    tokens = {part: reader.tokens(getattr(corpus, part), part=part) for part in ("train", "valid", "test")}
    if reader.head is not None and reader.has_new_head:
        reader.head.network.head.begin_with(reader.counts(tokens["train"]))
    batches = reader.batches(tokens["train"], seed=run.seed)
    test = reader.held_out(tokens["test"])
    make_task = partial(
        PretrainTask,
        reader.network,
        is_masked=reader.objective == "masked",
        held_out=reader.held_out(tokens["valid"]),
        memory_bytes=reader.step_bytes(batches.most_tokens),
    )
    has_control = reader.has_new_head and reader.config.control
    learn = partial(_trained, batches=batches, reader=reader, run=_with_share(run, 2 if has_control else 1), test=test, made_of=made_of)
    untouched = _arrays("untouched", _loss(make_task(), test, reader=reader, run=run))
    before = {f"before/{name.partition('/')[2]}": array for name, array in untouched.items()}
    figures: dict[str, Any] = {}
    if has_control:
        control = kept_part(_place(run, CONTROL), made_of, lambda: _controlled(make_task, learn, reader))
        before, figures = _arrays("before", _loss_of(control)), {f"control_{name}": value for name, value in control.figures.items()}
    reading = kept_part(_place(run, READING), made_of, lambda: learn(make_task(rates=reader.rates), name="reading"))
    _put_weights(reader, reading)
    part = Part(figures={**reading.figures, **figures}, arrays={**untouched, **before, **_arrays("after", _loss_of(reading))})
    _write(reader, corpus, part, made_of, to=to, run=run)
    forget_parts(run.folder, (CONTROL, READING))
    return part


def _controlled(make_task: Any, learn: Any, reader: Reader) -> Part:  # Any: partial functions of this file
    """The head alone, for as long; model and head are as before afterwards."""
    asked = {name: parameter.requires_grad for name, parameter in reader.network.named_parameters()}
    first = copy.deepcopy(reader.network.head.state_dict())  # type: ignore[union-attr]  # an encoder's network has one
    reader.loaded.model.requires_grad_(False)
    try:
        part: Part = learn(make_task(), name="control")
    finally:
        for name, parameter in reader.network.named_parameters():
            parameter.requires_grad_(asked[name])
    reader.network.head.load_state_dict(first)  # type: ignore[union-attr]  # as above
    return Part(figures=part.figures, arrays={name: array for name, array in part.arrays.items() if not name.startswith("weights/")})


def _trained(
    task: PretrainTask, *, name: str, batches: Any, reader: Reader, run: Run, test: list[TextBatch], made_of: MadeOf
) -> Part:  # Any: either kind of batches
    """What a training came to, with its weights."""
    settings = {key: made_of[key] for key in ("base", "head", "objective", "settings")}
    supply = paced(batches, reader.config.curriculum, orders={"length": batches.by_length}, run=run)  # a new one: what it hears is of this training
    result = train(task, supply, reader.config.training, run=run.within(name), settings=settings)
    loss = _loss(task, test, reader=reader, run=run)
    weights = copy_of_weights(reader.network, without=frozen_names(reader.network))
    arrays = {f"weights/{key}": tensor.numpy() for key, tensor in weights.items()}
    return Part(figures=_figures(result, reader), arrays={**arrays, **_arrays("loss", loss)})


def _loss(task: PretrainTask, batches: list[TextBatch], *, reader: Reader, run: Run) -> TextLoss:
    device = resolve_device(reader.config.training)
    with circumstances(run, device):
        task.module.to(device)
        task.prepare(device=device, precision=resolve_precision(reader.config.training, device))
        return task.held_out_loss(batches)


def _with_share(run: Run, num_trainings: int) -> Run:
    """The run with its minutes shared evenly, so that all trainings together keep to them."""
    minutes = run.budget.minutes
    return run if minutes is None else replace(run, budget=run.budget.model_copy(update={"minutes": minutes / num_trainings}))


def _put_weights(reader: Reader, part: Part) -> None:
    frozen = frozen_names(reader.network)
    weights = {name.removeprefix("weights/"): torch.from_numpy(array) for name, array in part.arrays.items() if name.startswith("weights/")}
    put_back(reader.network, weights, without=frozen)
    reader.network.eval()


def _write(reader: Reader, corpus: Corpus, part: Part, made_of: MadeOf, *, to: Path, run: Run) -> None:
    reader.network.to("cpu")
    losses = {name: TextLoss(sums=part.arrays[f"{name}/sums"], counts=part.arrays[f"{name}/counts"]).mean for name in ("before", "after")}
    manifest = Manifest(
        kind=LANGUAGE_MODEL_KIND,
        config={"made_of": dict(made_of), "figures": dict(part.figures), "base": reader.loaded.source, "texts": corpus.report.to_dict()},
        parents=(reader.base, corpus.fingerprint),
        metrics={f"loss_{name}": value for name, value in losses.items()},
        seed=run.seed,
    )
    with writing_folder(to) as draft:
        reader.save_into(draft)
        save_into(draft, manifest, part.arrays)
    log.info("%s read %d texts: loss %.4f before, %.4f after; written to %s", reader.loaded.source, len(corpus.train), *losses.values(), to)


def _made_of(reader: Reader, corpus: Corpus, run: Run) -> MadeOf:
    """All that decides the weights that come out."""
    config = reader.config
    settings = config.model_dump(mode="json", exclude={"objective": True, "training": NOT_DECISIVE})
    settings["training"]["precision"] = resolve_precision(config.training, resolve_device(config.training))
    found = {"base": reader.base, "head": reader.head_fingerprint, "objective": reader.objective, "corpus": corpus.fingerprint}
    made_of: MadeOf = json.loads(json.dumps({**found, "settings": settings, "seed": run.seed, "minutes": run.budget.minutes}))
    return made_of


def _figures(result: TrainingResult, reader: Reader) -> dict[str, Any]:  # Any: JSON
    """What a training took, as JSON."""
    return {
        "trained_weights": sum(parameter.numel() for parameter in reader.network.parameters() if parameter.requires_grad),
        "steps": result.steps,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "stopped_because": result.stopped_because,
        "seconds": result.seconds,
        "cpu_seconds": result.cpu_seconds,
        "validation": [-record.quality for record in result.history if record.quality is not None],
    }


def _arrays(name: str, loss: TextLoss) -> dict[str, np.ndarray]:
    return {f"{name}/sums": loss.sums, f"{name}/counts": loss.counts}


def _loss_of(part: Part) -> TextLoss:
    return TextLoss(sums=part.arrays["loss/sums"], counts=part.arrays["loss/counts"])


def _place(run: Run, name: str) -> Path | None:
    return run.folder / name if run.folder is not None else None
