"""Reading raw tables: exact dtypes, and an error that names the cell."""

from pathlib import Path

import pandas as pd
import pytest

from features.raw import lenient_numbers, read_raw, read_text, typed
from features.schema import MODELS, RAW_TABLES, Column, Table
from features.schema.core import flag, integer, number, text
from foretell.errors import DataError

SMALL = Table(
    "small",
    Path("data/raw/small.csv"),
    ("model_id",),
    (
        text("model_id", "id"),
        number("share", "share", "percent", 0, 100, nullable=True),
        integer("layers", "layers", "blocks", 1, 500, nullable=True),
        flag("tied", "tied", nullable=True),
        Column("month", "date", "month", nullable=True),
    ),
    "a small table",
)


def write(root: Path, content: str) -> Path:
    path = root / SMALL.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return root


def test_every_kind_has_its_dtype(tmp_path: Path) -> None:
    root = write(tmp_path, "model_id,share,layers,tied,month\nNA,1e1,3,true,2023-07\nb/y,.5,,,\n")
    frame = read_raw(SMALL, root)
    dtypes = {"model_id": "string", "share": "float64", "layers": "Int64", "tied": "boolean", "month": "string"}
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} | {"model_id": "string"} == dtypes
    assert frame["model_id"].tolist() == ["NA", "b/y"]  # a model may be called NA: only an empty cell is missing
    assert frame["share"].tolist() == [10.0, 0.5]
    assert frame["layers"].isna().tolist() == [False, True]
    assert frame.loc[0, "tied"] is True or bool(frame.loc[0, "tied"])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a/x,nan,3,true,2023-07", "row a/x, column share: 'nan' is not a number"),
        ("a/x,1_000,3,true,2023-07", "row a/x, column share: '1_000' is not a number"),
        ("a/x,0x10,3,true,2023-07", "row a/x, column share: '0x10' is not a number"),
        ("a/x,5,3.0,true,2023-07", "row a/x, column layers: '3.0' is not a integer"),
        ("a/x,5,3,True,2023-07", "row a/x, column tied: 'True' is not true or false"),
        ("a/x,5,3,true,2023", "row a/x, column month: '2023' is not a date"),
    ],
)
def test_an_unreadable_cell_is_named(tmp_path: Path, row: str, said: str) -> None:
    root = write(tmp_path, f"model_id,share,layers,tied,month\nb/y,1,1,true,2023-07\n{row}\n")
    with pytest.raises(DataError) as caught:
        read_raw(SMALL, root)
    assert str(caught.value) == f"data/raw/small.csv: {said}"


def test_lenient_numbers_leave_unreadable_cells_missing(tmp_path: Path) -> None:
    root = write(tmp_path, "model_id,share,layers,tied,month\na/x,oops,3,true,\nb/y,7,inf,true,\n")
    numbers = lenient_numbers(SMALL, read_text(SMALL, root))
    assert numbers["share"].isna().tolist() == [True, False]
    assert numbers["layers"].isna().tolist() == [False, True]
    assert numbers["layers"].dtype == "float64"


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data/raw/small.csv: no such file; `dvc pull data/raw/small.csv` fetches it"):
        read_text(SMALL, tmp_path)


@pytest.mark.parametrize("rows", [["a/x,1,1,true,2023-07,9", "b/y,1,1,true,2023-07,9"], ["a/x,1,1,true,2023-07,9"]])
def test_surplus_fields_do_not_shift_the_columns(tmp_path: Path, rows: list[str]) -> None:
    root = write(tmp_path, "\n".join(["model_id,share,layers,tied,month", *rows]) + "\n")
    with pytest.raises(DataError, match="line 2 has more fields than the header's 5"):
        read_text(SMALL, root)


@pytest.mark.parametrize("name", RAW_TABLES)
def test_real_tables_keep_their_values(raw_root: Path, raw: dict[str, pd.DataFrame], name: str) -> None:
    table, frame = RAW_TABLES[name], raw[name]
    text_frame = read_text(table, raw_root)
    assert list(frame) == table.names
    assert (frame.isna() == text_frame.isna()).to_numpy().all()
    assert not frame.duplicated(list(table.key)).any()


def test_typed_reads_one_row_as_the_whole(raw_root: Path, raw: dict[str, pd.DataFrame]) -> None:
    row = typed(MODELS, read_text(MODELS, raw_root).iloc[[5]]).reset_index(drop=True)
    pd.testing.assert_frame_equal(row, raw["models"].iloc[[5]].reset_index(drop=True))
