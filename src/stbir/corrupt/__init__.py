"""Noises of drawings, words and pictures: the same code makes training harder and measures robustness.

Every noise has a severity from 0 (the exact identity) to 5, and takes a NumPy generator, so that a seed repeats it.
"""
