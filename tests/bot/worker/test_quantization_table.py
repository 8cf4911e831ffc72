"""The quantization table in docs/intel-gpu.md says what each backend runs and refuses."""

from pathlib import Path
from typing import get_args

import pytest

from bot.config_types import LowBit
from bot.worker.backends.ipex.low_bit import choose_low_bit
from bot.worker.backends.torch.device import choose_precision
from bot.worker.conversion.weight_formats import FORMATS
from bot.worker.protocol import LoadError

DOCS = Path(__file__).parents[3] / "docs" / "intel-gpu.md"
COLUMNS = ("openvino", "torch, GPU", "torch, CPU", "ipex, GPU", "ipex, CPU")


def documented() -> dict[str, dict[str, bool]]:
    """For each quantization type, whether each column says that it runs."""
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head = next(row for row in rows if row[0] == "`low_bit`")
    assert tuple(head[2:]) == COLUMNS
    table: dict[str, dict[str, bool]] = {}
    for row in rows[rows.index(head) + 2 :]:
        if len(row) != len(head):
            break
        for name in row[0].split(", "):
            cells = zip(COLUMNS, row[2:], strict=True)
            table[name.strip("`")] = {column: cell.startswith("✓") for column, cell in cells}
    return table


def runs(column: str, low_bit: str) -> bool:
    device = "xpu" if column.endswith("GPU") else "cpu"
    try:
        if column == "openvino":
            return low_bit in FORMATS
        if column.startswith("torch"):
            choose_precision(device, low_bit, "float16")
        else:
            choose_low_bit(low_bit, device, None)
    except LoadError:
        return False
    return True


def test_every_type_of_the_settings_is_in_the_table() -> None:
    assert set(documented()) == set(get_args(LowBit)) - {"auto"}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_backend_runs_what_the_table_says(column: str) -> None:
    table = documented()
    said = {low_bit for low_bit, row in table.items() if row[column]}
    assert said == {low_bit for low_bit in table if runs(column, low_bit)}
