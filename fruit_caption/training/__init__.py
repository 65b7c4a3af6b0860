"""Trains models: decoder pre-training, trainer, optimizer, distribution, text writer."""
