"""Mutation testing: mutants.py [--sample N] [TARGET ...], run by the Python of .venv-mutants.

The mutants are mutmut's (its operators on the syntax tree), the running is our own fork server.
mutmut's own runner keeps all mutants of a function side by side behind a trampoline, which leaves
out decorated functions (custom_jvp, jit, properties: the hearts here) and what runs at import,
deepens the stack until the tests of recursion fail, and makes the type-checking import hook take
minutes. Here one mutant at a time is written into a copy of the tree, and a child forked from a
warm process imports it and runs the tests that cover it, the fastest first, until one fails.
Verdicts are kept in mutants/TARGET.jsonl; a mutant whose file and tests are unchanged is not run
again.
"""

import argparse
import collections
import contextlib
import gc
import hashlib
import json
import math
import os
import pathlib
import random
import resource
import shutil
import signal
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORK = ROOT / "mutants"
SEED = 20
SLOWEST = 8.0  # seconds; a slower test runs only where it is known to reach the mutant's line
TARGETS = {  # name: (files, tests, whether every test runs for every function of the target)
    "registry": (["registry/*.py"], ["tests/registry"], False),
    "scaled": (["scaled/*.py"], ["tests/scaled"], True),
    "activations": (["activations/*.py"], ["tests/activations"], True),
    "predicted_bounds": (["predicted/bounds.py"], ["tests/predicted/test_bounds.py"], True),
    "bridge_bounds": (["bridge/bounds.py"], ["tests/bridge/test_bounds.py"], True),
    "jacobian": (
        ["measured/jacobian.py"],
        ["tests/measured/test_jacobian.py", "tests/measured/test_jacobian_parts.py"],
        True,
    ),
}
FOLDERS = ["src", "tests", "studies", "tools", "benchmarks", "proofs", "constraints"]
PRELOADED = (
    "jax jax.numpy jax.nn.initializers numpy hypothesis.strategies hypothesis.extra.numpy mpmath "
    "beartype jaxtyping flint optax rich cyclopts sciform pytest lazy_loader fractions"
)
PYTEST = [
    *("-x", "-q", "-p", "no:cacheprovider", "--override-ini=addopts=--import-mode=importlib"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
    *("-p", "no:unraisableexception", "-p", "no:threadexception", "--tb=no"),
]


def mutants_of(path):
    """Every mutant inside a function of the file: dicts with id, line, before, after, source."""
    import libcst as cst
    from libcst.metadata import MetadataWrapper, PositionProvider
    from mutmut.mutation import file_mutation
    from mutmut.mutation.mutators import mutation_operators
    from mutmut.mutation.pragma_handling import IgnoredCode

    class Visitor(file_mutation.MutationVisitor):
        def _skip_node_and_children(self, node):
            if isinstance(node, cst.FunctionDef) and node.decorators:
                return any(getattr(d.decorator, "value", "") == "overload" for d in node.decorators)
            return super()._skip_node_and_children(node)

    text = path.read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    where = wrapper.resolve(PositionProvider)
    seen = collections.Counter()
    for one in visitor.mutations:
        outer = one.contained_by_top_level_function
        if not isinstance(outer, cst.FunctionDef):
            continue
        place = where.get(one.original_node)
        line = place.start.line if place else where[outer].start.line
        before = module.code_for_node(one.original_node).strip()
        after = module.code_for_node(one.mutated_node).strip()
        digest = hashlib.sha256(f"{outer.name.value}\0{before}\0{after}".encode()).hexdigest()[:10]
        seen[digest] += 1
        yield {
            "id": f"{path.parent.name}/{path.stem}:{outer.name.value}:{digest}.{seen[digest]}",
            "line": line,
            "at": (line, place.end.line if place else line),
            "inside": (where[outer].start.line, where[outer].end.line),
            "before": before,
            "after": after,
            "make": (module, one),
        }


def digest(*paths):
    """A short name for what the files hold."""
    return hashlib.sha256(b"\0".join(p.read_bytes() for p in paths)).hexdigest()[:12]


def made(mutant):
    """The source text of the file with the mutant in it."""
    from mutmut.mutation.file_mutation import deep_replace

    module, one = mutant["make"]
    return deep_replace(module, one.original_node, one.mutated_node).code


class Watcher:
    """The plugin of a test run: the order of the tests, their times, the lines they run."""

    def __init__(self, chosen=None, watched=()):
        self.chosen, self.watched = chosen, [str(p) for p in watched]
        self.seconds, self.failed, self.coverage = {}, None, None
        if watched:
            from coverage import Coverage

            self.coverage = Coverage(data_file=None, include=self.watched)
            self.coverage.start()

    def pytest_collection_modifyitems(self, items):
        """Keep the chosen tests, in the chosen order."""
        if self.chosen is not None:
            rank = {name: i for i, name in enumerate(self.chosen)}
            items[:] = sorted((i for i in items if i.nodeid in rank), key=lambda i: rank[i.nodeid])

    def pytest_runtest_logstart(self, nodeid):
        """Lines run from here on belong to this test."""
        if self.coverage:
            self.coverage.switch_context(nodeid)

    def lines(self):
        """{file: {line: tests that run it}}."""
        if self.coverage is None:
            return {}
        self.coverage.stop()
        data = self.coverage.get_data()
        return {p: data.contexts_by_lineno(p) for p in self.watched}

    def pytest_runtest_logreport(self, report):
        """Time and failure of setup, call and teardown."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = report.nodeid


def child(tests, limit, out, chosen=None, watched=()):
    """Run the tests in a forked child.

    The limit is in seconds of the processor, so a busy machine makes no timeouts.

    Returns:
        The exit code of pytest (None for a timeout), seconds, and what the plugin saw.
    """
    start = time.monotonic()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.close(read)
            sink = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit) + 1))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            import pytest
            from jaxtyping import install_import_hook

            install_import_hook(["gradchain"], "beartype.beartype")
            watcher = Watcher(chosen, watched)
            code = int(pytest.main([*PYTEST, *tests], plugins=[watcher]))
            answer = {
                "seconds": watcher.seconds,
                "lines": watcher.lines(),
                "failed": watcher.failed,
            }
            with os.fdopen(write, "w") as pipe:
                json.dump(answer, pipe)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    os.set_blocking(read, False)
    text, status = b"", None
    while status is None:
        with contextlib.suppress(BlockingIOError):
            text += os.read(read, 1 << 20)
        done, got = os.waitpid(pid, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(got)
        elif time.monotonic() - start > 10 * limit:  # it waits for something
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(read)
            return None, time.monotonic() - start, {}
        else:
            time.sleep(0.01)
    os.set_blocking(read, True)
    with os.fdopen(read, "rb") as pipe:
        text += pipe.read()
    if status == -signal.SIGXCPU:
        status = None
    return status, time.monotonic() - start, json.loads(text or "{}")


def prepare(name):
    """The copy of the tree for one target, and the warm process."""
    tree = WORK / name
    tree.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:  # over an older copy, whose compiled files stay good
        for path in (tree / folder).rglob("*.py"):
            if not (ROOT / path.relative_to(tree)).exists():
                path.unlink()
        shutil.copytree(
            *(ROOT / folder, tree / folder),
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy2(path, tree / path.name)
    os.chdir(tree)
    sys.path.insert(0, str(tree / "src"))
    os.environ |= {
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(tree / "src"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "JAX_COMPILATION_CACHE_DIR": str(WORK / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    for module in PRELOADED.split():
        __import__(module)
    gc.collect()
    gc.freeze()  # a child need not walk through what its parent made
    return tree


def run(name, sample, only):
    """All mutants of a target, or a sample, one after another."""
    patterns, tests, together = TARGETS[name]
    tree = prepare(name)
    out = WORK / f"{name}.out"
    package = tree / "src" / "gradchain"
    files = sorted(p for pattern in patterns for p in package.glob(pattern))
    stamp = digest(*sorted(package.rglob("*.py")), *sorted((tree / "tests").rglob("*.py")))
    base_path = WORK / f"{name}.base.json"
    base = json.loads(base_path.read_text(encoding="utf-8")) if base_path.exists() else {}
    if base.get("stamp") != stamp:
        watched = () if together else files
        for lines in [(), watched] if together else [watched]:  # once more with warm caches
            code, seconds, base = child(tests, 1800, out, watched=lines)
            if code != 0:
                raise SystemExit(f"{name}: the tests fail without a mutant ({code}); see {out}")
        base["stamp"] = stamp
        base_path.write_text(json.dumps(base), encoding="utf-8")
    times = base["seconds"]
    print(f"{name}: {len(times)} tests in {sum(times.values()):.0f} s", flush=True)
    sys.dont_write_bytecode = True
    mutants = [m | {"file": p} for p in files for m in mutants_of(p)]
    total = len(mutants)
    random.Random(SEED).shuffle(mutants)  # every beginning of the list is a fair sample
    mutants = [m for m in mutants[: sample or total] if only in m["id"]]
    log = WORK / f"{name}.jsonl"
    old = {}
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            old[record["id"]] = record
    done = []
    with log.open("a", encoding="utf-8") as kept:
        for number, mutant in enumerate(mutants, 1):
            path = mutant["file"]
            known = old.get(mutant["id"])
            # More tests kill more: a killed mutant of an unchanged file stays killed.
            same = known is not None and known["file"] == digest(path)
            if same and (known["verdict"] != "survived" or known["stamp"] == stamp):
                done.append(known)
                continue
            own = f"test_{path.stem}.py"
            lines = base["lines"].get(str(path), {})
            near = set()
            for first, last in (mutant["at"], mutant["inside"]):  # a part of a text has no line
                near = near or {t for i in range(first, last + 1) for t in lines.get(str(i), ())}
            chosen = [
                t
                for t in times
                if t in near or ((together or f"/{own}::" in t) and times[t] < SLOWEST)
            ]
            chosen.sort(key=lambda t: times[t] * (0.2 if t in near or f"/{own}::" in t else 1.0))
            limit = 15 + 5 * sum(times[t] for t in chosen)
            original, stat = path.read_bytes(), path.stat()
            source = made(mutant)
            verdict, seconds, answer = "survived", 0.0, {}
            try:
                compile(source, str(path), "exec")
                path.write_text(source, encoding="utf-8")
                asked = sorted({t.partition("::")[0] for t in chosen})
                code, seconds, answer = child(asked, limit, out, chosen)
                verdict = {None: "timeout", 0: "survived", 5: "survived"}.get(code, "killed")
            except SyntaxError:
                verdict = "invalid"
            finally:
                path.write_bytes(original)
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its compiled file is good
            record = {k: mutant[k] for k in ("id", "line", "before", "after")} | {
                "verdict": verdict,
                "by": answer.get("failed"),
                "seconds": round(seconds, 2),
                "tests": len(chosen),
                "stamp": stamp,
                "file": digest(path),
            }
            done.append(record)
            kept.write(json.dumps(record) + "\n")
            kept.flush()
            if number % 100 == 0:
                print(f"  {number} of {len(mutants)}", flush=True)
    return total, done


def interval(hits, of):
    """The exact binomial 95 % interval (Clopper and Pearson), by bisection."""

    def at_least(k, p):
        logs = (
            math.lgamma(of + 1) - math.lgamma(i + 1) - math.lgamma(of - i + 1)
            + i * math.log(p) + (of - i) * math.log1p(-p)
            for i in range(k, of + 1)
        )  # fmt: skip
        return math.fsum(map(math.exp, logs))

    def where(k, level):
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if at_least(k, middle) < level else (low, middle)
        return low

    return where(hits, 0.025) if hits else 0.0, where(hits + 1, 0.975) if hits < of else 1.0


def main():
    """Run the targets and print the table and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--sample", type=int, default=0, help="at most N mutants of a target")
    parser.add_argument("--only", default="", help="mutants whose id holds this text")
    args = parser.parse_args()
    for name in args.targets:
        pid = os.fork()  # each target its own warm process and path
        if pid == 0:
            code = 1
            try:
                total, done = run(name, args.sample, args.only)
                count = collections.Counter(r["verdict"] for r in done)
                hits = count["killed"] + count["timeout"]
                of = hits + count["survived"]
                text = f"{name}: {total} mutants, {of} tested, {dict(count)}"
                if of:
                    text += f", {100 * hits / of:.1f} % detected"
                if 0 < of < total:
                    low, high = interval(hits, of)
                    text += f", 95 % interval {100 * low:.1f} to {100 * high:.1f} %"
                print(text)
                for record in done:
                    if record["verdict"] == "survived":
                        where = f"{record['id']} line {record['line']}"
                        print(f"  {where}: {record['before'][:90]!r} -> {record['after'][:90]!r}")
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        if os.waitpid(pid, 0)[1]:
            raise SystemExit(f"{name} stopped")


if __name__ == "__main__":
    main()
