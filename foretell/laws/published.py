"""Constants as published, so that a law can be used before there is anything to fit, and so that tests can hold the
code against the papers' own worked numbers. They belong to the papers' data and tokenisers: use them for orders of
magnitude."""

from foretell.laws.allocation import KaplanFrontier
from foretell.laws.joint import ChinchillaLaw, DataRequirement, KaplanLaw
from foretell.laws.quantities import FLOPS_PER_PF_DAY
from foretell.laws.single import ComputeLaw, ParamsLaw, TokensLaw
from foretell.laws.steps import CriticalBatchLaw, StepsLaw

# Kaplan et al. 2020, arXiv 2001.08361: WebText2, non-embedding parameters, nats per token.
KAPLAN_PARAMS = ParamsLaw(alpha_n=0.076, n_c=8.8e13)  # eq. 1.1
KAPLAN_TOKENS = TokensLaw(alpha_d=0.095, d_c=5.4e13)  # eq. 1.2
KAPLAN_COMPUTE = ComputeLaw(alpha_c=0.050, c_c=3.1e8 * FLOPS_PER_PF_DAY)  # eq. 1.3, from PF-days
KAPLAN_JOINT = KaplanLaw(alpha_n=0.076, n_c=6.4e13, alpha_d=0.103, d_c=1.8e13)  # Table 2
KAPLAN_DATA = DataRequirement(k=5e3, exponent=0.74)  # eq. 4.4, for 2 % seed noise
KAPLAN_STEPS = StepsLaw(alpha_n=0.077, n_c=6.5e13, alpha_s=0.76, s_c=2.1e3)  # Table 3
KAPLAN_CRITICAL_BATCH = CriticalBatchLaw(b_star=2e8, alpha_b=0.21)  # eq. 1.4
KAPLAN_FRONTIER = KaplanFrontier(KAPLAN_STEPS, KAPLAN_CRITICAL_BATCH)
# Exponents of C_min that they measured for the optimal N, B and S (section 1.2, eqs. 1.7-1.8); the frontier derives
# its own.
KAPLAN_MEASURED_EXPONENTS = {"params": 0.73, "batch_tokens": 0.24, "steps": 0.03}

# Hoffmann et al. 2022, arXiv 2203.15556, approach 3, as printed (rounded; the refit below is the better description).
HOFFMANN = ChinchillaLaw(e=1.69, a=406.4, b=410.7, alpha=0.34, beta=0.28)
# Besiroglu et al. 2024, arXiv 2404.10102: refit of 240 reconstructed points.
BESIROGLU = ChinchillaLaw(e=1.817, a=482.0, b=2085.4, alpha=0.348, beta=0.366)
BESIROGLU_INTERVALS_95 = {"alpha": (0.317, 0.373), "beta": (0.331, 0.415)}
