"""Write the generated parts of README and docs: the tree from docstrings, the figures from `benchmarks/results`.

`python docs/write_docs.py` writes them; with `--check` it changes nothing and fails where a document is out of date.
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENTS = ("README.md", "docs/architecture.md", "docs/language.md", "docs/movielens-100k.md", "docs/planning.md", "docs/training.md")

Row = dict[str, object]


def main(arguments: Sequence[str]) -> int:
    """Rewrite every block between `<!-- begin: name -->` and `<!-- end: name -->`."""
    stale = []
    for name in DOCUMENTS:
        path = ROOT / name
        if not path.exists():
            continue
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(after, encoding="utf-8")
    if stale:
        print(("out of date: " if "--check" in arguments else "written: ") + ", ".join(stale))
    return 1 if stale and "--check" in arguments else 0


def filled(text: str) -> str:
    """The document with every block filled anew."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"<!-- begin: {name} -->\n{BLOCKS[name]()}\n<!-- end: {name} -->"

    return re.sub(r"<!-- begin: ([\w-]+) -->\n.*?<!-- end: \1 -->", replace, text, flags=re.DOTALL)


def tree() -> str:
    """Every module with the first line of its docstring."""
    lines = ["| file | what it is for |", "|---|---|"]
    package = ROOT / "src" / "leanrec"
    for path in sorted(
        package.rglob("*.py"), key=lambda path: (path.parent != package, path.parent.as_posix(), path.name != "__init__.py", path.name)
    ):
        caption = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0].replace("\n", " ")
        name = path.relative_to(package).as_posix()
        shown = f"**{path.parent.relative_to(package).as_posix()}/**" if path.name == "__init__.py" and path.parent != package else f"`{name}`"
        lines.append(f"| {shown} | {caption} |")
    return "\n".join(lines)


