"""Writes captions, questions and answers about photos, and keeps only what the boxes prove."""
