"""Augmentation and losses beside the next item: they learn, they resume to the bit, off they change nothing, and every refusal says why."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recommenders.test_sequential import _StopAt

from leanrec.artifact import Artifact
from leanrec.config import Budget
from leanrec.data.query import Query
from leanrec.data.split import Split, split_leave_one_out
from leanrec.data.world import World, WorldConfig
from leanrec.errors import BudgetError, ConfigError
from leanrec.features.augment import AugmentConfig, AugmentedBatches
from leanrec.features.augment_views import HIDDEN, View
from leanrec.features.batches import TokenBatches
from leanrec.features.histories import Histories
from leanrec.models.item_embedding import ItemEmbedding, ItemEmbeddingConfig
from leanrec.models.losses import FullSoftmax, LossConfig
from leanrec.models.next_item import NextItemNetwork
from leanrec.models.self_supervised import HiddenItemHead, contrastive_loss
from leanrec.models.sequence_encoder import SequenceEncoder, SequenceEncoderConfig
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.next_item_task import NextItemTask
from leanrec.recommenders.self_supervision import AuxiliaryConfig, SelfSupervision, hidden_for_later
from leanrec.recommenders.sequential import Sequential
from leanrec.recommenders.staged_loss import StagedLoss
from leanrec.testing.recommender_contract import check_recommender
from leanrec.training.run import Run

SETTINGS: dict[str, Any] = {
    "encoder": {"width": 8, "max_length": 6, "num_layers": 1},
    "training": {"max_epochs": 2, "warmup_epochs": 0, "tokens": 48, "learning_rate": 0.01, "validate_every": 1, "device": "cpu"},
}
AUGMENT = {"share": 0.8, "crop": 0.4, "mask": 0.3, "reorder": 0.5, "substitute": 0.3, "insert": 0.3}
AUXILIARY: dict[str, dict[str, Any]] = {
    "contrastive": {"contrastive": 0.5},
    "masked": {"masked": 0.5},
    "segment": {"segment": 0.5},
    "all of them": {"contrastive": 0.1, "masked": 0.2, "segment": 0.1, "views": {"mask": 0.3, "insert": 0.4}, "temperature": 0.1},
}


@cache
def split() -> Split:
    return split_leave_one_out(World.generate(WorldConfig(num_users=40, num_items=30, days=30), seed=3).dataset)


def sequential(**changes: Any) -> Sequential:
    recommender = build("sequential", {**SETTINGS, **changes})
    assert isinstance(recommender, Sequential)
    return recommender


def bits(recommender: Sequential, folder: Path) -> dict[str, bytes]:
    recommender.save(folder)
    return {name: array.tobytes() for name, array in Artifact.open(folder).arrays.items()}


def network_of(num_items: int, *, hides_items: bool, is_cosine: bool = False) -> NextItemNetwork:
    torch.manual_seed(0)
    items = ItemEmbedding(ItemEmbeddingConfig(), width=8, num_items=num_items)
    encoder = SequenceEncoder(SequenceEncoderConfig(block="gru", width=8, max_length=6, num_layers=1, dropout=0.0))
    return NextItemNetwork(items, encoder, is_cosine=is_cosine, hides_items=hides_items)


def known(num_users: int = 20) -> Histories:
    rng = np.random.default_rng(0)
    return Histories.of_rows([rng.integers(0, 12, size) for size in rng.integers(2, 8, num_users)], num_items=12)


# -- the losses by hand


def test_contrastive_loss_is_the_softmax_over_the_other_views() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(3, 4, generator=generator), torch.randn(3, 4, generator=generator)
    sides = [vector / vector.norm() for vector in (*first, *second)]
    expected = 0.0
    for place, side in enumerate(sides):
        chances = {other: float(torch.exp(side @ sides[other] / 0.5)) for other in range(6) if other != place}
        expected -= np.log(chances[(place + 3) % 6] / sum(chances.values()))
    assert contrastive_loss(first, second, temperature=0.5).item() == pytest.approx(expected / 6, rel=1e-5)


def test_histories_of_the_same_user_are_no_rivals() -> None:
    first = torch.eye(3)
    apart = contrastive_loss(first, first, temperature=1.0)
    third_alone = contrastive_loss(first, first, temperature=1.0, owners=torch.tensor([4, 4, 9]))
    one = float(np.log(1 + 2 * np.exp(-1)))  # each of the first two against the views of the third
    two = float(np.log(1 + 4 * np.exp(-1)))
    assert third_alone.item() == pytest.approx((2 * one + two) / 3, rel=1e-5)
    assert apart.item() == pytest.approx(two, rel=1e-5)


def test_many_histories_are_compared_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(5, 4, generator=generator), torch.randn(5, 4, generator=generator)
    parts = [contrastive_loss(first[part], second[part], temperature=0.5).item() for part in (slice(0, 3), slice(3, 5))]
    monkeypatch.setattr("leanrec.models.self_supervised.MAX_RIVALS", 3)
    assert contrastive_loss(first, second, temperature=0.5).item() == pytest.approx((3 * parts[0] + 2 * parts[1]) / 5, rel=1e-5)


def test_the_head_begins_by_changing_nothing() -> None:
    hidden = torch.randn(4, 8)
    assert torch.equal(HiddenItemHead(8)(hidden), hidden)


def test_a_hidden_item_is_read_as_one_vector_whichever_it_is() -> None:
    network = network_of(12, hides_items=True)
    assert network.hidden_item is not None
    vectors = network.item_vectors()
    rows = torch.tensor([[3, HIDDEN, 5], [3, 7, 5]])
    with torch.no_grad():
        network.hidden_item.copy_(vectors[7])
        hidden, shown = (network(row, vectors, ((1, 3),)) for row in rows)
    assert torch.equal(hidden, shown)
    network(rows[0], vectors, ((1, 3),)).sum().backward()
    assert network.hidden_item.grad is not None
    assert network.items.ids.weight.grad is not None
    assert network.items.ids.weight.grad[[0, 7]].abs().sum() == 0


def test_an_item_is_hidden_for_later_only_where_one_follows_that_is_not() -> None:
    histories = known(60)
    (batch,) = TokenBatches(histories, max_length=6, tokens=10_000).epoch(0)
    whole = View.of_batch(batch)
    whole = whole.take(np.flatnonzero(whole.lengths >= 2))
    supervision = SelfSupervision(AuxiliaryConfig(masked=1.0), histories, max_length=6, seed=0)
    is_hidden = hidden_for_later(whole, share=0.5, draws=supervision._augmentation.draws(0, "masked"))
    assert np.bincount(whole.sequences[is_hidden], minlength=len(whole)).min() >= 1
    assert not is_hidden[whole.newest].any()
    assert not (is_hidden[1:] & is_hidden[:-1]).any()


@pytest.mark.parametrize("is_cosine", [False, True])
@pytest.mark.parametrize("name", AUXILIARY)
def test_each_loss_falls_when_its_gradient_is_followed(name: str, is_cosine: bool) -> None:
    histories = known()
    supervision = SelfSupervision(AuxiliaryConfig(**AUXILIARY[name]), histories, max_length=6, seed=0)
    network = network_of(12, hides_items=True, is_cosine=is_cosine)
    supervision.join(network)
    (batch,) = TokenBatches(histories, max_length=6, tokens=10_000).epoch(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    softmax = FullSoftmax(temperature=0.1 if is_cosine else None)
    losses = []
    for _ in range(30):
        loss = supervision.loss(network, network.item_vectors(), batch, softmax)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.8 * losses[0]


def test_the_losses_are_of_whole_histories_where_the_batch_is_augmented() -> None:
    histories = known()
    supervision = SelfSupervision(AuxiliaryConfig(contrastive=1.0, masked=1.0), histories, max_length=6, seed=0)
    network = network_of(12, hides_items=True)
    supervision.join(network)
    (plain,) = TokenBatches(histories, max_length=6, tokens=10_000).epoch(0)
    (changed,) = AugmentedBatches(histories, AugmentConfig(**AUGMENT), max_length=6, tokens=10_000).epoch(0)
    assert not np.array_equal(plain.item_rows, changed.item_rows)
    losses = [supervision.loss(network, network.item_vectors(), batch, FullSoftmax()).item() for batch in (plain, changed)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_histories_too_short_for_two_views_add_nothing() -> None:
    histories = Histories.of_rows([np.array([1, 2]), np.array([3, 4])], num_items=5)
    supervision = SelfSupervision(AuxiliaryConfig(contrastive=1.0, segment=1.0, masked=1.0), histories, max_length=6, seed=0)
    network = network_of(5, hides_items=True)
    supervision.join(network)
    (batch,) = TokenBatches(histories, max_length=6, tokens=100).epoch(0)
    assert supervision.loss(network, network.item_vectors(), batch, FullSoftmax()).item() == 0


# -- off it is as before


def test_off_a_batch_loses_what_it_lost_before_to_the_bit() -> None:
    histories = known()
    network = network_of(12, hides_items=False)
    assert network.hidden_item is None
    assert all("hidden" not in name for name, _ in network.named_parameters())
    (batch,) = TokenBatches(histories, max_length=6, tokens=10_000).epoch(0)
    loss = StagedLoss(LossConfig(), lambda _, precision: FullSoftmax(precision=precision), None)
    task = NextItemTask(network, loss, num_items=12)
    task.prepare(device=torch.device("cpu"), precision="float32")
    state = torch.get_rng_state()
    vectors = network.items()
    hidden = network.encoder(torch.index_select(vectors, 0, torch.from_numpy(batch.item_rows)), batch.groups)
    assert torch.equal(task.loss(batch), FullSoftmax()(hidden, vectors, torch.from_numpy(batch.targets)))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_that_hides_items_begins_with_the_same_other_weights() -> None:
    plain, hiding = (network_of(12, hides_items=hides_items).state_dict() for hides_items in (False, True))
    assert hiding.keys() - plain.keys() == {"hidden_item"}
    assert all(torch.equal(hiding[name], tensor) for name, tensor in plain.items())


def test_what_changes_no_history_trains_to_the_same_bits_as_none(tmp_path: Path) -> None:
    short = {"encoder": {"width": 8, "max_length": 1, "num_layers": 1}}  # no history of one input can be changed
    plain = sequential(**short).fit(split().train, valid=split().valid)
    for number, changes in enumerate(({"augment": AUGMENT}, {"auxiliary": AUXILIARY["all of them"]})):
        changed = sequential(**short, **changes).fit(split().train, valid=split().valid)
        assert bits(changed, tmp_path / f"changed-{number}") == bits(plain, tmp_path / f"plain-{number}")
        assert [record.loss for record in changed.training.history] == [record.loss for record in plain.training.history]


# -- whole trainings


WAYS: dict[str, dict[str, Any]] = {"augment": {"augment": AUGMENT}, **{name: {"auxiliary": config} for name, config in AUXILIARY.items()}}


@pytest.mark.parametrize("way", WAYS)
def test_a_training_learns_and_differs_from_one_without(way: str, tmp_path: Path) -> None:
    training = {**SETTINGS["training"], "max_epochs": 8, "validate_every": 0, "learning_rate": 0.03}
    plain, changed = (sequential(training=training, **more).fit(split().train) for more in ({}, WAYS[way]))
    losses = [record.loss for record in changed.training.history]
    assert losses[-1] < 0.95 * losses[0]
    assert bits(plain, tmp_path / "plain") != bits(changed, tmp_path / "changed")


SCHEDULES: dict[str, dict[str, Any]] = {
    "none": {},
    "curriculum and growth": {"curriculum": {"by": "loss", "until": 0.9}, "growth": {"at": [0.4], "max_length": [3, 6], "tokens": [30, 48]}},
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_interrupted_in_the_middle_of_an_epoch_it_ends_with_the_same_bits(schedule: str, tmp_path: Path) -> None:
    training = {**SETTINGS["training"], "checkpoint_steps": 1, "max_epochs": 3}
    changes = {"augment": AUGMENT, "auxiliary": AUXILIARY["all of them"], "training": training, **SCHEDULES[schedule]}
    whole = sequential(**changes).fit(split().train, valid=split().valid, run=Run(folder=tmp_path / "whole"))
    last = [record.step for record in whole.training.history]
    stop = (last[0] + last[1]) // 2  # within the second epoch
    with pytest.raises(KeyboardInterrupt):
        sequential(**changes).fit(split().train, valid=split().valid, run=Run(folder=tmp_path / "broken", hooks=(_StopAt(stop),)))
    resumed = sequential(**changes).fit(split().train, valid=split().valid, run=Run(folder=tmp_path / "broken"))
    assert '"resume"' in (tmp_path / "broken" / "journal.jsonl").read_text()
    assert bits(resumed, tmp_path / "a") == bits(whole, tmp_path / "b")


def test_a_checkpoint_of_another_augmentation_is_refused(tmp_path: Path) -> None:
    run = Run(folder=tmp_path, hooks=(_StopAt(3),))
    training = {**SETTINGS["training"], "checkpoint_steps": 1}
    with pytest.raises(KeyboardInterrupt):
        sequential(training=training, augment={"crop": 0.4}).fit(split().train, run=run)
    with pytest.raises(Exception, match="checkpoint"):
        sequential(training=training, augment={"crop": 0.5}).fit(split().train, run=replace(run, hooks=()))


def test_saved_it_is_the_network_alone_and_runs_without_torch(tmp_path: Path) -> None:
    fitted = sequential(augment=AUGMENT, auxiliary=AUXILIARY["all of them"]).fit(split().train)
    plain = sequential().fit(split().train)
    assert bits(fitted, tmp_path / "saved").keys() == bits(plain, tmp_path / "plain").keys()
    queries = [Query(history=split().train.items.ids[:length]) for length in range(8)]
    bundled = opener("sequential").load(tmp_path / "saved")
    np.testing.assert_allclose(bundled.catalogue_scores(queries), fitted.catalogue_scores(queries), atol=1e-4)


def test_with_all_of_it_the_contract_is_kept() -> None:
    config = {**SETTINGS, "augment": AUGMENT, "auxiliary": AUXILIARY["all of them"], "older_windows": True}
    check_recommender(lambda: build("sequential", config), split().train, valid=split().valid)


def test_hiding_words_changes_what_is_learned_and_not_how_it_answers(tmp_path: Path) -> None:
    fitted = sequential(items={"word_dropout": 0.4}).fit(split().train)
    assert bits(fitted, tmp_path / "hiding") != bits(sequential().fit(split().train), tmp_path / "plain")
    query = Query(history=split().train.items.ids[:3])
    assert fitted.recommend([query]) == fitted.recommend([query])
    with pytest.raises(ConfigError, match=r"word_dropout = 0\.4 hides attributes and words of titles, and there are none"):
        sequential(items={"word_dropout": 0.4}, uses_attributes=False).fit(split().train)


# -- refusals


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "no loss has a weight"),
        ({"contrastive": 0.1, "masked_share": 0.5}, "masked_share is heeded by masked alone"),
        ({"masked": 0.1, "views": {"crop": 0.2}}, "views is heeded by contrastive alone"),
        ({"masked": 0.1, "temperature": 0.5}, "temperature is heeded by contrastive and segment alone"),
        ({"contrastive": 0.1, "segment_share": 0.5}, "segment_share is heeded by segment alone"),
        ({"contrastive": 0.1, "views": {}}, "no operation has a share"),
        ({"contrastive": -1.0}, "greater than or equal to 0"),
    ],
)
def test_losses_that_do_nothing_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        sequential(auxiliary=settings)


@pytest.mark.parametrize("name", ["two-tower", "distilled"])
@pytest.mark.parametrize("settings", [{"augment": {"crop": 0.4}}, {"auxiliary": {"masked": 0.1}}])
def test_recommenders_that_cannot_follow_refuse(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="heeded by 'sequential' alone"):
        build(name, settings)


def test_counting_what_is_chosen_together_asks_the_budget_first() -> None:
    run = Run(budget=Budget(memory_gb=1e-6))
    with pytest.raises(BudgetError, match="counting items at most 5 events apart"):
        sequential(augment={"insert": 0.2}).fit(split().train, run=run)
    with pytest.raises(BudgetError, match="counting items at most 3 events apart"):
        sequential(auxiliary={"contrastive": 0.1, "views": {"substitute": 0.2, "window": 3}}).fit(split().train, run=run)
