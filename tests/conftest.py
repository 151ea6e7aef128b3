"""Strictness for every test: no silent promotion, no growing memory, reproducible draws."""

import os
import signal

# A shell that starts `make test` in the background makes it ignore Ctrl-C, and all that it starts: tests
# of Ctrl-C would wait for nothing. A handler of our own becomes the default one in every child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Two BLAS threads on small matrices fight with the other test worker; set before NumPy loads it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# So do XLA's threads, one for each core that it may use: each worker keeps to its own.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if _WORKER.startswith("gw") and hasattr(os, "sched_setaffinity"):
    _CORES = sorted(os.sched_getaffinity(0))
    _WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if len(_CORES) <= _WORKERS:
        os.sched_setaffinity(0, {_CORES[int(_WORKER[2:]) % len(_CORES)]})

import hypothesis
import jax
import jaxtyping
import pytest

hypothesis.settings.register_profile(
    "gradchain",
    deadline=None,
    derandomize=True,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("gradchain")


# Files of few but long tests: handed out last they would leave the other worker idle.
LONG = ("test_environment.py", "test_house.py")


def pytest_collection_modifyitems(items):
    """Begin with the long files; all else keeps its order."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session", autouse=True)
def strict_promotion():
    """Mixed types and ranks are errors: the library may not lean on silent promotion."""
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session", autouse=True)
def compiled_programs_on_disk(request):
    """Compile each program once for all files and workers: compilation is most of the tests' time.

    A program is found again by its text, so a change of the code is always compiled. One that
    another worker is still writing is unreadable, which JAX says by a warning, and compiled anew.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(request.config.cache.mkdir("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.fixture(scope="module", autouse=True)
def release_compiled_programs():
    """A compiled program costs 16 MB; without this a full run would not fit in memory."""
    yield
    jax.clear_caches()


@pytest.fixture
def as_a_user():
    """Switch the test-time type checks off, so that a wrong type meets gradchain's own message."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
