"""Columns of the published controlled runs: models that differ in one thing of their pretraining data and in nothing
else. `benchmark` names the benchmark of the targets table that measures the same ability; prompts, shots and metric
differ from the target's, so signs can be held side by side, and sizes with care."""

from __future__ import annotations

from features.schema.core import RAW, Column, Table, integer, number, text, word

STUDIES = ("bigscience", "datablations", "dclm")
NATURAL_CORPORA = ("C4", "OSCAR")
WEB_CORPORA = ("c4", "oscar", "oscar_filtered", "oscar_filtered_dedup")
CORPORA = (*WEB_CORPORA, "the_pile")
SHARE_TASKS = (
    *("anli_r1", "anli_r2", "anli_r3", "arc_challenge", "arc_easy", "babi", "boolq", "cb", "copa", "e2e_nlg"),
    *("hellaswag", "mean_all", "mean_without_babi", "piqa", "rte", "sciq", "storycloze_2016", "webnlg_en"),
    *("wikilingua_en", "winogrande", "xsum"),
)
CORPUS_TASKS = (
    *("arc_challenge", "arc_easy", "boolq", "copa", "headqa_en", "hellaswag", "lambada", "logiqa", "mathqa"),
    *("mc_taco", "mrpc", "multirc", "openbookqa", "piqa", "prost", "pubmedqa", "qnli", "qqp", "race", "rte", "sciq"),
    *("sst", "triviaqa", "webqs", "wic", "winogrande", "wnli", "wsc"),
)
CORPUS_METRICS = ("acc_norm", "accuracy", "exact_match", "f1", "perplexity")
RECIPE_TASKS = (
    *("agi_eval_lsat_ar", "agi_eval_lsat_lr", "agi_eval_lsat_rc", "agi_eval_sat_en", "agi_eval_sat_math"),
    *("agi_eval_sat_math_cot", "aqua", "aqua_cot", "arc_challenge", "arc_easy", "bbq"),
    *("bigbench_conceptual_combinations", "bigbench_conlang_translation", "bigbench_cs_algorithms"),
    *("bigbench_dyck_languages", "bigbench_elementary_math_qa", "bigbench_language_identification"),
    *("bigbench_logical_deduction", "bigbench_misconceptions", "bigbench_novel_concepts", "bigbench_operators"),
    *("bigbench_qa_wikidata", "bigbench_repeat_copy_logic", "bigbench_strange_stories", "bigbench_strategy_qa"),
    *("bigbench_understanding_fables", "boolq", "commonsense_qa", "copa", "coqa", "enterprise_pii_classification"),
    *("gpqa_diamond", "gpqa_main", "gsm8k", "gsm8k_cot", "hellaswag", "hellaswag_zeroshot", "jeopardy"),
    *("lambada_openai", "logi_qa", "math_qa", "mmlu_fewshot", "mmlu_zeroshot", "openbook_qa", "piqa"),
    *("pubmed_qa_labeled", "simple_arithmetic_nospaces", "simple_arithmetic_withspaces", "siqa", "squad"),
    *("svamp_cot", "triviaqa_sm_sub", "winogender_mc_female", "winogender_mc_male", "winograd", "winogrande"),
)
RECIPE_CORE_TASKS = ("arc_challenge", "hellaswag", "lambada_openai", "piqa", "winogrande")  # every run has these


def _share(name: str, of: str) -> Column:
    return number(name, f"{of} in the training tokens; empty = not documented", "percent", 0, 100, nullable=True)


def _benchmark() -> Column:
    return text("benchmark", "benchmark of the targets table that measures the same ability; empty = none", True)


CONTROLLED_SHARES = Table(
    "controlled_shares",
    RAW / "controlled_shares.csv",
    ("total_params", "natural_language_corpus", "pct_code", "task"),
    (
        word("study", "the study", ("datablations",)),
        integer("total_params", "parameters, by the study's round name", "parameters", 1e8, 1e11),
        integer("tokens", "training tokens, code included", "tokens", 1e9, 1e13),
        word("natural_language_corpus", "web text that the code stands beside", NATURAL_CORPORA),
        number("pct_code", "Python in the training tokens; the rest is the corpus", "percent", 0, 90),
        word("task", "task, mean over 0 to 5 worked examples; mean_*: over tasks", SHARE_TASKS),
        _benchmark(),
        number(
            "score_rescaled_pct", "100 (score - chance) / (1 - chance); below 0 = under chance", "points", -100, 100
        ),
        number("seed_sd", "standard deviation over training seeds; empty = one run", "points", 0, 100, nullable=True),
        integer("n_seeds", "training seeds behind the standard deviation", "seeds", 2, 100, nullable=True),
        text("source", "where the results stand, and their licence"),
    ),
    "Models of one size whose training data hold more or less Python: what each share scored.",
)

CONTROLLED_CORPORA = Table(
    "controlled_corpora",
    RAW / "controlled_corpora.csv.gz",
    ("run", "step", "task", "metric"),
    (
        word("study", "the study", ("bigscience",)),
        text("run", "the study's name of the run"),
        word("corpus", "corpus that the model was trained on", CORPORA),
        _share("pct_web", "web text"),
        _share("pct_code", "code"),
        integer("total_params", "parameters, by the study's round name", "parameters", 1e8, 1e11),
        integer("tokens", "training tokens seen by then", "tokens", 1e9, 1e13),
        integer("step", "optimiser step of the checkpoint", "steps", 1, 1e8),
        word("task", "task, zero-shot", CORPUS_TASKS),
        _benchmark(),
        word("metric", "what is measured", CORPUS_METRICS),
        number("value", "the result: perplexity at least 1, all else 0-1", "per metric", 0, 1e12),
        number("stderr", "standard error over items; empty = not published", "per metric", 0, 1e12, True),
        text("source", "where the results stand, and their licence"),
    ),
    "Five models of one size on five corpora, over their training checkpoints (gzip-compressed CSV).",
)

CONTROLLED_RECIPES = Table(
    "controlled_recipes",
    RAW / "controlled_recipes.csv",
    ("run", "task"),
    (
        word("study", "the study", ("dclm",)),
        text("run", "the study's name of the run, which spells its settings"),
        text("recipe", "training data: web_N_x_M = N % web text and M % of x"),
        _share("pct_web", "web text"),
        _share("pct_code", "code"),
        text("model", "architecture; open_lm_411m is the study's d=1024_l=24_h=8"),
        text("settings", "warm-up steps, learning rate, weight decay, batch size; `defaults`: the study's own"),
        integer("total_params", "parameters", "parameters", 1e8, 1e11),
        integer("tokens", "training tokens seen", "tokens", 1e9, 1e13),
        word("task", "task as the study names it", RECIPE_TASKS),
        _benchmark(),
        number("score", "accuracy", "fraction", 0, 1),
        text("source", "where the results stand, and their licence"),
    ),
    "Models that differ in their data recipe alone: RedPajama against web text, its web part swapped, graded shares.",
)
