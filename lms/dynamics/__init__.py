"""Learning dynamics: small synthetic tasks on which models are trained by the loop of `lms.pretrain`, so that grokking,
format, curriculum, single skills and chains of steps are measured rather than cited."""
