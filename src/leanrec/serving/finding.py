"""Find: items by what somebody says of them, the nearest first."""

import numpy as np

from leanrec.data.query import Query
from leanrec.serving.hearing import FloatArray, HearConfig, Heard, hear
from leanrec.serving.messages import FoundItems
from leanrec.serving.served_model import ServedModel


def items_like(text: str, *, model: ServedModel, limit: int, offset: int, config: HearConfig) -> FoundItems:
    """Items near a text: by the model where it reads, else by the words of titles and attributes; deleted ones are left out.

    Those that have nothing in common with it are left out too; a text of conditions only gives what meets them, the most popular first.
    """
    catalogue = model.catalogue
    deleted = np.zeros(len(catalogue), np.bool_)
    deleted[catalogue.deleted_rows] = True
    heard = hear(text, not_meant=(), model=model, blocked=deleted, config=config)
    if heard is None:
        return catalogue.search("", limit=limit, offset=offset)
    scores = _scores(heard, model)
    rows = np.flatnonzero(~heard.blocked)
    lowest = float(scores[rows].min(initial=np.inf))
    if (scores[rows] > lowest).any() or not heard.understood.filters:
        rows = rows[scores[rows] > lowest]
    popularity = np.pad(catalogue.index.popularity, (0, len(catalogue) - catalogue.num_known))
    order = rows[np.lexsort((-popularity[rows], -scores[rows]))]
    page = order[offset : offset + limit].tolist()
    return FoundItems(items=[catalogue.found(row, score=round(float(scores[row]), 6)) for row in page], total=len(order), understood=heard.understood)


def _scores(heard: Heard, model: ServedModel) -> FloatArray:
    """(N + new,) how near each item is; an item that the model does not know yet is as far as the farthest."""
    if heard.text is None or model.scorer is None or not model.reads_text:
        return heard.lift
    read = model.scorer.catalogue_scores([Query(text=heard.text)])[0]
    known = heard.lifted(read, np.arange(len(read)))
    return np.concatenate([known, heard.lift[len(read) :]])
