"""Stage `tag@slug`: turn one model's generations into its row of generation features.

Reads data/generations/<slug>/ (shards and manifest of `sample@slug`); writes data/tags/<slug>.csv,
data/tags/left_out/<slug>.csv and data/lineage/<slug>.tag.json. Unfinished work stays in .progress/tags/<slug>/ and is
taken up again.
"""

from lms.tag import sampled_by, tag_generations
from lms.tag_settings import tag_fingerprint
from lms.taggers import open_taggers
from pipelines.files import write_json
from pipelines.params import load_params
from pipelines.paths import GENERATIONS, LINEAGE, TAG_WORK, TAGS
from pipelines.stage import argument, run_stage


def main() -> None:
    """Tag the generations of the slug on the command line."""
    cfg = load_params().tag
    slug = argument(tuple(sorted(path.parent.name for path in GENERATIONS.glob("*/manifest.json"))))
    folder = GENERATIONS / slug
    model_id, sampled = sampled_by(folder)
    taggers = open_taggers(cfg)
    tag_generations(folder, TAGS / f"{slug}.csv", TAG_WORK / slug, model_id, taggers, print)
    made = {"job": "tag", "slug": slug, "model_id": model_id, "fingerprint": tag_fingerprint(sampled, cfg)}
    write_json(LINEAGE / f"{slug}.tag.json", {**made, "taggers": taggers.lineage})


if __name__ == "__main__":
    run_stage(main)
