"""Asks trained models about pictures, and exports them to ONNX and LiteRT."""