def rows_of(name: str) -> list[Row]:
    """The rows that a benchmark wrote, or none when it has not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def baselines() -> str:
    """Test figures of every recommender, both data sets side by side, with cost. Validation rows stay in the results."""
    rows = [row for row in rows_of("baselines") if row["split"] == "leave-one-out"]
    found = {(row["case"], row["dataset"], row["protocol"], row["metric"]): row for row in rows}
    cases = dict.fromkeys(str(row["case"]) for row in rows)
    head = ["recommender"]
    for name in ("Beauty", "Toys"):
        head += [f"{name} Recall@10", f"{name} NDCG@10 [95 %]", "history not masked"]
    table = []
    for case in cases:
        cells = [case]
        for dataset in ("amazon14-beauty", "amazon14-toys"):
            masked = found[case, dataset, "history masked", "ndcg@10"]
            cells += [figure(found[case, dataset, "history masked", "recall@10"]["value"]), interval(masked)]
            cells.append(figure(found[case, dataset, "history not masked", "ndcg@10"]["value"]))
        costs = found[case, "amazon14-beauty", "history masked", "ndcg@10"]
        latency = found[case, "amazon14-beauty", "one query, one thread", "p95"]
        table.append((*cells, cost(costs["cpu_seconds"]), cost(costs["peak_mb"], digits=0), cost(latency["value"], digits=2)))
    return markdown_table((*head, "CPU-s to fit (Beauty)", "peak MB", "p95 ms a query"), table)


def accuracy() -> str:
    """Test figures of ours and of what others published, each data set by itself, the best NDCG@10 first."""
    rows = [row for row in rows_of("accuracy") if row["split"] == "leave-one-out"]
    parts = []
    for dataset, title in (("amazon14-beauty", "Amazon Beauty"), ("amazon14-toys", "Amazon Toys"), ("ml-1m", "MovieLens-1M")):
        found: dict[tuple[str, bool], dict[str, Row]] = {}
        for row in rows:
            if row["dataset"] == dataset:
                found.setdefault((str(row["peer"] or row["case"]), row["peer"] is None), {})[str(row["metric"])] = row
        table = sorted((_accuracy_cells(*key, by_metric) for key, by_metric in found.items()), key=lambda cells: cells[2], reverse=True)
        head = ("recommender", "Recall@10", "NDCG@10 [95 %]", "NDCG@10 not masked", "seeds", "CPU-s", "peak MB")
        parts += [f"**{title}**", "", markdown_table(head, table), ""]
    return "\n".join(parts).strip()


def _accuracy_cells(name: str, is_ours: bool, found: dict[str, Row]) -> tuple[str, ...]:
    ndcg = found["ndcg@10"]
    if not is_ours:
        return (f"{name}, published", figure(found["recall@10"]["value"]), figure(ndcg["value"]), "", "", "", "")
    unmasked = figure(found["ndcg@10-unmasked"]["value"])
    costs = (cost(ndcg["seeds"], digits=0), cost(ndcg["cpu_seconds"], digits=0), cost(ndcg["peak_mb"], digits=0))
    return (f"**{name}**", figure(found["recall@10"]["value"]), interval(ndcg), unmasked, *costs)


def training_speed() -> str:
    """What a pass costs beside the peers, and the way to the quality that a peer reached."""
    shown = ("CPU-seconds of a pass", "times lower than the peer's", "times less CPU to the peer's best ndcg@10")
    rows = [row for row in rows_of("training_speed") if row["metric"] in shown]
    table = [
        (
            str(row["metric"]) + (f" ({row['case']})" if str(row["case"]).startswith("cost_per_pass,") else ""),
            str(row["dataset"]),
            str(row["peer"] or str(row["note"]).removeprefix("leanrec, ").join(("leanrec (", ")"))),
            f"{row['value']:.3g}" + (f" [{row['low']:.3g}, {row['high']:.3g}]" if row["low"] is not None else ""),
        )
        for row in rows
    ]
    return markdown_table(("what", "data", "by, or against", "value [least, most]"), table)


def cold() -> str:
    """Withheld items: each recipe's figures on cold and warm questions, data set after data set."""
    prefix = "cold items: "
    found = {(str(row["case"]), str(row["dataset"]), str(row["metric"])): row for row in rows_of("cold") if str(row["case"]).startswith(prefix)}
    shown = (
        "cold recall@10, candidates cold only",
        "cold recall@10, candidates cold only, over frozen MiniLM",
        "cold recall@10, candidates all",
        "warm ndcg@10, candidates all",
    )
    table = []
    for case, dataset in dict.fromkeys((case, dataset) for case, dataset, _ in found):
        against = next((metric for *which, metric in found if which == [case, dataset] and metric.startswith(f"{shown[-1]}, against")), "")
        cells = [found.get((case, dataset, metric)) for metric in (*shown, against)]
        texts = [interval(row) if row is not None else "" for row in cells]
        table.append((case.removeprefix(prefix), dataset.removeprefix("amazon14-"), *texts, cost(found[case, dataset, shown[0]]["cpu_seconds"])))
    columns = (
        "recipe",
        "data",
        "cold Recall@10 among cold",
        "x frozen MiniLM",
        "cold Recall@10 among all",
        "warm NDCG@10 among all",
        "against it without content",
        "CPU-s",
    )
    return markdown_table(columns, table)


