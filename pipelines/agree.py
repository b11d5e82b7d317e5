"""Compare two labelings of the same texts, for example a person's and a classifier's:

    python -m pipelines.agree person.csv classifier.csv

Each file has the columns `index` and `label` (a domain, incoherent, other or unanswered). Prints absolute agreement and
Cohen's kappa, over all and per label.
"""

import sys
from pathlib import Path

from features.agreement import agreement, agreement_markdown, paired_labels, read_labels
from foretell.errors import ConfigError
from pipelines.stage import run_stage


def main() -> None:
    """Print the agreement of the two files on the command line."""
    if len(sys.argv) != 3:
        raise ConfigError("agree takes two CSV files with the columns index and label")
    first, second, unpaired = paired_labels(*(read_labels(Path(name)) for name in sys.argv[1:]))
    print(agreement_markdown(agreement(first, second)), end="")
    if unpaired:
        print(f"\nIn one file only, not compared ({len(unpaired)}): {', '.join(unpaired[:20])}")


if __name__ == "__main__":
    run_stage(main)
