"""Adapters: a few weights beside a frozen language model, learned, saved and exchanged alone; many share one base."""

import copy
import hashlib
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from leanrec.artifact import Artifact, Manifest, save_into, writing_folder
from leanrec.config import Config
from leanrec.errors import ArtifactError, ConfigError, MissingExtraError
from leanrec.models.text_saving import update_with_weights

ADAPTER_KIND = "language-adapter"
WEIGHTS_FILE = "adapter.safetensors"
ATTENTION = ("query", "value", "q_proj", "v_proj", "q_lin", "v_lin", "c_attn", "Wqkv")
"""Where LoRA was found to be worth most for its size (Hu et al. 2022, section 7.1)."""
OUTPUTS = ("output.dense", "o_proj", "down_proj", "out_lin", "lin2")
"""The ends of attention and of the feed-forward part, after which Houlsby et al. 2019 put a bottleneck."""


class AdapterConfig(Config):
    """What is learned beside the frozen weights."""

    kind: Literal["lora", "dora", "bottleneck"] = "lora"
    """LoRA (Hu et al. 2022), DoRA (Liu et al. 2024), or bottlenecks (Houlsby et al. 2019), which cost time when they are used."""
    rank: int = Field(default=8, ge=1)
    """Columns of the low-rank product, or width of a bottleneck."""
    alpha: float = Field(default=16.0, gt=0)
    """The product is scaled by alpha / rank; a bottleneck is not."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Of what the adapter reads, in training."""
    targets: tuple[str, ...] = ()
    """Ends of the names of linear layers, e.g. "query", "q_proj". Empty: queries and values; for a bottleneck the outputs."""


class Bottleneck(nn.Module):
    """A linear layer y = W x + b, then y + up(gelu(down(y))); `up` begins at nought, so that nothing changes at first."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.base_layer: Any = layer  # Any: a linear layer, or peft's around one
        self.down, self.up = nn.ModuleDict(), nn.ModuleDict()
        self.dropout = nn.ModuleDict()
        self.active: str | None = None

    def add(self, name: str, config: AdapterConfig) -> None:
        """Another adapter of that name."""
        width, device = int(self.base_layer.out_features), self.base_layer.weight.device
        down, up = nn.Linear(width, config.rank, device=device), nn.Linear(config.rank, width, device=device)
        nn.init.kaiming_uniform_(down.weight, a=math.sqrt(5))
        nn.init.zeros_(down.bias)
        nn.init.zeros_(up.weight)
        nn.init.zeros_(up.bias)
        self.down[name], self.up[name], self.dropout[name] = down, up, nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """What the layer gives, and what the adapter at work adds to it, (..., D) each."""
        y: Tensor = self.base_layer(x)
        if self.active is None:
            return y
        inner = nn.functional.gelu(self.down[self.active](self.dropout[self.active](y)))
        changed: Tensor = y + self.up[self.active](inner).to(y.dtype)
        return changed


class AdaptedModel:
    """One frozen language model with any number of adapters, one of which is at work."""

    def __init__(self, model: nn.Module) -> None:
        """Freeze the model; `base` names its weights, and an adapter belongs to one base."""
        self.model = model
        digest = hashlib.sha256()
        update_with_weights(digest, model)
        self.base = digest.hexdigest()
        self.configs: dict[str, AdapterConfig] = {}
        self.active: str | None = None
        model.requires_grad_(False)

    def add(self, name: str, config: AdapterConfig) -> None:
        """A new adapter, at work from now on and the only thing that is trained.

        Raises `ConfigError` when the model has no layer of the wanted names, `MissingExtraError` without peft.
        """
        if name in self.configs or not name.isidentifier():
            raise ConfigError(f"{name!r} cannot name another adapter; there are {sorted(self.configs)}", hint="choose a plain word not taken yet")
        wanted = _target_names(self.model, config)
        if config.kind == "bottleneck":
            for path in wanted:
                self._bottleneck(path).add(name, config)
        else:
            _inject(self.model, name, config, wanted)
        self.configs[name] = config
        self.select(name)

    def select(self, name: str | None) -> None:
        """Put an adapter to work, or none; only its weights ask for gradients."""
        if name is not None and name not in self.configs:
            raise ConfigError(f"there is no adapter {name!r}; there are {sorted(self.configs)}", hint="add or load it first")
        self.active = name
        layers: list[Any] = list(self.model.modules())  # Any: peft's layers among them
        for layer in layers:
            if isinstance(layer, Bottleneck):
                layer.active = name if name is not None and name in layer.down else None
            elif hasattr(layer, "enable_adapters") and hasattr(layer, "lora_A"):
                chosen = name is not None and name in layer.lora_A
                layer.enable_adapters(chosen)
                if chosen:
                    layer.set_adapter(name)
        own = set(self._own_names(name)) if name is not None else set()
        for path, parameter in self.model.named_parameters():
            parameter.requires_grad_(path in own)

    def weights(self, name: str) -> dict[str, Tensor]:
        """The adapter's weights by name, detached and sharing memory."""
        named = dict(self.model.named_parameters())
        return {_without_name(path, name): named[path].detach() for path in self._own_names(name)}

    def save(self, name: str, folder: Path, *, beside: dict[str, Tensor] | None = None, settings: Mapping[str, Any] | None = None) -> None:
        """Write the adapter alone, with what was trained `beside` it (a head) and `settings` of its use; whole or not at all."""
        tensors = self.weights(name) | {f"beside/{key}": tensor.detach() for key, tensor in (beside or {}).items()}
        with writing_folder(folder) as draft:
            save_file({key: tensor.float().cpu().contiguous() for key, tensor in tensors.items()}, draft / WEIGHTS_FILE)
            config = {"adapter": self.configs[name].model_dump(mode="json"), "base": self.base, "settings": dict(settings or {})}
            save_into(draft, Manifest(kind=ADAPTER_KIND, config=config, parents=(self.base,)))

    def load(self, name: str, folder: Path) -> dict[str, Tensor]:
        """Add what `save` wrote and put it to work; gives back what was saved beside it.

        Raises `ArtifactError` when the folder is damaged or the adapter was learned beside another model.
        """
        artifact = Artifact.open(folder, kind=ADAPTER_KIND)
        if artifact.manifest.config["base"] != self.base:
            raise ArtifactError(
                f"the adapter in {folder} was learned beside another model ({artifact.manifest.config['base'][:12]}, this is {self.base[:12]})",
                hint="open the model that it was learned beside, or train it again beside this one",
            )
        tensors = load_file(artifact.file(WEIGHTS_FILE))
        self.add(name, AdapterConfig.model_validate(artifact.manifest.config["adapter"]))
        saved = {key: tensor for key, tensor in tensors.items() if not key.startswith("beside/")}
        own = self.weights(name)
        if {key: tensor.shape for key, tensor in own.items()} != {key: tensor.shape for key, tensor in saved.items()}:
            raise ArtifactError(f"the adapter in {folder} has other weights than its settings say", hint="save it again")
        for key, tensor in own.items():
            tensor.copy_(saved[key])
        return {key.removeprefix("beside/"): tensor for key, tensor in tensors.items() if key.startswith("beside/")}

    def folded(self) -> nn.Module:
        """A copy without adapters: LoRA and DoRA at work are added into the weights, bottlenecks stay as layers of their own."""
        model = copy.deepcopy(self.model)
        layers: list[tuple[str, Any]] = list(model.named_modules())  # Any: peft's layers among them
        for path, module in layers:
            if hasattr(module, "lora_A") and hasattr(module, "get_base_layer"):
                if self.active is not None and self.active in module.lora_A:
                    module.merge(adapter_names=[self.active])
                _put(model, path, module.get_base_layer())
            elif isinstance(module, Bottleneck) and module.active is None:
                _put(model, path, module.base_layer)
        if hasattr(model, "peft_config"):
            del model.peft_config
        return model

    def _own_names(self, name: str) -> list[str]:
        return [path for path, _ in self.model.named_parameters() if f".{name}." in f"{path}." and is_adapter_weight(path)]

    def _bottleneck(self, path: str) -> Bottleneck:
        module = self.model.get_submodule(path)
        if isinstance(module, Bottleneck):
            return module
        wrapped = Bottleneck(module)
        _put(self.model, path, wrapped)
        return wrapped


