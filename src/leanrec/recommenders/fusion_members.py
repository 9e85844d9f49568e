"""Members: the recommenders of a fusion, fitted for a rehearsal and for use."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leanrec.artifact import Artifact
from leanrec.config import Config
from leanrec.data.acts import is_act
from leanrec.data.dataset import Dataset
from leanrec.data.ids import UNKNOWN_ROW
from leanrec.errors import BudgetError, DataError, MissingExtraError, PlugInError
from leanrec.recommenders.building import build, opener
from leanrec.recommenders.fusion_config import Member
from leanrec.recommenders.protocol import CatalogueRecommender, LearnsFromValidation, Recommender
from leanrec.training.run import Run

log = logging.getLogger(__name__)

MEMBERS_FOLDER = "members"
MEMBERS_FILE = "members.json"
"""Who takes part, with settled settings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedMember:
    """A member with what it learnt."""

    member: Member
    recommender: CatalogueRecommender

    def settled(self) -> Member:
        """The member with the settings that validation taught it, so that fitting it again needs no validation data."""
        if not isinstance(self.recommender, LearnsFromValidation):
            return self.member
        config = getattr(self.recommender.settled(), "config", None)
        if not isinstance(config, Config):
            raise PlugInError(f"{self.member.name!r} settles into no settings, which a fusion needs", hint="give it a `config`")
        return self.member.model_copy(update={"config": config.model_dump(mode="json", by_alias=True)})


def fit_members(members: Sequence[Member], train: Dataset, *, valid: Dataset | None, run: Run) -> list[FittedMember]:
    """The members that could be fitted; `valid` goes to those that learn from it."""
    fitted: list[FittedMember] = []
    for member in members:
        try:
            recommender = build(member.name, member.config, where=f"members.{member.name}")
            given = valid if isinstance(recommender, LearnsFromValidation) else None
            fitted.append(
                FittedMember(member=member, recommender=_scoring_all(recommender.fit(train, valid=given, run=run.within(member.name)), member.name))
            )
        except (DataError, BudgetError, MissingExtraError) as error:
            if not member.is_optional:
                raise
            log.info("fusion goes without %s: %s", member.name, error.message)
    if not fitted:
        raise DataError("no member of the fusion could be fitted", hint="name one that needs nothing but events, such as cooccurrence")
    return fitted


def save_members(members: Sequence[FittedMember], draft: Path) -> None:
    """Write every member as an artifact of its own, and who they are."""
    for entry in members:
        entry.recommender.save(draft / MEMBERS_FOLDER / entry.member.name)
    content = [entry.member.model_dump(mode="json", by_alias=True) for entry in members]
    (draft / MEMBERS_FILE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def open_members(artifact: Artifact) -> list[FittedMember]:
    """What `save_members` wrote, each opened by its runner where one is registered."""
    content = json.loads(artifact.file(MEMBERS_FILE).read_text(encoding="utf-8"))
    members = [Member.parse(entry, where=MEMBERS_FILE) for entry in content]
    folder = artifact.folder / MEMBERS_FOLDER
    return [FittedMember(member=member, recommender=_scoring_all(opener(member.name).load(folder / member.name), member.name)) for member in members]


def without_newest(train: Dataset) -> Dataset:
    """The data set less each user's acts on the item of their newest act; users with a single item keep it."""
    acts, items = np.flatnonzero(is_act(train)), train.column("item_row").astype(np.int64)
    users = train.column("user_row").astype(np.int64)
    newest = np.full(train.num_users, UNKNOWN_ROW)
    newest[users[acts]] = items[acts]  # of several values the last stays
    is_newest = items == newest[users]
    has_more = np.bincount(users[~is_newest], minlength=train.num_users) > 0
    return train.subset(~(is_newest & has_more[users]))


def _scoring_all(recommender: Recommender, name: str) -> CatalogueRecommender:
    if not isinstance(recommender, CatalogueRecommender):
        raise PlugInError(f"{name!r} cannot score its whole catalogue at once, which a fusion needs", hint="give it `items` and `catalogue_scores`")
    return recommender
