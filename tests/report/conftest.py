"""A results folder with one finished toy study."""

import importlib.util
import sys
from pathlib import Path

import pytest

from gradchain.study import run

TOY = Path(__file__).parents[1] / "study" / "data" / "toy_study.py"


@pytest.fixture
def study():
    spec = importlib.util.spec_from_file_location("toy_study", TOY)
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_study"] = module
    spec.loader.exec_module(module)
    return module.STUDY


@pytest.fixture
def results(study, tmp_path):
    root = tmp_path / "r\u00e9sultats with <space> & more"
    run(study, out=root, say=lambda text: None)
    return root
