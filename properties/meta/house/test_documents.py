"""Documents name what is there: prose outlives code where nothing holds it."""

import re
import shlex
from pathlib import Path

import pytest

import frostproof
from frostproof.properties.meta.house.test_layers import ORDER
from frostproof.properties.meta.measurements import soundness
from frostproof.reports.formats.files import FILES

ROOT = Path(frostproof.__file__).parent
DOCUMENTS = sorted(ROOT.glob("*.md"))
#: A path below the root, between backticks or as the target of a link.
PATH = re.compile(
    r"[`(]((?:\.ci|\.github|findings|properties|reference|reports|strategies)/[\w./-]*|[A-Z]+\.md)[`)]"
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_path_in_a_document_is_there(document):
    """Names in capitals stand for a file that the reader makes."""
    named = PATH.findall(document.read_text(encoding="utf-8"))
    missing = {path for path in named if not re.search("NAME|FAMILY", path)}
    missing = {path for path in missing if not (ROOT / path).exists()}

    assert missing == set()


def test_a_judgement_of_correct_programs_takes_what_documents_give_it():
    """And what judges some of them leaves alone the figures of all, which are in the repository."""
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    commands = re.findall(r"measurements/soundness\.py ([^`#\n]*)", "\n".join(texts))
    assert len(commands) == 3
    for command in commands:
        options = soundness.parse_options(shlex.split(command))
        assert not options.programs or options.output != soundness.HERE / "measured"


def test_the_readme_names_every_file_of_a_report():
    """In its own row, which says for whom."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [file for file in FILES if f"\n| `{file}` | " not in text] == []


def test_the_architecture_names_every_package():
    """Below its folder, in the order of imports."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    _, rows = text.split("## Order of packages")
    for folder in ("reference", "properties", "reports"):
        (row,) = (line for line in rows.splitlines() if line.startswith(f"| `{folder}/`"))
        packages = [
            name.partition(".")[2]
            for name in ORDER
            if name.startswith(f"{folder}.") and (ROOT / name.replace(".", "/")).is_dir()
        ]
        places = [row.find(f"`{package}`") for package in packages]
        assert -1 not in places, dict(zip(packages, places, strict=True))
        assert places == sorted(places)


def test_the_architecture_is_a_page():
    """Whoever wants more finds it where it is."""
    assert len((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 100
