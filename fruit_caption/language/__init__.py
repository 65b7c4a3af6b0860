"""Fruit names and numbers, parsing of questions and answers, text templates, vocabulary."""
