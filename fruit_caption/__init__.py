"""Answer questions about photographs of fruit: a CNN sees, an LSTM speaks."""

__version__ = "0.1.0"
