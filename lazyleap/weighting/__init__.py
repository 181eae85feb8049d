"""A running classifier on a long tail, its examples weighted: by rules, or by meta-learning.

:mod:`lazyleap.weighting.learner` is what the training loop trains; ``baselines`` and ``learned``
say how much each example of a mini-batch counts.
"""
