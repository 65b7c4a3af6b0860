"""The captioner model, its encoders and layers, and decoding."""
