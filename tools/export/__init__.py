"""A finished model as one ONNX file."""
