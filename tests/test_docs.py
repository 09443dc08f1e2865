"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import footfall
from ingestion.loading.source import RAW_TABLES
from orchestration.env_example import env_example

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((CHECKOUT / "docs").rglob("*.md")),
]


def test_every_make_command_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, document.name


def test_every_file_the_documents_name_exists() -> None:
    roots = ("footfall", "ingestion", "dbt_project", "orchestration", "demo", "tests",
             "benchmarks", "docs", "deploy")  # fmt: skip
    for document in DOCUMENTS:
        for name in re.findall(
            rf"(?<![\w/.-])((?:{'|'.join(roots)})/[\w/.-]*\w)`?", document.read_text()
        ):
            assert (CHECKOUT / name).exists(), f"{document.name} names {name}"


def test_env_example_is_what_the_settings_say() -> None:
    assert (CHECKOUT / ".env.example").read_text() == env_example()


def test_the_version_is_the_changelogs_newest() -> None:
    changelog = (CHECKOUT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    pyproject = (CHECKOUT / "pyproject.toml").read_text()
    assert newest is not None
    assert newest[1] == footfall.__version__
    assert f'version = "{footfall.__version__}"' in pyproject


def test_every_mart_is_explained_in_metrics() -> None:
    metrics = (CHECKOUT / "docs" / "metrics.md").read_text()
    marts = [path.stem for path in (CHECKOUT / "dbt_project" / "marts").glob("*.sql")]
    assert marts
    assert [mart for mart in marts if mart not in metrics] == []


def test_the_architecture_describes_every_raw_table() -> None:
    architecture = (CHECKOUT / "docs" / "architecture.md").read_text()
    assert [table for table in RAW_TABLES if f"raw.{table}" not in architecture] == []


def test_the_lock_goes_by_name_and_hash_and_names_no_index() -> None:
    lock = (CHECKOUT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock)
    pinned = re.findall(
        r"^[a-z0-9._-]+(?:\[[\w,-]+\])?==\S+.*$", lock, re.MULTILINE | re.IGNORECASE
    )
    assert pinned
    assert all(line.rstrip().endswith("\\") for line in pinned)
