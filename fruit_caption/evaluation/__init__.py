"""Scores answers: metrics, calibration, baselines and plots."""
