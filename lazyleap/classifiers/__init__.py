"""The classifiers of an attack's task: trained briefly and stored, or a user's ONNX file."""
