"""Optimizers: AdamW, Adagrad and SGD over a module's weights, with their state as named tensors for a checkpoint.

The classes of `torch.optim` are passed by: the first one made imports `torch._dynamo`, 4 CPU-seconds, more than torch itself.
The kernels are torch's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from leanrec.errors import ArtifactError, ConfigError
from leanrec.models.widening import Widening
from leanrec.training.optimizer_pieces import Piece, pieces, rows
from leanrec.training.optimizer_states import POWERS, fresh_states, is_quantised, quantise, restored, widen_states
from leanrec.training.sparse_gradients import move_rows
from leanrec.training.training_config import TrainingConfig

EPSILON = 1e-8


@dataclass(frozen=True, kw_only=True, slots=True)
class _Slot:
    """A weight, how it decays, and what is remembered of its gradients."""

    name: str
    parameter: nn.Parameter
    weight_decay: float
    states: dict[str, Tensor]
    steps: Tensor
    """() float32, as the fused kernel wants it."""


class Optimizer:
    """One step after another over everything trainable in a module; only matrices feel the weight decay.

    AdamW (Loshchilov & Hutter 2019, algorithm 2) decays apart from the gradient; Adagrad (Duchi et al. 2011) and SGD with
    momentum add the decay to it. `adamw-8bit` keeps the moments of large weights in eight bits, `adagrad-rows` one sum for each row; it alone
    follows sparse gradients, whose other rows neither move nor decay.
    """

    def __init__(self, module: nn.Module, config: TrainingConfig) -> None:
        self.config = config
        self.learning_rate = config.learning_rate
        self._rates: Mapping[str, float] = {}
        trainable = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
        self._slots = [_slot(name, parameter, config) for name, parameter in trainable]

    @torch.no_grad()
    def extend(self, module: nn.Module, inherited: Mapping[str, str]) -> None:
        """Take in weights that the module has now, and had not before.

        A weight that is a copy of another, as `inherited` names it, goes on with what is remembered of that one; others begin anew.
        """
        before = {slot.name: slot for slot in self._slots}
        trainable = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad or name in before]
        self._slots = [before.get(name) or _slot(name, parameter, self.config) for name, parameter in trainable]
        for slot in self._slots:
            source = before.get(inherited.get(slot.name, ""))
            if source is not None and torch.equal(source.parameter, slot.parameter):
                for name, own in (slot.states | {"steps": slot.steps}).items():
                    own.copy_((source.states | {"steps": source.steps})[name])

    @torch.no_grad()
    def widen(self, module: nn.Module, widened: Mapping[str, Widening]) -> None:
        """Go on with the module's weights, some of which are wider than before; what is remembered of them is spread over their copies."""
        parameters = dict(module.named_parameters())
        self._slots = [self._followed(slot, parameters[slot.name], widened.get(slot.name)) for slot in self._slots]

    def _followed(self, slot: _Slot, parameter: nn.Parameter, widening: Widening | None) -> _Slot:
        if widening is None:
            return replace(slot, parameter=parameter)
        wide = _slot(slot.name, parameter, self.config)
        widen_states(slot.states, wide.states, widening)
        return replace(wide, steps=slot.steps)

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """The share of the learning rate that weights have from now on, by name; others have all of it, with 0 they rest without a gradient."""
        if rates == self._rates:
            return
        unknown = rates.keys() - {slot.name for slot in self._slots}
        if unknown:
            raise ConfigError(f"no trained weight is called {sorted(unknown)[0]!r}", hint="rates are for weights that are trained")
        self._rates = dict(rates)
        for slot in self._slots:
            slot.parameter.requires_grad_(self._rate(slot) > 0)

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        moving = []
        for slot in self._slots:
            gradient, rate = slot.parameter.grad, self._rate(slot)
            if gradient is not None and rate > 0:
                if gradient.is_sparse:
                    self._move_rows(slot, gradient, rate * self.learning_rate)
                else:
                    moving.append(slot)
        for weight_decay, rate in sorted({(slot.weight_decay, self._rate(slot)) for slot in moving}):
            slots = [slot for slot in moving if (slot.weight_decay, self._rate(slot)) == (weight_decay, rate)]
            self._move(slots, weight_decay, learning_rate=rate * self.learning_rate)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The weights that are moved."""
        return [slot.parameter for slot in self._slots]

    def zero_grad(self) -> None:
        """Forget the gradients and free their memory."""
        for slot in self._slots:
            slot.parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """What is remembered, as `parameter number/name` -> tensor."""
        return {f"{number}/{name}": tensor for number, slot in enumerate(self._slots) for name, tensor in self._named(slot).items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `tensors` gave; raises `ArtifactError` when it belongs to another model."""
        own = self.tensors()
        if {key: tensor.shape for key, tensor in own.items()} != {key: tensor.shape for key, tensor in tensors.items()}:
            raise ArtifactError("the saved optimizer state fits other weights", hint="the checkpoint belongs to another model")
        for key, tensor in own.items():
            tensor.copy_(tensors[key])

    def _rate(self, slot: _Slot) -> float:
        return self._rates.get(slot.name, 1.0)

    def _named(self, slot: _Slot) -> dict[str, Tensor]:
        return slot.states | {"steps": slot.steps}

    def _move(self, slots: list[_Slot], weight_decay: float, *, learning_rate: float) -> None:
        weights: list[Tensor] = [slot.parameter for slot in slots]
        gradients = [slot.parameter.grad for slot in slots if slot.parameter.grad is not None]
        match self.config.optimizer:
            case "adamw":
                moments = [[slot.states[name] for slot in slots] for name in POWERS]
                steps = [slot.steps for slot in slots]
                torch._foreach_add_(steps, 1.0)
                self._adamw(weights, gradients, moments, steps, weight_decay, learning_rate)
            case "adamw-8bit":
                for slot, gradient in zip(slots, gradients, strict=True):  # one at a time: never are all moments in float32
                    self._adamw_of(slot, gradient, weight_decay, learning_rate)
            case "adagrad" | "adagrad-rows" | "sgd":
                move = self._sgd if self.config.optimizer == "sgd" else self._adagrad
                for slot, gradient in zip(slots, gradients, strict=True):
                    for piece in rows(slot.parameter, gradient, slot.states):
                        move(piece, weight_decay, learning_rate)

    def _move_rows(self, slot: _Slot, gradient: Tensor, rate: float) -> None:
        """A step of the rows that a sparse gradient holds."""
        if self.config.optimizer != "adagrad-rows":
            raise ConfigError(f"optimizer {self.config.optimizer!r} follows no sparse gradients, as {slot.name} has", hint="take adagrad-rows")
        sums = slot.states["sum_of_squares"]
        move_rows(slot.parameter, gradient, sums, weight_decay=slot.weight_decay, rate=rate, epsilon=EPSILON)

    def _adamw_of(self, slot: _Slot, gradient: Tensor, weight_decay: float, rate: float) -> None:
        """A step of one weight, its moments brought back from eight bits for as long as it takes."""
        torch._foreach_add_([slot.steps], 1.0)
        if not is_quantised(slot.states):
            self._adamw([slot.parameter], [gradient], [[slot.states[name]] for name in POWERS], [slot.steps], weight_decay, rate)
            return
        for piece in pieces(slot.parameter.detach(), gradient, slot.states):
            moments = {name: restored(piece.states, name) for name in POWERS}
            self._adamw([piece.weight], [piece.gradient], [[moment] for moment in moments.values()], [slot.steps], weight_decay, rate)
            for name, moment in moments.items():
                quantise(piece.states, name, moment)

    def _adamw(
        self, weights: list[Tensor], gradients: list[Tensor], states: list[list[Tensor]], steps: list[Tensor], weight_decay: float, rate: float
    ) -> None:
        beta1, beta2 = self.config.betas
        torch._fused_adamw_(
            weights,
            gradients,
            states[0],
            states[1],
            [],
            steps,
            lr=rate,
            beta1=beta1,
            beta2=beta2,
            weight_decay=weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def _adagrad(self, piece: Piece, weight_decay: float, rate: float) -> None:
        gradient, total = piece.gradient, piece.states["sum_of_squares"]
        if weight_decay:
            gradient = gradient.add(piece.weight, alpha=weight_decay)
        if self.config.optimizer == "adagrad-rows":  # the mean over a row's columns (Naumov et al. 2019, DLRM)
            total += gradient.square() if gradient.ndim < 2 else gradient.square().flatten(1).mean(1).view_as(total)
        else:
            total.addcmul_(gradient, gradient)
        piece.weight.addcdiv_(gradient, total.sqrt().add_(EPSILON), value=-rate)

    def _sgd(self, piece: Piece, weight_decay: float, rate: float) -> None:
        gradient = piece.gradient.add(piece.weight, alpha=weight_decay) if weight_decay else piece.gradient
        if piece.states:
            gradient = piece.states["momentum"].mul_(self.config.momentum).add_(gradient)
        piece.weight.add_(gradient, alpha=-rate)


def _slot(name: str, parameter: nn.Parameter, config: TrainingConfig) -> _Slot:
    return _Slot(
        name=name,
        parameter=parameter,
        weight_decay=config.weight_decay if parameter.ndim >= 2 else 0.0,
        states=fresh_states(parameter.detach(), config),
        steps=torch.zeros((), dtype=torch.float32, device=parameter.device),
    )
