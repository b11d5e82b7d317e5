"""What will a language model score, before anyone trains it? The library behind the pipeline."""
