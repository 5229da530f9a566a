"""The control: the run's own recipe once more with the training answers permuted, scored on the run's own items.

What the aligned model has over this one it owes to the facts, not to having seen the form of the tasks. The control's
items are kept in the run beside the others, and the run's ledger and report are written again with the comparison.

    python bench/shuffled_control.py [runs/latest] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from residency.core.progress import say
from residency.core.settings import call_settings, load
from residency.core.store import read_json, read_manifest
from residency.evaluate import ledger
from residency.evaluate.jobs import Bench, Job
from residency.evaluate.tasks import TASKS
from residency.evaluate.workers import run_jobs
from residency.models.load import of_stage
from residency.pipeline import STAGES

TRAINING = ("pretrain", "instruct", "prefer")


def main() -> None:
    """Train the control, score it, and print how far the aligned model is from it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path, default=Path("runs/latest"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not read_manifest(args.run / "evaluate"):
        parser.error(f"{args.run} holds no finished evaluation; make a run first")
    run = args.run.resolve()
    began = time.perf_counter()
    last = train_control(run)
    score_control(run, last)
    for stage in ("report", "card"):
        function = load(STAGES[stage].function)
        function(run, out=run / stage)
    found = [c for c in ledger.build(run)["comparisons"] if c["kind"] == "control"]
    report = {"run": run.name, "seconds": round(time.perf_counter() - began), "comparisons": found}
    print(json.dumps(report, indent=1) if args.json else table(report))


def train_control(run: Path) -> Path:
    """Return the folder of the control's last training stage, after making what is not yet there."""
    control = run / "control"
    settings = {name: (read_manifest(run / name) or {}).get("settings", {}) for name in ("examples", *TRAINING)}
    do(run / "corpus", control / "examples", "examples", {**settings["examples"], "shuffle_answers": True})
    last = run / "base"
    for name in TRAINING:
        if read_manifest(run / name):
            do(last, control / name, name, settings[name], control / "examples")
            last = control / name
    return last


def do(first: Path, out: Path, name: str, settings: dict, *more: Path) -> None:
    """Run one stage of the pipeline into ``out``, unless it is complete."""
    if read_manifest(out):
        say(f"{name}: there already")
        return
    say(f"{name} of the control")
    out.mkdir(parents=True, exist_ok=True)
    function = load(STAGES[name].function)
    function(first, *more, out=out, **call_settings(function, settings))


def score_control(run: Path, last: Path) -> None:
    """Write the control's items of the four primary tasks, on the items that the aligned model answered."""
    precision = (read_manifest(run / "evaluate") or {}).get("precision", "auto")
    plan = [Job("control", task.name, of_stage(last, "control")) for task in TASKS.values() if task.primary]
    cores = os.cpu_count() or 2
    run_jobs(plan, Bench(run / "examples", run / "items", precision, max(1, cores // 2)), 2)
    for job in plan:
        ours, control = (read_json(run / "items" / job.task / f"{n}.protocol.json") for n in ("aligned", "control"))
        if ours["items_sha256"] != control["items_sha256"]:
            say(f"{job.task}: the control answered other items than the aligned model")


def table(report: dict) -> str:
    """Return the comparisons as lines."""
    lines = [f"aligned minus the shuffled-answer control ({report['seconds']} s)"]
    for c in report["comparisons"]:
        lines.append(
            f"{c['family']:8s} {c['metric']:10s} {c['difference']:+.3f} [{c['low']:+.3f}, {c['high']:+.3f}]"
            f"  p {c['p']:.4f}  Holm {c['p_holm']:.4f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
