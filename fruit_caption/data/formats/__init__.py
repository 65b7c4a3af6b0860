"""Readers and writers of annotation formats, one module a format."""
