"""`fruit compare`: trains several variants of the model, scores them and writes a report."""
