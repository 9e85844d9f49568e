"""CrossEncoder: an encoder with a linear head, which reads a history and a candidate together and says how well they go together."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.data.deadline import Deadline, timely_batches
from leanrec.data.pair_graph import PairGraph
from leanrec.data.pair_tokens import PairTokenizer
from leanrec.data.tokens import FloatArray, TextTokenizer
from leanrec.models.text_encoder import Pooling, check_fit, pooled
from leanrec.models.text_export import pair_network_graph
from leanrec.models.text_loading import LoadedModel, load_model
from leanrec.models.text_saving import save_language_model, update_with_weights

MAX_BATCH_TOKENS = 2048
MODEL_FOLDER = "model"
HEAD_SPREAD = 0.02
"""Standard deviation of the weights that an untrained head begins with; BERT's own."""


class PairNetwork(nn.Module):
    """An encoder with a head: tokens, mask and types (B, T) -> one figure a pair (B,)."""

    def __init__(self, model: nn.Module, *, width: int, pooling: Pooling, has_types: bool, seed: int = 0) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(width, 1)
        self.pooling = pooling
        self.has_types = has_types
        with torch.no_grad():
            self.head.weight.normal_(std=HEAD_SPREAD, generator=torch.Generator().manual_seed(seed))
            self.head.bias.zero_()
        self.train(model.training)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """(B,) unbounded figures; padding stands at the end of each row. `types` is heeded by models that tell two texts apart."""
        told = {"token_type_ids": types} if self.has_types else {}
        hidden = self.model(input_ids=ids, attention_mask=mask, **told).last_hidden_state  # (B, T, D)
        whole: Tensor = self.head(pooled(hidden.float(), mask, pooling=self.pooling).to(self.head.weight.dtype))  # (B, 1)
        return whole.squeeze(1).float()


class CrossEncoder:
    """Ranks candidates by reading each beside the history, in torch: for making; `save` writes what the running side needs.

    Its head is random until it is trained. After Nogueira and Cho (arXiv 1901.04085).
    """

    name = "cross-encoder"
    kind = "cross-encoder"

    def __init__(
        self, loaded: LoadedModel, *, pooling: Pooling = "mean", max_tokens: int = 192, device: torch.device | str = "cpu", seed: int = 0
    ) -> None:
        """Raises `ConfigError` for a decoder, when tokenizer and model do not belong together, or for more tokens than the model reads."""
        check_fit(loaded, max_tokens=max_tokens)
        self.pairs = PairTokenizer(loaded.tokenizer, max_tokens=max_tokens, source=loaded.source)
        self.source = loaded.source
        self.device = torch.device(device)
        config: Any = loaded.model.config  # Any: every family has a class of its own
        named = config.pad_token_id
        self.pad_id = int(named) if isinstance(named, int) and named >= 0 else TextTokenizer(loaded.tokenizer).pad_id
        has_types = int(getattr(config, "type_vocab_size", 0) or 0) > 1
        network = PairNetwork(loaded.model, width=int(config.hidden_size), pooling=pooling, has_types=has_types, seed=seed)
        self.network = network.eval().to(self.device)
        self.num_tokens_read = 0

    @classmethod
    def open(cls, source: str | Path, *, pooling: Pooling = "mean", max_tokens: int = 192, device: torch.device | str = "cpu", seed: int = 0) -> Self:
        """An encoder from a hub name, a folder, a wheel, or a packaged model such as `minilm`, with an untrained head."""
        return cls(load_model(str(source)), pooling=pooling, max_tokens=max_tokens, device=device, seed=seed)

    @property
    def max_tokens(self) -> int:
        """A pair is cut here, all marks included."""
        return self.pairs.max_tokens

    @property
    def fingerprint(self) -> str:
        """sha256 over weights, tokenizer and settings."""
        digest = hashlib.sha256(f"{self.kind} {self.network.pooling} {self.max_tokens} {self.pad_id} ".encode())
        digest.update(self.pairs.content.encode())
        update_with_weights(digest, self.network)
        return digest.hexdigest()

    def scores(self, history: str, candidates: Sequence[str], *, deadline: Deadline | None = None) -> FloatArray:
        """(K,) as `LanguageScorer`."""
        rows = self.pairs.read(history, candidates)
        scores = np.full(len(candidates), np.nan, np.float32)
        self.num_tokens_read = 0
        with torch.inference_mode():
            for batch in timely_batches(rows.ids, max_batch_tokens=MAX_BATCH_TOKENS, pad_id=self.pad_id, deadline=deadline):
                given = (torch.from_numpy(array).to(self.device) for array in (batch.ids, batch.mask, rows.types_of(batch)))
                scores[batch.rows] = self.network(*given).cpu().numpy()
                self.num_tokens_read += batch.ids.size
        return scores

    def to_graph(self) -> PairGraph:
        """What the running side needs: the network as a float32 graph, its tokenizer, and how much of a pair it reads."""
        return PairGraph(
            graph=pair_network_graph(self.network, pad_id=self.pad_id),
            tokenizer=self.pairs.content,
            max_tokens=self.max_tokens,
            pad_id=self.pad_id,
            source=self.source,
        )

    def save(self, folder: Path) -> None:
        """Write what the running side needs as an artifact; complete or not at all."""
        self.to_graph().save(folder)

    def save_weights(self, folder: Path) -> None:
        """Write what training goes on from as an artifact; complete or not at all."""
        config = {"pooling": self.network.pooling, "max_tokens": self.max_tokens, "source": self.source}
        head = {name: weight.detach().cpu().float().numpy() for name, weight in self.network.head.state_dict().items()}
        with writing_folder(Path(folder)) as draft:
            save_language_model(draft / MODEL_FOLDER, self.network.model, tokenizer=self.pairs.content)
            save_into(draft, Manifest(kind=self.kind, config=config), head)

    @classmethod
    def load(cls, folder: Path, *, device: torch.device | str = "cpu") -> Self:
        """What `save_weights` wrote; raises `ArtifactError` when the folder holds something else or was harmed."""
        artifact = Artifact.open(Path(folder), kind=cls.kind)
        settings = dict(artifact.manifest.config)
        loaded = load_model(str(artifact.folder / MODEL_FOLDER))
        named = LoadedModel(
            model=loaded.model, tokenizer=artifact.file(f"{MODEL_FOLDER}/tokenizer.json").read_text("utf-8"), source=settings.pop("source")
        )
        opened = cls(named, **settings, device=device)
        opened.network.head.load_state_dict({name: torch.from_numpy(array) for name, array in artifact.arrays.items()})
        return opened
