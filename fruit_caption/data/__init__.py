"""Data sets: records, files, splits, batches, augmentation and cached features."""
