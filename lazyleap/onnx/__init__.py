"""ONNX files of what was meta-learned, and the proof that they do what PyTorch does.

:mod:`lazyleap.onnx.ordinary` writes networks that predict, :mod:`lazyleap.onnx.learner` one
that learns a new task inside ONNX Runtime.
"""
