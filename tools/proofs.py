"""Re-check every formal proof with Coq, and check that the check bites.

Which question it answers: do the theorems of proofs/coq follow, by Coq's kernel, from the axioms of
the real numbers and nothing else, and would a false statement be noticed? Six steps, one line each:

1. find Coq 8.16 or newer with Coquelicot and coq-interval, installing them with apt-get where that
   is allowed;
2. refuse sources that hold a word by which a proof can be left out;
3. compile all of them in a temporary folder, which is removed again;
4. print the axioms that the claims stand on, and hold them against a list;
5. make true statements false (1/4 to 0.249, 4 - eps to 4 + eps) and require that each fails in its
   own proof, while the same copies with nothing changed compile;
6. beside that, check all our compiled files once more with coqchk, a smaller program than coqc. The
   compiled files of the libraries are taken as they were installed.

Standard library only. Cost: two minutes on two busy cores, nearly all of it Coq, of which half a
minute installs it.

    python tools/proofs.py            every step
    python tools/proofs.py --quick    steps 1 to 4
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCES = ROOT / "proofs" / "coq"
LIBRARY = "Gradchain"
PACKAGES = ("coq", "libcoq-coquelicot", "libcoq-interval")
LIMIT = 300  # seconds for one call of Coq; the longest takes some ten

# Words by which a file can pass without a proof, or change what the kernel accepts.
FORBIDDEN = (
    r"Admitted|admit|give_up|Abort|Axioms?|Parameters?|Conjectures?|Hypothes[ie]s|Variables|Context|"
    r"Declare\s+ML\s+Module|Load|Add\s+(?:Rec\s+)?LoadPath|Redirect|Extraction|"
    r"bypass_check|Guard\s+Checking|Positivity\s+Checking|Universe\s+Checking|"
    r"type_in_type|Unset\s+Kernel|Primitive|Register|Obligations?"
)

# What Coq's real numbers are built on. Nothing else may appear, except for the claims that
# `interval` computes: there also the 63-bit integers of the processor and their specification.
REAL_AXIOMS = {
    "ClassicalDedekindReals.sig_not_dec",
    "ClassicalDedekindReals.sig_forall_dec",
    "FunctionalExtensionality.functional_extensionality_dep",
    "Classical_Prop.classic",
}
MACHINE_INTEGERS = r"(?:PrimInt63|Uint63|Uint63Axioms)\.\w+"
COMPUTED = ("T06c", "T06f", "T06h")


@dataclass(frozen=True)
class Lie:
    """A true statement made false: in `lemma` of `module`, `true` is replaced by `false`."""

    module: str
    lemma: str
    true: str
    false: str


LIES = (
    Lie("Sigmoid", "sigmoid_slope", "1 / 4", "0.249"),
    Lie("Sigmoid", "sigmoid_slope_max", "1 / 4", "1 / 5"),
    Lie("Tanh", "tanh_slope", "<= 1.", "<= 0.999."),
    Lie("Tanh", "softplus_derive", "(sigmoid x)", "(tanh x)"),
    Lie("Chain", "sigmoid_vanishes", "4 - eps", "4 + eps"),
    Lie("Chain", "chain_slope_at_half", "(w / 4)", "(w / 5)"),
    Lie("Chain", "sigmoid_product", "(1 / 4)", "(1 / 5)"),
    Lie("Vector", "cauchy_schwarz_abs", "norm2 d u * norm2 d v", "norm2 d u * norm2 d v / 2"),
    Lie("Vector", "network_bound", "(fun k => L * omega k)", "(fun k => L * omega k / 2)"),
    Lie("Pieces", "relu_derive_pos", "relu x 1", "relu x 2"),
    Lie("Pieces", "hard_silu_lipschitz", "3 / 2", "1.49"),
    Lie("Suprema", "silu_at_balance", "x0 / 4", "x0 / 5"),
    Lie("Digits", "silu_digits", "69728 <", "69730 <"),
    Lie("Digits", "gelu_digits", "74445.", "744442."),
    Lie("Digits", "mish_reached", "1.088498161251 <", "1.088498161252 <"),
    Lie("Initialization", "relu_moment", "1 / 2", "1 / 3"),
    Lie("Initialization", "he_moment", "2 / INR n", "1 / INR n"),
    Lie("Initialization", "sigmoid_rms", "(1 / 16)", "(1 / 17)"),
    Lie("Clipping", "clip_norm", "<= c.", "<= c / 2."),
    Lie("Clipping", "residual_bounds", "(1 + L)", "(1 + L / 2)"),
    Lie("Clipping", "exp_1_nat", "exp 1", "2.7"),
    Lie("Recurrent", "recurrent_vanishes", "gamma * omega < 1", "gamma * omega <= 1"),
    Lie("Recurrent", "runaway_norm", "10 * 2 ^ n", "11 * 2 ^ n"),
    Lie("Lstm", "open_gates", "INR n * delta", "INR n * delta / 2"),
    Lie("Lstm", "half_open", "(1 / 2)", "(1 / 3)"),
    Lie("Floating", "first_zeros", "74 <> 0", "75 <> 0"),
)


class Failed(Exception):
    """A step did not pass; the text says why, in a sentence."""


def say(step: str, text: str) -> None:
    """Print one line for a step."""
    print(f"{step:<12}{text}", flush=True)


def call(command: list[str], folder: pathlib.Path) -> tuple[int, str]:
    """Run a program and return its exit status and what it said."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return 124, f"stopped after {LIMIT} seconds"
    return done.returncode, done.stdout + done.stderr


