"""The repository's own targets, for tests that need some: all of them, and the study's thirteen."""

from features.targets import in_group, read_targets

TARGETS = read_targets()
PAPER = {slug: TARGETS[slug] for slug in in_group(TARGETS, ["paper"])}
