"""What a model is worth on a split: scores, calibration, pictures, the log of readings."""
