"""One thin script per stage, and the command line. Nothing imports this package."""

import os

# One BLAS thread, set before numpy loads it: on tables this small more are no faster, and with a number of threads that
# follows the machine's cores the last digits of a fit would follow them too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
