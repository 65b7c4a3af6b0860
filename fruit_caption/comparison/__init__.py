"""`fruit compare`: train several variants, score them side by side and write a report."""
