"""The classifiers of an attack's task: trained briefly and stored, or the user's own ONNX file."""
