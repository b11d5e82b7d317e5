"""The forecaster: members that correct an offset in scale by trees, their blend, and intervals for what comes next."""
