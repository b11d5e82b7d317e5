"""Training itself: how item losses, scores and losses move over checkpoints, and which findings of the literature hold."""
