"""Stage `gather`: public text for the laboratory's controlled runs. Needs npm, pip and a network.

Reads nothing but the list of packages in lms/corpus/packages.py; writes data/lab/corpus: a folder of JSON lines per
source (code, books, dictionary, manuals) and manifest.json with versions, hashes, licences and sizes. Archives that an
earlier run downloaded are kept below .progress/lab/archives and used again.
"""

from lms.corpus import gather
from lms.corpus.packages import PACKAGES, SOURCES
from pipelines.paths import LAB_ARCHIVES, LAB_CORPUS
from pipelines.progress import Progress
from pipelines.stage import run_stage


def main() -> None:
    """Fetch the packages and write their documents."""
    progress = Progress("gather", total=len(PACKAGES))
    entries = gather(LAB_CORPUS, LAB_ARCHIVES, progress=progress.advance)["packages"]
    for source in SOURCES:
        parts = [entry for entry in entries if entry["source"] == source]
        size, documents = sum(part["bytes"] for part in parts), sum(part["documents"] for part in parts)
        print(f"{source}: {documents:,} documents, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_stage(main)
