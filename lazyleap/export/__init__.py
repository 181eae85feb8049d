"""ONNX files of what was meta-learned, and the proof that they do what PyTorch does.

:mod:`lazyleap.export.ordinary` writes networks that predict, :mod:`lazyleap.export.learner` one
that learns a new task inside ONNX Runtime.
"""