def coqc(folder: pathlib.Path, name: str) -> tuple[int, str]:
    """Compile one file of a folder that holds the compiled library."""
    return call(["coqc", "-q", "-w", "none", "-R", ".", LIBRARY, name], folder)


def ready(folder: pathlib.Path) -> bool:
    """Tell whether Coq and its libraries answer."""
    if not shutil.which("coqc") or not shutil.which("coqchk"):
        return False
    (folder / "probe.v").write_text(
        "From Coquelicot Require Import Coquelicot.\nFrom Interval Require Import Tactic.\n"
    )
    return call(["coqc", "-q", "-w", "none", "probe.v"], folder)[0] == 0


def find_coq(folder: pathlib.Path) -> str:
    """Make sure of Coq, installing it where that is allowed.

    Args:
        folder: where the probe is compiled.

    Returns:
        What was found.

    Raises:
        Failed: it is not there and cannot be installed.
    """
    if not ready(folder):
        manual = f"install it with: apt-get install --no-install-recommends {' '.join(PACKAGES)}"
        if not shutil.which("apt-get"):
            raise Failed(f"Coq 8.16 or newer with Coquelicot and coq-interval is missing; {manual}")
        front: list[str] = []
        if hasattr(os, "geteuid") and os.geteuid() != 0:
            if not shutil.which("sudo") or call(["sudo", "-n", "true"], folder)[0] != 0:
                raise Failed(f"Coq is missing and this user may not install it; {manual}")
            front = ["sudo", "-n"]
        say("install", " ".join(PACKAGES) + " (some 1.1 GB)")
        options = ["-y", "-qq", "--no-install-recommends"]
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", *options, *PACKAGES]):
            code, text = call([*front, "env", "DEBIAN_FRONTEND=noninteractive", *command], folder)
            if code and "install" in command:
                raise Failed(f"apt-get failed ({text.strip()[-200:]}); {manual}")
        if not ready(folder):
            raise Failed(f"Coq was installed and still does not answer; {manual}")
    version = re.search(r"version ([\d.]+)", call(["coqc", "--version"], folder)[1])
    return f"Coq {version.group(1) if version else 'of unknown version'}"


def bare(text: str) -> str:
    """Return a source without comments (which nest) and without texts in quotes."""
    kept: list[str] = []
    depth, place = 0, 0
    text = re.sub(r'"[^"]*"', '""', text)
    while place < len(text):
        pair = text[place : place + 2]
        if pair == "(*":
            depth, place = depth + 1, place + 2
        elif pair == "*)" and depth:
            depth, place = depth - 1, place + 2
        else:
            if not depth:
                kept.append(text[place])
            place += 1
    return "".join(kept)


def modules() -> list[str]:
    """Return the modules in the order of _CoqProject, which must name every source.

    Raises:
        Failed: a source is not listed, or the other way round.
    """
    text = (SOURCES / "_CoqProject").read_text(encoding="utf-8")
    names = re.findall(r"^(\w+)\.v$", text, re.M)
    found = {path.stem for path in SOURCES.glob("*.v")}
    if set(names) != found:
        raise Failed(f"_CoqProject and proofs/coq differ in {sorted(set(names) ^ found)}")
    return names


def claims() -> list[str]:
    """Return the names of the theorems of Claims.v, in order."""
    return re.findall(r"^Theorem (\w+)", bare(source("Claims")), re.M)


def source(module: str) -> str:
    """Return the text of a module."""
    return (SOURCES / f"{module}.v").read_text(encoding="utf-8")


