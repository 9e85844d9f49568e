"""Where a search looks when nobody says: the settings of a recommender that matter most, and what each may be."""

from collections.abc import Mapping
from types import MappingProxyType

from leanrec.errors import ConfigError
from leanrec.recommenders.schedules import SCHEDULES
from leanrec.training.search_space import Range, SearchSpace

_NETWORK = {
    "encoder.width": Range(choices=(32, 48, 64, 96, 128)),
    "encoder.num_layers": Range(low=1, high=3),
    "encoder.dropout": Range(low=0.1, high=0.6),
    "training.learning_rate": Range(low=5e-4, high=2e-2, log=True),
    "training.weight_decay": Range(low=1e-4, high=0.1, log=True),
    "training.tokens": Range(choices=(512, 1024, 2048, 4096)),
    "training.max_epochs": Range(low=6, high=40),
}

SPACES: Mapping[str, SearchSpace] = MappingProxyType(
    {
        "sequential": SearchSpace(
            settings={
                **_NETWORK,
                "encoder.block": Range(choices=("transformer", "frequency", "gru")),
                "schedule": Range(choices=("auto", "whole", *SCHEDULES)),
            }
        ),
        "two-tower": SearchSpace(settings=_NETWORK),
        "ease": SearchSpace(settings={"regularisation": Range(low=1.0, high=5000.0, log=True), "decay": Range(low=0.3, high=0.999)}),
        "item-knn": SearchSpace(settings={"shrinkage": Range(low=0.0, high=99.5), "decay": Range(low=0.3, high=0.999)}),
        "als": SearchSpace(
            settings={
                "num_factors": Range(choices=(16, 32, 64, 128)),
                "regularisation": Range(low=1e-3, high=10.0, log=True),
                "confidence": Range(low=0.5, high=50.0, log=True),
                "decay": Range(low=0.3, high=0.999),
            }
        ),
    }
)


def space_of(name: str) -> SearchSpace:
    """Raises `ConfigError` for a recommender whose settings nobody has thought about."""
    if name not in SPACES:
        raise ConfigError(f"there is no search space of {name!r}", hint=f"give one under [space], or search one of {', '.join(SPACES)}")
    return SPACES[name]
