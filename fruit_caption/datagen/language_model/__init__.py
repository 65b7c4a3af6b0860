"""Text generation with a KerasNLP language model."""
