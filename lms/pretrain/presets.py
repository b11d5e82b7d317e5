"""The study's confirmatory runs: one model on mixtures that differ in the share of code, or of web text, and in nothing
else. Settings as published (appendix M of the study); what it does not state is marked as assumed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from foretell.errors import ConfigError
from lms.pretrain.mixture import Phase
from lms.pretrain.run import RunSettings
from lms.pretrain.settings import ModelSettings, OptimiserSettings
from lms.pretrain.shards import DataSettings
from lms.pretrain.text import FolderSource
from lms.pretrain.tokenizer import LoadedTokenizer, TrainedTokenizer

Varied = Literal["code", "web"]

# "460M": 447.6 million parameters with tied embeddings, 496.8 million with embeddings of their own, under the 32,000
# tokens of Llama 2. The nearer of the two is taken; exactly 460 million would be tied embeddings of 40,100 tokens.
STUDY_MODEL = ModelSettings(
    vocabulary=32_000,
    context=2048,
    hidden=1536,
    layers=14,
    heads=12,
    key_value_heads=12,
    feed_forward=4128,
    tied=True,
)
SEQUENCES = 512
SEQUENCES_AT_ONCE = 16
RUN_TOKENS, HORIZON_TOKENS = 10e9, 100e9
SHARES_PERCENT: dict[Varied, tuple[int, ...]] = {
    "code": (0, 8, 15, 20, 25, 40, 60, 80, 100),
    "web": (0, 10, 30, 50, 70, 90, 100),
}
# Billions of Llama tokens in Dolma (Soldaini et al. 2024, arXiv:2402.00159, table 1): web is Common Crawl and C4, code
# The Stack, social Reddit, papers peS2o, books Project Gutenberg, encyclopedia Wikipedia and Wikibooks.
DOLMA_BILLIONS = {"web": 2281 + 198, "code": 411, "social": 89, "papers": 70, "books": 6.0, "encyclopedia": 4.3}


def mixture_weights(varied: Varied, share: float, sizes: Mapping[str, float] = DOLMA_BILLIONS) -> dict[str, float]:
    """Weights that add up to 1: `share` (0 to 1) for the source `varied`, the rest for the other sources in the fixed
    proportions of their `sizes`. Sources of weight 0 are left out. Raises ConfigError for another share."""
    if not 0 <= share <= 1:
        raise ConfigError(f"{varied} share {share:g}: expected 0 to 100 percent")
    others = sum(size for name, size in sizes.items() if name != varied)
    weights = {name: share if name == varied else (1 - share) * size / others for name, size in sizes.items()}
    return {name: weight for name, weight in weights.items() if weight > 0}


def study_run(
    varied: Varied, share: float, sources: Path, tokenizer: Path | None = None, processes: int = 1
) -> RunSettings:
    """The study's run with `share` (0 to 1) of code or web text. `sources` holds one folder per source (web, code,
    social, papers, books, encyclopedia); `tokenizer` is a folder with Llama 2's, or none to train one of its size.
    Every source that the experiment knows is measured at every share. `processes` only sets how a batch is split."""
    steps = round(RUN_TOKENS / (SEQUENCES * STUDY_MODEL.context))
    kept = tuple(range(0, steps, 2000))
    return RunSettings(
        model=STUDY_MODEL,
        data=DataSettings(
            sources=tuple(FolderSource(name, str(sources / name)) for name in DOLMA_BILLIONS),
            tokenizer=(
                LoadedTokenizer(str(tokenizer), "local") if tokenizer else TrainedTokenizer(32_000, 100_000_000)
            ),
            held_out_share=0.001,  # assumed
            documents_per_shard=50_000,
        ),
        phases=(Phase(steps, mixture_weights(varied, share)),),
        sequences=SEQUENCES,
        optimiser=OptimiserSettings(
            learning_rate=1.5e-4,
            final_learning_rate=1e-5,
            warm_up_steps=100,
            horizon_steps=round(HORIZON_TOKENS / (SEQUENCES * STUDY_MODEL.context)),
            beta1=0.9,  # assumed, as is beta2: usual for Llama
            beta2=0.95,
            weight_decay=0.01,
            clip=1.0,
        ),
        micro_batches=max(1, SEQUENCES // (SEQUENCES_AT_ONCE * processes)),
        dtype="bfloat16",
        seed=42,
        threads=1,
        compiled=True,
        measure_at=(*kept, steps),
        checkpoint_at=(*kept[1:], steps),
        state_every=500,
        held_out_sequences=256,
        held_out_rows=SEQUENCES_AT_ONCE,
    )
