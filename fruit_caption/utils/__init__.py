"""Helpers that know nothing of fruit: errors, files, images, plotting, parallel work."""
