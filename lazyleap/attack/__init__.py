"""Attacks on a classifier by queries alone, to count how many it withstands.

Read :mod:`lazyleap.attack.oracle` (the only access to the classifier), then
:mod:`lazyleap.attack.predicted` (the meta-attack). They measure how robust a classifier is.
"""
