"""The nodes for minutes or days, with faults made on purpose: what comes of every frame."""
