"""Coursework: what a master notebook holds, the run of a submission, and an instructor's Monday."""
