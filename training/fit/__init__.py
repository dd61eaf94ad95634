"""The training run: steps, losses, teachers, processes, curves."""
