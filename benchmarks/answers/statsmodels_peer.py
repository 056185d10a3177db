"""What `run.py` measures of statsmodels; runs in its own environment, which has no Paribus.

python statsmodels_peer.py ols table.npz
"""

import json
import resource
import sys
import time

import numpy as np
import statsmodels
import statsmodels.api


def ols(path: str) -> dict[str, object]:
    """Build the sum-coded matrix, and fit it; the building is timed apart."""
    held = np.load(path)
    start = time.perf_counter()
    matrix = coded(held["codes"])
    built = time.perf_counter()
    found = statsmodels.api.OLS(held["values"], matrix).fit()
    pvalues = found.pvalues
    done = time.perf_counter()
    assert len(pvalues) == matrix.shape[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "build": built - start,
        "fit": done - built,
        "peak_mb": peak,
        "version": statsmodels.__version__,
    }


def coded(codes: np.ndarray) -> np.ndarray:
    """Sum-to-zero columns, the intercept first: (runs, parameters)."""
    parts = [np.ones((len(codes), 1))]
    for at in range(codes.shape[1]):
        width = codes[:, at].max() + 1
        rows = np.vstack([np.eye(width - 1), -np.ones(width - 1)])
        parts.append(rows[codes[:, at]])
    return np.hstack(parts)


if __name__ == "__main__":
    print(json.dumps(ols(sys.argv[2])))
