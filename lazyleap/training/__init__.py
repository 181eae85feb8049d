"""Meta-training: the one loop, the meta-learner, checkpoints."""
