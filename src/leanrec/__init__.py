"""leanrec: large-model recommenders on a stated hardware budget, with the evidence.

>>> import leanrec
>>> sorted(leanrec.__all__)[:3]
['Budget', 'Dataset', 'LeanRecError']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leanrec.config import Budget as Budget
    from leanrec.data.dataset import Dataset as Dataset
    from leanrec.data.query import Query as Query
    from leanrec.data.query import Recommendations as Recommendations
    from leanrec.errors import LeanRecError as LeanRecError
    from leanrec.recommenders.model import Model as Model
    from leanrec.workflow.asking import explain as explain
    from leanrec.workflow.asking import recommend as recommend
    from leanrec.workflow.asking import similar as similar
    from leanrec.workflow.fitting import fit as fit
    from leanrec.workflow.proving import prove as prove
    from leanrec.workflow.reading import read as read
    from leanrec.workflow.settings import RunSettings as RunSettings

_HOME_OF = {
    "Budget": "leanrec.config",
    "Dataset": "leanrec.data.dataset",
    "LeanRecError": "leanrec.errors",
    "Model": "leanrec.recommenders.model",
    "Query": "leanrec.data.query",
    "Recommendations": "leanrec.data.query",
    "RunSettings": "leanrec.workflow.settings",
    "explain": "leanrec.workflow.asking",
    "fit": "leanrec.workflow.fitting",
    "prove": "leanrec.workflow.proving",
    "read": "leanrec.workflow.reading",
    "recommend": "leanrec.workflow.asking",
    "similar": "leanrec.workflow.asking",
}

__all__ = [*_HOME_OF, "load"]


def __getattr__(name: str) -> Any:  # Any: whatever the name stands for
    if name == "load":
        return import_module("leanrec.recommenders.model").Model.load
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'leanrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
