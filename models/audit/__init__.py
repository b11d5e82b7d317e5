"""The auditor: is a measured score a failure of the run and not of the model? Each score is held against what the
model's design and its other scores lead one to expect, and against the faults that runs are known to have."""