def rankers() -> str:
    """Language models that order candidates: quality, what it gains over all and in the tail, and what it costs."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows_of("language"):
        if str(row["protocol"]).endswith("candidates of sequential, history masked") or "question of 20" in str(row["metric"]):
            found.setdefault(str(row["case"]), {})[str(row["metric"])] = row  # of several numbers of users the largest stands last
    gained, tail = "ndcg@10 gained over the retriever", "ndcg@10 gained over the retriever, answers of fewer than 10 events"
    milliseconds = "milliseconds a question of 20 candidates"
    by_form = {(str(row["case"]), str(row["note"])): row for row in rows_of("language") if row["metric"] == milliseconds}
    table = []
    for case, of in found.items():
        if gained not in of:
            continue
        answering = by_form.get((case, "int8")) or of[milliseconds]
        size = int(str(answering["bytes"])) / 1e6
        cells = (interval(of["ndcg@10, reading and retriever"]), signed_interval(of[gained]), signed_interval(of[tail]))
        table.append(
            (
                case,
                *cells,
                str(of[gained]["seeds"]),
                cost(answering["value"], digits=0),
                cost(size, digits=0),
                cost(of[gained]["cpu_seconds"], digits=0),
            )
        )
    columns = ("ranker", "NDCG@10 with the retriever", "gained", "gained in the tail", "seeds", "ms a request", "MB", "CPU-s of tuning")
    return markdown_table(columns, table)


def distillation() -> str:
    """Teacher, control and student of every pair, and what the student keeps."""
    rows = [row for row in rows_of("language") if str(row["case"]).startswith("distillation: ") and row["split"] != "leave-one-out, validation"]
    of = {(str(row["case"]).removeprefix("distillation: "), str(row["metric"])): row for row in rows}
    table = []
    for case, metric in of:
        role, _, pair = case.partition(", ")
        if role != "share of the teacher's gain kept":
            continue
        qualities = [interval(of[f"{who}, {pair}", metric]) for who in ("teacher", "control", "student")]
        smaller, faster = of[f"student, {pair}", "bytes, teacher over student"], of[f"student, {pair}", "CPU a query, teacher over student"]
        costs = [f"{row['value']:.1f}" for row in (smaller, faster)]
        table.append((pair, str(smaller["dataset"]), *qualities, interval(of[case, metric]), *costs))
    return markdown_table(
        ("student", "data", "teacher", "control", "student's NDCG@10", "share of the gain kept", "x smaller", "x less CPU a query"), table
    )


ALL_EPOCHS = "CPU-seconds of all epochs, over the fixed recipe's"


def schedules() -> str:
    """Every case of the training benchmark beside the fixed recipe of its data."""
    rows = [row for row in rows_of("training") if not str(row["case"]).startswith(("calibration", "screened"))]
    table = []
    for dataset, case in dict.fromkeys((str(row["dataset"]), str(row["case"])) for row in rows):
        of = {str(row["metric"]): row for row in rows if (row["dataset"], row["case"]) == (dataset, case)}
        ratio, gain = of.get("cpu_ratio_to_fixed"), of.get("ndcg@10 less that of the fixed recipe")
        early = of.get("ndcg@10 at half of the fixed recipe's CPU-seconds, less its own there")
        quality = of["ndcg@10"]
        table.append(
            (
                dataset,
                case,
                "1" if case == "fixed" else bounded(ratio),
                interval(quality),
                "" if gain is None else signed_interval(gain),
                "" if early is None else signed_interval(early),
                str(quality["seeds"]),
                "1" if case == "fixed" else f"{of[ALL_EPOCHS]['value']:.2f}",
            )
        )
    head = (
        "data",
        "schedule",
        "CPU to the fixed recipe's best, over its own",
        "validation NDCG@10",
        "against the fixed recipe",
        "half-way",
        "seeds",
        "CPU of all epochs, over the fixed recipe's",
    )
    return markdown_table(head, table)


def bounded(ratio: Row | None) -> str:
    """A ratio with its interval, which may have no upper end."""
    if ratio is None:
        return "never there"
    low, high = (f"{ratio[end]:.2f}" if ratio[end] is not None else "never" for end in ("low", "high"))
    return f"{ratio['value']:.2f} [{low}, {high}]"


def screened() -> str:
    """What was tried with one seed on Beauty."""
    rows = [row for row in rows_of("training") if str(row["case"]).startswith("screened: ")]
    table = []
    for case in dict.fromkeys(str(row["case"]) for row in rows):
        of = {str(row["metric"]): row for row in rows if row["case"] == case}
        table.append((case.removeprefix("screened: "), figure(of["ndcg@10"]["value"]), f"{of[ALL_EPOCHS]['value']:.2f}"))
    return markdown_table(("schedule", "best validation NDCG@10", "CPU of all epochs, over the fixed recipe's"), table)


def plan_errors() -> str:
    """Mean errors of the planner on trainings that it never saw, beside rules of thumb."""
    rows = [row for row in rows_of("plan") if str(row["case"]) in ("leanrec", "accelerate", "deepspeed")]
    table = []
    for row in rows:
        ends = "" if row["low"] is None else f" [{row['low']:.1%}, {row['high']:.1%}]"
        table.append((str(row["case"]), str(row["metric"]), f"{row['value']:.1%}{ends}"))
    return markdown_table(("who foretells", "what", "value"), table)


def plan_worst() -> str:
    """The forecasts that were furthest off."""
    rows = [row for row in rows_of("plan") if str(row["case"]).startswith("one of the worst: ")]
    table = [(str(row["metric"]), str(row["case"]).partition(": ")[2], f"{row['value']:.0%}", str(row["note"])) for row in rows]
    head = ("what", "items, encoder, width, layers, heads, events, tokens, loss, precision, optimizer, average", "error", "figures")
    return markdown_table(head, table)


def budgets() -> str:
    """Time, memory and quality of each budget on MovieLens-1M."""
    rows = [row for row in rows_of("budgets") if not str(row["case"]).startswith("calibration")]
    table = []
    for case in dict.fromkeys(str(row["case"]) for row in rows):
        of = {(str(row["metric"]), str(row["split"])): row for row in rows if row["case"] == case}
        spent = ("seconds over the budget", "share of the time in training steps", "peak memory")
        over, share, memory = (of[metric, "None"]["value"] for metric in spent)
        recall, ndcg = (of[metric, "leave-one-out"] for metric in ("recall@10", "ndcg@10"))
        shown = (f"{over:+.1f}", f"{share:.0%}", f"{memory:.1f}", interval(recall), interval(ndcg), cost(ndcg["cpu_seconds"], digits=0))
        table.append((case, *shown))
    return markdown_table(("budget", "s over it", "of it in steps", "peak GB", "test Recall@10", "test NDCG@10", "CPU-s"), table)


def first_minutes() -> str:
    """Each case with its data and value."""
    return simple_table("first_minutes")


def ingest() -> str:
    """Each case with its value."""
    return simple_table("ingest")


def serving() -> str:
    """Latency of recommendations at each rate, and what the server holds."""
    rows = rows_of("serving")
    table = []
    for case, dataset in dict.fromkeys((str(row["case"]), str(row["dataset"])) for row in rows if "requests/s" in str(row["case"])):
        found = {str(row["metric"]): row for row in rows if (row["case"], row["dataset"]) == (case, dataset)}
        latencies = [cost(found[f"recommend {name}"]["value"]) for name in ("p50", "p95", "p99")]
        table.append((dataset, case, *latencies, cost(found["resident memory"]["value"], digits=0)))
    return markdown_table(("data", "load", "p50 ms", "p95 ms", "p99 ms", "memory MB"), table)


def simple_table(name: str) -> str:
    """Case, data, metric, value and memory of every row of a benchmark."""
    rows = rows_of(name)
    table = [
        (
            str(row["case"]),
            str(row["peer"] or "leanrec"),
            str(row["dataset"] or ""),
            str(row["metric"]),
            value_with_unit(row),
            cost(row["peak_mb"], digits=0),
        )
        for row in rows
    ]
    return markdown_table(("case", "by", "data", "what", "value", "peak MB"), table)


def value_with_unit(row: Row) -> str:
    """A value in its unit; a ratio needs none."""
    unit = "" if row["unit"] in (None, "ratio") else f" {row['unit']}"
    return f"{row['value']:.3g}{unit}"


def figure(value: object) -> str:
    """A quality without its leading zero."""
    return f"{value:.4f}".lstrip("0")


def interval(row: Row) -> str:
    """A quality with its interval."""
    return f"{figure(row['value'])} [{figure(row['low'])}, {figure(row['high'])}]"


def signed_interval(row: Row) -> str:
    """A difference with its interval."""
    low, value, high = (f"{number:+.4f}".replace("0.", ".", 1) for number in (row["low"], row["value"], row["high"]))
    return f"{value} [{low}, {high}]"


def cost(value: object, *, digits: int = 1) -> str:
    """A cost, or nothing where it was not measured."""
    return "" if value is None else f"{value:.{digits}f}"


def report(kind: str) -> str:
    """The report that the benchmark wrote, its headings one level lower."""
    path = RESULTS / f"movielens-{kind}.md"
    return re.sub(r"^#", "###", path.read_text(encoding="utf-8"), flags=re.MULTILINE).strip() if path.exists() else ""


BLOCKS: dict[str, Callable[[], str]] = {
    "tree": tree,
    "baselines": baselines,
    "accuracy": accuracy,
    "training-speed": training_speed,
    "cold": cold,
    "schedules": schedules,
    "screened": screened,
    "plan-errors": plan_errors,
    "plan-worst": plan_worst,
    "budgets": budgets,
    "rankers": rankers,
    "distillation": distillation,
    "first-minutes": first_minutes,
    "ingest": ingest,
    "serving": serving,
    "movielens-time": lambda: report("time"),
    "movielens-leave-one-out": lambda: report("leave-one-out"),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
