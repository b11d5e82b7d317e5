"""What the laboratory's checkpoints are probed with (lms/probe.py): a part of the section `lab` of params.yaml."""

from __future__ import annotations

from foretell.settings import Count, Level, Seed, settings


@settings
class ProbeSettings:
    """Which texts are read. Held-out text: documents of `code_sources` and `language_sources`, cut to `characters`,
    `held_out_tokens` tokens of code and as many of language, in equal parts from each source. `n_texts` texts of each
    other kind: noise of `noise_tokens` random tokens or `noise_words` shuffled words; statements from the source
    `dictionary`, true ones and ones with swapped definitions; and contrast texts of at most `contrast_tokens`, drawn
    from p_small / p_large over tokens of at least `plausibility` times the small model's largest probability.
    `context`, `batch_size`: as in lms.token_losses.LossSettings."""

    code_sources: tuple[str, ...]
    language_sources: tuple[str, ...]
    dictionary: str
    characters: Count
    held_out_tokens: Count
    n_texts: Count
    noise_tokens: Count
    noise_words: Count
    contrast_tokens: Count
    plausibility: Level
    context: Count
    batch_size: Count
    seed: Seed
