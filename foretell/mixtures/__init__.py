"""Data mixtures: losses predicted from weights, the best mixture under limits, the smallest change towards a target."""