def refuse_words(names: list[str]) -> str:
    """Refuse sources with words that leave proofs out.

    Returns:
        How many lines were looked at.

    Raises:
        Failed: a source holds one.
    """
    for name in names:
        found = re.search(rf"\b(?:{FORBIDDEN})\b", bare(source(name)))
        if found:
            raise Failed(f"{name}.v holds the word {found.group()!r}")
    lines = sum(source(name).count("\n") for name in names)
    return f"{len(names)} files, {lines} lines, none with a word that leaves a proof out"


def compile_all(folder: pathlib.Path, names: list[str], jobs: int) -> str:
    """Compile every module, each as soon as what it needs is there.

    Returns:
        What was compiled.

    Raises:
        Failed: one does not compile.
    """
    for name in names:
        shutil.copy(SOURCES / f"{name}.v", folder)
    needs = {
        name: {
            other
            for line in re.findall(rf"From {LIBRARY} Require (?:Import )?([\w ]+)\.", source(name))
            for other in line.split()
        }
        for name in names
    }
    done: set[str] = set()
    running: dict[Future, str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while len(done) < len(names):
            for name in names:
                if name not in done and name not in running.values() and needs[name] <= done:
                    running[pool.submit(coqc, folder, f"{name}.v")] = name
            if not running:
                raise Failed("the sources need each other in a circle")
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, (code, text) = running.pop(future), future.result()
                if code:
                    raise Failed(f"{name}.v does not compile: {text.strip()[-600:]}")
                done.add(name)
    return f"{len(names)} modules, {len(claims())} theorems"


def axioms(folder: pathlib.Path, names: list[str]) -> set[str]:
    """Return the axioms that some claims stand on together.

    Raises:
        Failed: Coq does not answer.
    """
    text = f"From {LIBRARY} Require Import Claims.\nDefinition all := ({', '.join(names)}, tt).\n"
    (folder / f"audit_{names[0]}.v").write_text(text + "Print Assumptions all.\n")
    code, answer = coqc(folder, f"audit_{names[0]}.v")
    if code or not answer.startswith(("Axioms:", "Closed under")):
        raise Failed(f"Print Assumptions failed: {answer.strip()[-300:]}")
    # An axiom starts a line; what it says is indented.
    return set(re.findall(r"^([A-Za-z_][\w.']*)(?: :|\n  :|$)", answer.partition("\n")[2], re.M))


def audit(folder: pathlib.Path, jobs: int) -> str:
    """Hold the axioms of all claims against the list.

    Returns:
        Which axioms were found, in a sentence.

    Raises:
        Failed: an axiom is not on it.
    """
    names = claims()
    computed = [name for name in names if name in COMPUTED]
    plain = [name for name in names if name not in computed]
    with ThreadPoolExecutor(jobs) as pool:
        found, machine = pool.map(lambda part: axioms(folder, part), (plain, computed))
    strange = (found | machine) - REAL_AXIOMS
    strange -= {name for name in machine if re.fullmatch(MACHINE_INTEGERS, name)} - found
    if strange or not found:
        raise Failed(
            f"axioms that are not on the list: {', '.join(sorted(strange)) or 'none read'}"
        )
    extra = len(machine - REAL_AXIOMS)
    return (
        f"{len(plain)} theorems stand on {len(found)} axioms of the real numbers alone; "
        f"{', '.join(computed)} also on {extra} about the processor's integers"
    )


def check_again(folder: pathlib.Path, names: list[str]) -> str:
    """Check our compiled files with coqchk, trusting those of the libraries.

    Returns:
        How many were accepted.

    Raises:
        Failed: coqchk objects.
    """
    ours = [word for name in names for word in ("-norec", f"{LIBRARY}.{name}")]
    code, text = call(["coqchk", "-silent", "-R", ".", LIBRARY, *ours], folder)
    if code:
        raise Failed(f"coqchk objects: {text.strip()[-400:]}")
    return f"coqchk accepts {len(names)} modules"


PROOF = re.compile(r"^(Lemma|Theorem) (\w+)\b(.*?\.)\n(Proof\..*?\bQed\.)", re.M | re.S)


def copy_with(module: str, keep: dict[str, tuple[str, str]]) -> tuple[str, dict[str, range]]:
    """Return a module of which only some lemmas keep their proofs, their statements changed.

    Args:
        module: the module.
        keep: for each lemma that keeps its proof, what to replace in its statement by what.

    Returns:
        The text, up to the last lemma kept, and the lines of each of them.

    Raises:
        Failed: the text to replace is not in the statement.
    """
    text, parts, lines, place = source(module), [], {}, 0
    for match in PROOF.finditer(text):
        parts.append(text[place : match.start()])
        place = match.end()
        kind, name, statement, proof = match.groups()
        if name not in keep:
            parts.append(f"{kind} {name}{statement}\nAdmitted.")
            continue
        true, false = keep[name]
        if true not in statement:
            raise Failed(f"{module}.{name} does not say {true!r}; tools/proofs.py is out of date")
        first = "".join(parts).count("\n") + 1
        parts.append(f"{kind} {name}{statement.replace(true, false)}\n{proof}")
        lines[name] = range(first, "".join(parts).count("\n") + 2)
        if len(lines) == len(keep):
            break
    # Sections are left open: a file may not end so, and its last lemma is all that matters.
    text = "".join(parts)
    opened = re.findall(r"^Section (\w+)\.$", text, re.M)
    closed = set(re.findall(r"^End (\w+)\.$", text, re.M))
    ends = "".join(f"\nEnd {name}." for name in reversed(opened) if name not in closed)
    return text + ends + "\n", lines


def noticed(folder: pathlib.Path, number: int) -> str:
    """Compile one false copy; return what is wrong, which is nothing if it fails where it must.

    Args:
        folder: holds the compiled library.
        number: which of `LIES`.

    Returns:
        A sentence, empty if the lie was noticed.
    """
    lie = LIES[number]
    text, lines = copy_with(lie.module, {lie.lemma: (lie.true, lie.false)})
    (folder / f"false_{number}.v").write_text(text, encoding="utf-8")
    code, answer = coqc(folder, f"false_{number}.v")
    where = f"{lie.module}.{lie.lemma} with {lie.false!r} for {lie.true!r}"
    if code == 0:
        return f"{where} is accepted"
    place = re.search(r'^File "[^"]*", line (\d+)', answer, re.M)
    if code == 124 or not place or re.search(r"Syntax error|not found in the current", answer):
        return f"{where} fails for another reason: {answer.strip()[-200:]}"
    if int(place.group(1)) not in lines[lie.lemma]:
        return f"{where} fails elsewhere, in line {place.group(1)}"
    return ""


def bite(folder: pathlib.Path, jobs: int) -> str:
    """Require each lie to fail in its own proof, and the copies with nothing changed to compile.

    Returns:
        How many were noticed.

    Raises:
        Failed: one does not behave.
    """
    with ThreadPoolExecutor(jobs) as pool:
        truth = {lie.module: {} for lie in LIES}
        for lie in LIES:
            truth[lie.module][lie.lemma] = (lie.true, lie.true)
        for module, keep in truth.items():
            (folder / f"true_{module}.v").write_text(copy_with(module, keep)[0], encoding="utf-8")
        results = pool.map(lambda module: coqc(folder, f"true_{module}.v"), truth)
        objections = pool.map(lambda number: noticed(folder, number), range(len(LIES)))
        for module, (code, text) in zip(truth, results, strict=True):
            if code:
                raise Failed(f"a true copy of {module} does not compile: {text.strip()[-400:]}")
        wrong = [objection for objection in objections if objection]
    if wrong:
        raise Failed("; ".join(wrong))
    return f"{len(LIES)} false statements in {len(truth)} modules, each fails in its own proof"


def run(steps: list[tuple[str, Callable[[], str]]]) -> None:
    """Take steps one after another, and print for each what it found and how long it took."""
    for step, action in steps:
        began = time.monotonic()
        text = action()
        say(step, f"ok: {text} ({time.monotonic() - began:.0f} s)")


def main() -> int:
    """Run the steps; 0 if all pass, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="leave out coqchk and the lies")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time")
    options = parser.parse_args()
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="gradchain-proofs-") as name,
        ThreadPoolExecutor(1) as beside,
    ):
        folder = pathlib.Path(name)
        try:
            names = modules()
            steps = [
                ("coq", lambda: find_coq(folder)),
                ("words", lambda: refuse_words(names)),
                ("compile", lambda: compile_all(folder, names, options.jobs)),
                ("axioms", lambda: audit(folder, options.jobs)),
            ]
            run(steps)
            if not options.quick:
                # coqchk takes one core for as long as the lies take all: let it run beside them.
                checked = beside.submit(check_again, folder, names)
                run([("bite", lambda: bite(folder, options.jobs)), ("coqchk", checked.result)])
        except Failed as failure:
            say("FAILED", str(failure))
            return 1
    say("all", f"passed in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
