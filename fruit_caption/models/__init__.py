"""The unified model: an encoder sees, attention looks, an LSTM speaks."""
