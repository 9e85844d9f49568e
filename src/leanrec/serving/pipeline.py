"""Pipeline: from a question to an answer through stages that a TOML file declares, each timed and counted."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leanrec.config import Config, read_toml
from leanrec.serving.correcting import Correct, CorrectConfig
from leanrec.serving.diversifying import Diversify, DiversifyConfig
from leanrec.serving.exploring import Explore, ExploreConfig
from leanrec.serving.exposure import Exposure
from leanrec.serving.filtering import Filter, FilterConfig
from leanrec.serving.hearing import HearConfig
from leanrec.serving.messages import StageReport
from leanrec.serving.ranking import Fuse, FuseConfig, Rank, RankConfig
from leanrec.serving.reading import LANGUAGE, LanguageConfig, Read
from leanrec.serving.reasoning import Explain, ExplainConfig
from leanrec.serving.retrieving import Retrieve, RetrieveConfig
from leanrec.serving.stage import Candidates, Question, Stage


class PipelineConfig(Config):
    """The stages in their order, and how words are heard before the first; every table may be left out."""

    hear: HearConfig = HearConfig()
    """What the user's own words weigh."""
    retrieve: RetrieveConfig = RetrieveConfig()
    """Where candidates come from."""
    filter: FilterConfig = FilterConfig()
    """What is taken out."""
    rank: RankConfig = RankConfig()
    """How many go on."""
    fuse: FuseConfig = FuseConfig()
    """How sources become one list."""
    language: LanguageConfig = LanguageConfig()
    """How long a language model may read of the best."""
    correct: CorrectConfig = CorrectConfig()
    """What stated likes and dislikes weigh."""
    diversify: DiversifyConfig = DiversifyConfig()
    """How much variety."""
    explore: ExploreConfig = ExploreConfig()
    """Places for items of which little is known."""
    explain: ExplainConfig = ExplainConfig()
    """Reasons."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineAnswer:
    """What came out, and what every stage did."""

    candidates: Candidates
    stages: list[StageReport]


class Pipeline:
    """Runs the stages one after the other."""

    def __init__(self, config: PipelineConfig | None = None, *, exposure: Exposure | None = None, seed: int = 0) -> None:
        self.config = config or PipelineConfig()
        self.stages: Mapping[str, Stage] = {
            "retrieve": Retrieve(self.config.retrieve),
            "filter": Filter(self.config.filter),
            "rank": Rank(self.config.rank),
            "fuse": Fuse(self.config.fuse),
            LANGUAGE: Read(self.config.language),
            "correct": Correct(self.config.correct),
            "diversify": Diversify(self.config.diversify),
            "explore": Explore(self.config.explore, exposure=exposure or Exposure(), seed=seed),
            "explain": Explain(self.config.explain),
        }

    def answer(self, question: Question) -> PipelineAnswer:
        """The answer to one question."""
        candidates = _nothing(question)
        reports: list[StageReport] = []
        began = time.perf_counter()
        for name, stage in self.stages.items():
            if name == LANGUAGE and question.model.reader is None:
                continue
            num_in = len(candidates) if reports else question.model.num_scored
            candidates = stage(question, candidates)
            ended = time.perf_counter()
            reports.append(StageReport(name=name, ms=round((ended - began) * 1000, 3), num_in=num_in, num_out=len(candidates), note=candidates.note))
            began = ended
        return PipelineAnswer(candidates=candidates, stages=reports)


def read_pipeline(path: Path | None) -> PipelineConfig:
    """The pipeline of a TOML file, or the built-in one; raises `ConfigError` naming file and key."""
    return PipelineConfig() if path is None else PipelineConfig.parse(read_toml(path), where=str(path))


def _nothing(question: Question) -> Candidates:  # noqa: ARG001 - the shape of an empty answer is the same for all
    return Candidates(rows=np.zeros(0, np.int64), scores=np.zeros(0, np.float32), sources=np.zeros(0, np.int8), names=())
