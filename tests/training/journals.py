"""Journals of trainings that never were, written by the journal itself."""

from pathlib import Path

from leanrec.training.journal import JOURNAL_FILE, Journal

BEGAN = 1_700_000_000.0


def write_journal(folder: Path, *, epochs: int = 2, quality: float = 0.1, ends: bool = True, rate: float = 0.1, at: float = BEGAN) -> Path:
    """Two steps an epoch, half a CPU-second and a second each; quality rises by a tenth of itself."""
    journal = Journal(folder / JOURNAL_FILE, clock=lambda: at)
    journal.begin()
    settings = {"learning_rate": rate, "betas": [0.9, 0.98], "task.encoder": {"width": 8, "dropout": None}, "run.seed": 0}
    journal.write("begin", step=0, data="d4ta" * 16, settings=settings, device="cpu", seconds=0.0, cpu_seconds=0.0)
    add_epochs(journal, first=1, last=epochs, quality=quality, rate=rate)
    if ends:
        end(journal, epochs=epochs)
    assert journal.path is not None
    return journal.path


def add_epochs(journal: Journal, *, first: int, last: int, quality: float = 0.1, rate: float = 0.1) -> None:
    for epoch in range(first, last + 1):
        for step in (2 * epoch - 1, 2 * epoch):
            spent = {"seconds": float(step), "cpu_seconds": step / 2}
            journal.write("step", step=step, epoch=epoch, loss=1 / step, learning_rate=rate, **spent)
        spent = {"seconds": 2.0 * epoch, "cpu_seconds": float(epoch)}
        told = quality * (1 + (epoch - 1) / 10)
        journal.write("epoch", step=2 * epoch, epoch=epoch, loss=1 / epoch, quality=told, learning_rate=rate, **spent)


def end(journal: Journal, *, epochs: int, event: str = "end") -> None:
    why = {"stopped_because": "epochs", "best_epoch": epochs, "best_quality": 0.1} if event == "end" else {"message": "the loss became nan"}
    journal.write(event, step=2 * epochs, **why, seconds=2.0 * epochs, cpu_seconds=float(epochs))
