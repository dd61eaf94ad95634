"""Many recordings: found, worked on by many processes or machines, each exactly once, summed up.

The folder of a source appears in the output folder by one rename, with its outputs and its record
in it. A source is done when its folder is there and its record fits source and settings: whatever
was interrupted, killed or run twice, nothing is lost and nothing is counted twice.
"""
