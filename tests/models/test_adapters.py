from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.language_models import save_model

from leanrec.errors import ArtifactError, ConfigError
from leanrec.models.adapters import WEIGHTS_FILE, AdaptedModel, AdapterConfig
from leanrec.models.text_loading import load_model

KINDS = ("lora", "dora", "bottleneck")
IDS = torch.tensor([[2, 4, 5, 3], [2, 7, 6, 3]])


def model(tmp_path: Path, *, family: str = "bert") -> Any:
    return load_model(str(save_model(tmp_path / family, family=family))).model


def says(network: Any) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(input_ids=IDS).last_hidden_state


def trained(adapted: AdaptedModel, *, seed: int = 3) -> None:
    """Weights of the adapter at work moved away from where they began."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in adapted.model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)


@pytest.mark.parametrize("family", ["bert", "llama"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_changes_nothing_at_first_and_only_its_own_weights_are_trained(tmp_path: Path, kind: str, family: str) -> None:
    network = model(tmp_path, family=family)
    before, base = says(network), {name: tensor.clone() for name, tensor in network.state_dict().items()}
    adapted = AdaptedModel(network)
    adapted.add("shop", AdapterConfig(kind=kind, rank=2))
    torch.testing.assert_close(says(network), before, atol=1e-5, rtol=1e-4)
    trainable = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert trainable and len(trainable) == len(adapted.weights("shop"))
    trained(adapted)
    assert (says(network) - before).abs().max() > 0.01
    adapted.select(None)
    torch.testing.assert_close(says(network), before, atol=1e-5, rtol=1e-4)
    for name, tensor in network.state_dict().items():
        plain = name.replace(".base_layer", "")
        if plain in base:
            assert torch.equal(tensor, base[plain]), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_adapter_loads_onto_its_base_and_answers_the_same(tmp_path: Path, kind: str) -> None:
    adapted = AdaptedModel(model(tmp_path))
    adapted.add("shop", AdapterConfig(kind=kind, rank=2))
    trained(adapted)
    adapted.save("shop", tmp_path / "adapter", beside={"head.weight": torch.ones(3)})
    size = sum(file.stat().st_size for file in (tmp_path / "adapter").iterdir())
    assert size < sum(file.stat().st_size for file in (tmp_path / "bert").glob("*.safetensors"))
    again = AdaptedModel(load_model(str(tmp_path / "bert")).model)
    beside = again.load("night", tmp_path / "adapter")
    assert torch.equal(beside["head.weight"], torch.ones(3))
    torch.testing.assert_close(says(again.model), says(adapted.model))


@pytest.mark.parametrize("kind", KINDS)
def test_a_folded_model_answers_the_same_without_what_made_it(tmp_path: Path, kind: str) -> None:
    adapted = AdaptedModel(model(tmp_path))
    adapted.add("shop", AdapterConfig(kind=kind, rank=2))
    trained(adapted)
    folded = adapted.folded()
    torch.testing.assert_close(says(folded), says(adapted.model), atol=1e-5, rtol=1e-4)
    assert not any("lora" in name for name, _ in folded.named_parameters())


def test_several_adapters_share_one_base(tmp_path: Path) -> None:
    adapted = AdaptedModel(model(tmp_path))
    answers = {}
    for number, kind in enumerate(KINDS):
        adapted.add(kind, AdapterConfig(kind=kind, rank=2))
        trained(adapted, seed=number)
        answers[kind] = says(adapted.model)
    for kind, answer in answers.items():
        adapted.select(kind)
        torch.testing.assert_close(says(adapted.model), answer)
    tables = [tensor for name, tensor in adapted.model.named_parameters() if name.endswith("word_embeddings.weight")]
    assert len(tables) == 1


def test_an_adapter_of_another_base_is_refused_and_the_base_stays(tmp_path: Path) -> None:
    adapted = AdaptedModel(model(tmp_path))
    adapted.add("shop", AdapterConfig(rank=2))
    adapted.save("shop", tmp_path / "adapter")
    other = model(tmp_path)
    with torch.no_grad():
        next(other.parameters()).add_(1.0)
    stranger = AdaptedModel(other)
    with pytest.raises(ArtifactError, match="learned beside another model"):
        stranger.load("shop", tmp_path / "adapter")
    assert not stranger.configs and not any("lora" in name for name, _ in other.named_parameters())


def test_a_damaged_adapter_is_refused(tmp_path: Path) -> None:
    adapted = AdaptedModel(model(tmp_path))
    adapted.add("shop", AdapterConfig(rank=2))
    adapted.save("shop", tmp_path / "adapter")
    file = tmp_path / "adapter" / WEIGHTS_FILE
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(ArtifactError):
        AdaptedModel(model(tmp_path)).load("shop", tmp_path / "adapter")


def test_layers_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)no linear layer is called wq.*called dense, key, query, value"):
        AdaptedModel(model(tmp_path)).add("shop", AdapterConfig(targets=("wq",)))
    adapted = AdaptedModel(model(tmp_path))
    adapted.add("shop", AdapterConfig(rank=2))
    with pytest.raises(ConfigError, match="cannot name another adapter"):
        adapted.add("shop", AdapterConfig(rank=2))
    with pytest.raises(ConfigError, match="there is no adapter 'night'"):
        adapted.select("night")