def _inject(model: nn.Module, name: str, config: AdapterConfig, wanted: Sequence[str]) -> None:
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingExtraError(f"{config.kind} needs peft", hint="pip install 'leanrec[llm]'") from None
    settings = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, target_modules=list(wanted), use_dora=config.kind == "dora", bias="none"
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Already found a `peft_config`", category=UserWarning)
        inject_adapter_in_model(settings, model, adapter_name=name)


def _target_names(model: nn.Module, config: AdapterConfig) -> list[str]:
    """Full names of the layers that get an adapter, as they were called before any had one."""
    linear = {
        path for path, module in model.named_modules() if _is_linear(module) and not is_adapter_weight(path) and not path.endswith("base_layer")
    }
    ends = config.targets or (OUTPUTS if config.kind == "bottleneck" else ATTENTION)
    found = sorted(path for path in linear if any(path == end or path.endswith(f".{end}") for end in ends))
    if not found:
        known = sorted({path.rsplit(".", 1)[-1] for path in linear})
        raise ConfigError(f"no linear layer is called {', '.join(ends)}", hint=f"set adapter.targets; this model's are called {', '.join(known)}")
    return found


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | Bottleneck) or hasattr(module, "get_base_layer")


def is_adapter_weight(path: str) -> bool:
    """Whether a weight of that name belongs to an adapter."""
    return any(part.startswith("lora_") or part in ("down", "up") for part in path.split(".")[:-1])


def _without_name(path: str, name: str) -> str:
    return f"{path}.".replace(f".{name}.", ".").removesuffix(".")


def _put(model: nn.Module, path: str, module: Any) -> None:  # Any: torch types submodules loosely
    parent, _, last = path.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
