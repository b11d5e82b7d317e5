"""Training itself: how losses and scores move over checkpoints, and which findings of the literature hold."""
