"""Loss-based metrics of any language model: what the right option, its gap to the wrong ones, or a solution costs."""
