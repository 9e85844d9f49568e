"""What is kept of the examples: the right ones before the wrong ones, of everybody's tastes, and the same ones again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.rankers import random_cross_encoder

from leanrec.errors import ConfigError
from leanrec.features.relevance_examples import RelevanceExamples
from leanrec.models.cross_encoder import CrossEncoder
from leanrec.training.example_selection import SelectionConfig, select_questions, selected
from leanrec.training.example_selection_surrogate import fit_surrogate
from leanrec.training.relevance import RelevanceConfig, tune_cross_encoder
from leanrec.training.run import Run
from leanrec.training.training_config import TrainingConfig

SHELVES = tuple(tuple(f"{kind} {number}" for number in range(8)) for kind in ("kettle", "drill", "lipstick", "novel"))
TEXTS = tuple(text for shelf in SHELVES for text in shelf)


@pytest.fixture(scope="module")
def encoder() -> CrossEncoder:
    return random_cross_encoder(TEXTS, seed=2)


def planted(number: int = 240, *, wrong: float = 0.3, seed: int = 0) -> tuple[RelevanceExamples, np.ndarray]:
    """Everybody stays at a shelf; of some questions the labels are those of another shelf: (Q,) which are right."""
    rng = np.random.default_rng(seed)
    shelves = rng.integers(0, 4, number)
    is_right = rng.random(number) >= wrong
    histories, rows, labels = [], [], []
    for shelf, right in zip(shelves.tolist(), is_right.tolist(), strict=True):
        histories.append("\n".join(rng.choice(SHELVES[shelf], 3)))
        candidates = [8 * other + int(rng.integers(0, 8)) for other in range(4)]
        told = shelf if right else (shelf + int(rng.integers(1, 4))) % 4
        rows += candidates
        labels += [float(other == told) for other in range(4)]
    return (
        RelevanceExamples(
            histories=tuple(histories),
            candidates=TEXTS,
            questions=np.repeat(np.arange(number), 4),
            candidate_rows=np.array(rows),
            labels=np.array(labels, np.float32),
        ),
        is_right,
    )


def as_stars(examples: RelevanceExamples) -> RelevanceExamples:
    """Each pair a question of its own, with one star or five."""
    number = len(examples)
    return RelevanceExamples(
        histories=tuple(examples.histories[row] for row in examples.questions),
        candidates=examples.candidates,
        questions=np.arange(number),
        candidate_rows=examples.candidate_rows,
        labels=1 + 4 * examples.labels,
    )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("effort", [0.0, 0.2])
def test_right_labels_are_kept_more_often_than_chance_keeps_them(encoder: CrossEncoder, seed: int, effort: float) -> None:
    examples, is_right = planted(seed=seed)
    config = SelectionConfig(share=0.25, effort=effort, strata=4)
    kept = select_questions(encoder, examples, config, is_rating=False, rng=np.random.default_rng(seed))
    assert kept.is_kept.sum() == 60
    assert is_right[kept.is_kept].mean() > is_right.mean() + 0.15
    by_chance = select_questions(encoder, examples, SelectionConfig(share=0.25, method="random"), is_rating=False, rng=np.random.default_rng(seed))
    assert by_chance.is_kept.sum() == 60
    assert abs(is_right[by_chance.is_kept].mean() - is_right.mean()) < 0.15


def test_right_stars_are_kept_more_often_than_chance_keeps_them(encoder: CrossEncoder) -> None:
    stars = as_stars(planted()[0])
    shelves = [history.split()[0] for history in stars.histories]
    is_meant = np.array([stars.candidates[row].startswith(shelf) for row, shelf in zip(stars.candidate_rows, shelves, strict=True)])
    is_right = is_meant == (stars.labels > 3)
    kept = select_questions(encoder, stars, SelectionConfig(share=0.25, strata=4), is_rating=True, rng=np.random.default_rng(0))
    assert (~is_right)[kept.is_kept].mean() < 0.75 * (~is_right).mean()


def test_every_shelf_keeps_its_share(encoder: CrossEncoder) -> None:
    examples, _ = planted()
    kept = select_questions(encoder, examples, SelectionConfig(share=0.2, strata=4), is_rating=False, rng=np.random.default_rng(0)).of(examples)
    shelf = np.array([history.split()[0] for history in examples.histories])
    shares = [np.mean([examples.histories[row].startswith(name) for row in np.unique(kept.questions)]) for name in sorted(set(shelf))]
    assert min(shares) > 0.1


def test_influence_is_what_leaving_an_example_out_does_to_the_held_out_loss() -> None:
    """Against fitting again without it, for each of forty examples."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(5)
    columns, held_out = rng.standard_normal((40, 5)), rng.standard_normal((60, 5))
    labels, held_labels = ((rows @ truth + 0.5 * rng.standard_normal(len(rows)) > 0).astype(np.float32) for rows in (columns, held_out))

    def loss(rows: np.ndarray, told: np.ndarray) -> float:
        fitted = fit_surrogate(rows, told, penalty=2.0, is_rating=False)
        margins = held_out @ fitted.weights[:-1] + fitted.weights[-1]
        return float(np.logaddexp(0, -np.where(held_labels > 0, 1, -1) * margins).mean())

    fitted = fit_surrogate(columns, labels, penalty=2.0, is_rating=False)
    foretold = fitted.influence(columns, labels, held_out=held_out, held_out_labels=held_labels)
    is_left = [np.arange(40) != row for row in range(40)]
    found = np.array([loss(columns[mask], labels[mask]) for mask in is_left]) - loss(columns, labels)
    assert np.corrcoef(foretold, found)[0, 1] > 0.95


def test_a_part_is_tuned_on_and_chosen_once(encoder: CrossEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples, _ = planted(40)
    config = SelectionConfig(share=0.25, strata=2)
    run = Run(folder=tmp_path)
    first = selected(encoder, examples, config, is_rating=False, run=run)
    assert len(np.unique(first.questions)) == 10

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("chosen twice")

    monkeypatch.setattr("leanrec.training.example_selection.select_questions", never)
    assert selected(encoder, examples, config, is_rating=False, run=run).fingerprint == first.fingerprint
    with pytest.raises(AssertionError, match="chosen twice"):
        selected(encoder, examples, config.model_copy(update={"share": 0.5}), is_rating=False, run=run)


def test_a_recipe_tunes_on_what_is_selected() -> None:
    examples, _ = planted(40)
    training = TrainingConfig(max_epochs=1, validate_every=0, device="cpu")
    steps = []
    for select in (None, SelectionConfig(share=0.25, strata=2)):
        config = RelevanceConfig(training=training, pairs=8, select=select, is_frozen=True)
        steps.append(tune_cross_encoder(random_cross_encoder(TEXTS), examples, config=config, run=Run()).steps)
    assert steps == [20, 5]


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="share"):
        SelectionConfig(share=0)
