"""One page from all studies: `report.html`, a single file that opens from disk, and `report.md`.

The report only reads what studies left behind. It never computes and never imports JAX, and every
number in its text is a number of a study's registry, shown under its key.
"""

from gradchain.report.build import Report, build
from gradchain.report.reading import Expected, StudyPage, read_study

__all__ = ["Expected", "Report", "StudyPage", "build", "read_study"]
