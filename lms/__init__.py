"""The language models under study: scored, sampled and tagged (torch, transformers and lm-eval live here only)."""
