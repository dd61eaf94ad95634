"""What a model is worth on a split: scores, calibration, figures, the log of PrivateTest."""
