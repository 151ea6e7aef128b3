"""Run the benchmarks one after another and write their tables to RESULTS.md, with the machine.

python benchmarks/run.py [--with-torch]
"""

import argparse
import os
import pathlib
import platform
import subprocess
import sys

import jax

HERE = pathlib.Path(__file__).resolve().parent
PARTS = {
    "chain": "All suffix norms beside the bare matrix products",
    "jacobian": "The whole Jacobian beside jax.jacrev",
    "compile_time": "Compile time and run time by depth",
    "mean_field": "A phase diagram",
    "spectrum": "All singular values of a deep chain",
    "time_chain": "All suffix norms through time beside the bare matrix products",
    "commands": "Commands that only read numbers",
    "torch_jacobian": "Beside PyTorch",
}


def processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def sections(page: str) -> dict[str, str]:
    """Split a page at its second headings: title -> text below."""
    found = {}
    for part in page.split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        found[title] = text.strip()
    return found


def main() -> None:
    """Run and write; sections that are not measured now stay as they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--with-torch", action="store_true", help="also compare with PyTorch")
    parser.add_argument("--only", nargs="*", default=list(PARTS), help="names of benchmarks")
    parser.add_argument("--quick", action="store_true", help="the chain at depth 64 only")
    options = parser.parse_args()
    pages = [
        "# Benchmark results",
        "",
        f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}; Python "
        f"{platform.python_version()}, jax {jax.__version__}. Written by "
        "`make bench`. Ratios are medians within one run; a busy machine moves the milliseconds, and "
        "the ratios less.",
    ]
    old = HERE / "RESULTS.md"
    kept = sections(old.read_text(encoding="utf-8")) if old.is_file() else {}
    for name in options.only:
        if name == "torch_jacobian" and not options.with_torch:
            continue
        print(f"{name} ...", flush=True)
        quick = options.quick and name == "chain"
        done = subprocess.run(
            [sys.executable, HERE / f"{name}.py", *(["--quick"] if quick else [])],
            capture_output=True,
            text=True,
            check=True,
        )
        print(done.stdout, flush=True)
        kept[PARTS[name]] = done.stdout.strip()
    for title, text in kept.items():
        pages += ["", f"## {title}", "", text]
    (HERE / "RESULTS.md").write_text("\n".join(pages) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
