# SPDX-License-Identifier: MIT
"""The Markdown of an acceptance run. What was not measured is said to be so."""

NOT_MEASURED = "Not yet measured.\n"


TEXT = ("stage", "result", "note", "group", "figure", "result checked")  # columns of words


def table(header, rows):
    """A Markdown table; the first column and columns of words left-aligned, numbers right."""
    lines = ["| " + " | ".join(header) + " |",
             "|" + "|".join("---" if i == 0 or name in TEXT else "---:"
                            for i, name in enumerate(header)) + "|"]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
              for row in rows]
    return "\n".join(lines) + "\n"


def number(value, digits=4):
    """Few digits; integers stay whole."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if abs(value) >= 10 ** digits:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def verdict(record):
    """One sentence; what was left out is named."""
    if record["failed"]:
        return f"NOT PASSED: {', '.join(record['failed'])}."
    on_card = [s for s in record["stages"]
               if s["status"] in ("passed", "partial") and s["name"] != "build"]
    if not on_card:
        return "Nothing ran on a GPU: not yet measured."
    if record["not_run"]:
        return f"Passed, but these did not run: {', '.join(record['not_run'])}."
    return "All required stages passed."


def heading(record):
    card, sources = record["card"], record["sources"]
    commit = sources["commit"] or "unknown"
    tree = {True: ", with uncommitted changes", False: "", None: ", state of the tree unknown"}
    toolkit = record["toolkit"] or "none on this machine"
    return (f"# GPU acceptance: {card.get('name', 'no GPU')}, {record['date'][:10]}\n\n"
            f"{verdict(record)} "
            f"Commit {commit}{tree[sources['dirty']]}. Driver "
            f"{card.get('driver_version', 'none')}, CUDA toolkit {toolkit}, "
            f"{record['machine']['system']}. Command: `bench/gpu_acceptance.sh`.\n")


def stages(record):
    rows = [(s["name"], s["status"] + ("" if s["required"] else " (optional)"),
             f"{s['seconds']:.0f}", s["note"]) for s in record["stages"]]
    return "## Stages\n\n" + table(("stage", "result", "seconds", "note"), rows)


def trained(figures):
    """The ten epochs on each device."""
    rows = []
    for device in ("cuda", "cpu"):
        run = figures[f"trained_{device}"]
        if run is None or not run.get("test"):
            continue
        rows.append((run["device"], run["epochs"], f"{run['test']['elbo']:.3f}",
                     f"{run['test']['reconstruction']:.3f}", f"{run['test']['kl']:.3f}",
                     number(run["train"]["seconds"] * 1e3), number(run["train"]["samples_per_second"])))
    text = "## MNIST, same seed\n\n"
    if not rows:
        return text + NOT_MEASURED
    return text + table(("device", "epochs", "test ELBO", "reconstruction", "KL",
                         "ms, last epoch", "samples/s, last epoch"), rows)


def training_steps(figures):
    """`vae bench`: whole steps and the products alone."""
    text = "## Training steps, `vae bench`\n\n"
    document = figures["training_steps"]
    if document is None:
        return text + NOT_MEASURED
    rows = []
    for r in document["results"]:
        step, floor, ratio = r["step_milliseconds"], r["floor_milliseconds"], r["ratio_to_floor"]
        rows.append((r["batch_size"], number(1e3 * step["mean"]), number(1e3 * step["deviation"]),
                     number(1e3 * floor["mean"]), number(ratio["mean"], 3),
                     number(r["samples_per_second"]["mean"]),
                     number(60000 / r["batch_size"] * step["mean"])))
    return text + table(("batch", "us/step", "deviation", "its products alone, us", "ratio",
                         "samples/s", "ms per 60,000 images"), rows)


def baselines(figures):
    text = "## Other frameworks, same network, data set on the device\n\n"
    if not figures["baselines"]:
        return text + NOT_MEASURED
    rows = []
    for b in figures["baselines"]:
        step = b.get("step_milliseconds")
        if step is None:
            continue
        low, high = step["iqr"]
        rows.append((f"{b['framework']} {b['version']}, {b['mode']}", b["dtype"], b["batch_size"],
                     number(1e3 * step["median"]), f"{number(1e3 * low)} to {number(1e3 * high)}",
                     number(60000 / b["batch_size"] * step["median"]),
                     number(b.get("setup_seconds"), 3)))
    return text + table(("framework", "products", "batch", "us/step, median", "quartiles",
                         "ms per 60,000 images", "setup, s"), rows)


def operations(figures):
    """ops_bench: each row has the counters its kind of operation has."""
    text = "## Operations, `ops_bench`\n\n"
    rows = figures["ops"]
    if not rows:
        return text + NOT_MEASURED
    counters = ("us", "FLOP/s", "B/s", "peak_%", "gemm_%", "lt_%")
    return text + table(
        ("operation", *counters),
        [(row["name"], *(number(row.get(key)) for key in counters)) for row in rows])


def microbench(figures):
    text = "## The card, `gpu_microbench`\n\n"
    document = figures["microbench"]
    if document is None:
        return text + NOT_MEASURED
    peaks = [(name, number(value)) for name, value in document["peaks"].items()]
    text += table(("ceiling", "FLOP/s or B/s"), peaks) + "\n"
    rows = []
    for f in document["figures"]:
        if "skipped" in f:
            rows.append((f["group"], f["name"], "-", "", "", f["skipped"]))
            continue
        low, high = f["quartiles"]
        checked = {True: "yes", False: "**WRONG**", None: ""}[f["checked"]]
        rows.append((f["group"], f["name"], f"{number(f['median'])} {f['unit']}",
                     f"{number(low)} to {number(high)}", checked, f.get("note", "")))
    return text + table(("group", "figure", "median", "quartiles", "result checked", "note"), rows)


def report(record):
    """The whole file."""
    figures = record["figures"]
    parts = [heading(record), stages(record), trained(figures), training_steps(figures),
             baselines(figures), operations(figures), microbench(figures)]
    return "\n".join(parts)
