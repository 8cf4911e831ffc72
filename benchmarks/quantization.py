"""What each quantization loses on random matrices, with and without outliers.

    python -m benchmarks.quantization

Columns that are fifty times as large as the others are what makes large models hard to quantize.
Prints the relative error ‖W - Q‖ / ‖W‖, and that of the ordinary columns alone; the same on every
machine.
"""

import numpy as np
import numpy.typing as npt

from bot.worker.conversion.weight_error import decode
from bot.worker.conversion.weight_formats import ASYM_INT4, BF16, INT8, SYM_INT4, WeightFormat

ROWS, COLUMNS, TIMES = 1024, 4096, 50
FORMATS = {"bf16": BF16, "int8": INT8, "asym_int4": ASYM_INT4, "sym_int4": SYM_INT4}


def matrix(outliers: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """A seeded matrix, and which of its columns are ordinary."""
    random = np.random.default_rng(7)
    values = random.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    ordinary = np.ones(COLUMNS, bool)
    ordinary[random.choice(COLUMNS, outliers, replace=False)] = False
    values[:, ~ordinary] *= TIMES
    return values, ordinary


def errors(form: WeightFormat, outliers: int) -> tuple[float, float]:
    """The relative error of the whole matrix, and that of its ordinary columns."""
    values, ordinary = matrix(outliers)
    lost = decode(form.encode(values), values.shape) - values
    whole = np.linalg.norm(lost) / np.linalg.norm(values)
    return float(whole), float(
        np.linalg.norm(lost[:, ordinary]) / np.linalg.norm(values[:, ordinary])
    )


def main() -> None:
    print(f"{ROWS} x {COLUMNS}, normal; outliers: columns {TIMES} times as large")
    print(f"{'':10} {'outliers':>8} {'whole':>9} {'ordinary columns':>17}")
    for name, form in FORMATS.items():
        for outliers in (0, 4, 41):
            whole, ordinary = errors(form, outliers)
            print(f"{name:10} {outliers:8} {whole:9.2%} {ordinary:17.2%}")


if __name__ == "__main__":
    main()
