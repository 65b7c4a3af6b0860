"""Fruit names and numbers, reading questions and answers, templates, and the vocabulary."""
