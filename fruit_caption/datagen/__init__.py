"""Builds a data set: chooses questions, writes texts, checks them, and composes photos."""
