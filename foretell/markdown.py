"""Markdown tables, as reports, model cards and commands print them."""

from collections.abc import Collection, Mapping, Sequence


def markdown_table(rows: Sequence[Mapping[str, object]], right: Collection[str] = ()) -> str:
    """A Markdown table of `rows`, which all have the first row's keys; the keys are the column heads.

    Columns named in `right` are aligned to the right. A `|` inside a cell is escaped. Cells are not padded to equal
    width, so that a longer cell changes one line of a report and not all of them.
    """
    heads = list(rows[0])
    lines = [heads, ["---:" if head in right else "---" for head in heads]]
    lines += [[str(row[head]).replace("|", "\\|") for head in heads] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
