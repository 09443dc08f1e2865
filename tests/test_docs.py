"""What the documents say is so."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import footfall
from ingestion.loading.source import RAW_TABLES
from orchestration.env_example import env_example

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((CHECKOUT / "docs").rglob("*.md")),
]
CODE = ("footfall", "ingestion", "enrichment", "warehouse", "transformation", "publishing",
        "cohorts", "conversion", "explorer", "orchestration", "dbt_project", "demo", "tests",
        "benchmarks", "findings", "deploy", "bi")  # fmt: skip
#: Files of FOOTFALL_HOME.
OF_A_HOME = {"warehouse/footfall.duckdb", "annotations.yml", "watched_figures.yml", "pulls.yml"}
#: Names in backticks that are not ours: of other tools, and events that serve as an example.
NOT_OURS = {
    *("DAGSTER_EVENT_BATCH_SIZE", "max_runtime_seconds", "api_host", "client_id"),
    *("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
    *("object_verbed", "user_engaged", "is_power_user"),
}


def test_every_make_command_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, document.name


def test_every_file_the_documents_name_exists() -> None:
    names = {path.name for path in code_files()}
    for document in DOCUMENTS:
        text = document.read_text()
        for path in re.findall(rf"(?<![\w/.-])((?:docs|{'|'.join(CODE)})/[\w/.-]*\w)`?", text):
            assert (CHECKOUT / path).exists() or path in OF_A_HOME, f"{document.name} names {path}"
        for name in re.findall(r"`([\w-]+\.(?:py|sql|csv|yml|js))`", text):
            assert name in names | OF_A_HOME, f"{document.name} names {name}"


def test_every_link_of_the_documents_leads_to_a_file() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#]+)", document.read_text()):
            assert "://" in link or (document.parent / link).exists(), f"{document.name}: {link}"


def test_every_document_the_code_names_exists() -> None:
    for path in code_files():
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(errors="ignore")):
            assert (CHECKOUT / name).exists(), f"{path} names {name}"


def test_every_module_the_documents_run_exists() -> None:
    for document in DOCUMENTS:
        for module in re.findall(
            rf"python -m ((?:{'|'.join(CODE)})[\w.]*\w)", document.read_text()
        ):
            path = CHECKOUT / module.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").exists(), (
                f"{document.name} runs {module}"
            )


def test_every_name_the_documents_use_is_in_the_code() -> None:
    # Tables, columns, tests, jobs, settings: all that is written in backticks with an underscore.
    known = code_words() | NOT_OURS
    for document in DOCUMENTS:
        unknown = names_in(document.read_text()) - known
        # A dimension as MetricFlow names it: entity__column__grain.
        unknown = {name for name in unknown if not known.issuperset(name.split("__"))}
        assert unknown == set(), document.name


def test_a_name_is_found_in_backticks_in_tables_of_a_schema_and_in_variables() -> None:
    text = """`a_column` and `marts.fct_b(c_d)`, not plain_text, FOOTFALL_A_THING

        from marts.fct_e where not_looked_at

    | `f_g|h_i` | `$not_ours`, `https://x.example/not_a_name` |
    """.replace("\n    ", "\n")
    assert names_in(text) == {
        *("a_column", "fct_b", "c_d", "FOOTFALL_A_THING", "fct_e", "f_g", "h_i")
    }


def names_in(text: str) -> set[str]:
    """The names of ours that a document uses."""
    names = set(re.findall(r"FOOTFALL_[A-Z_]*[A-Z]", text))
    names.update(re.findall(r"\b(?:raw|staging|intermediate|marts|meta)\.([a-z]\w+)", text))
    prose = re.sub(r"^(?:```[\s\S]*?^```|(?: {4}.*\n)+)", "", text, flags=re.MULTILINE)
    for span in re.findall(r"`([^`]+)`", prose):
        names.update(re.findall(r"(?<![\w$@/-])[A-Za-z]\w*_\w*[A-Za-z0-9]\b", span))
    return names


@cache
def code_files() -> list[Path]:
    """The files that the project's own names are in, this one left out."""
    kinds = {"", ".py", ".sql", ".yml", ".yaml", ".csv", ".json", ".js", ".conf", ".service"}
    found = [path for folder in CODE for path in (CHECKOUT / folder).rglob("*")]
    return [
        *(path for path in found if path.is_file() and path.suffix in kinds),
        *(CHECKOUT / name for name in ("Makefile", "pyproject.toml", ".env.example")),
    ]


@cache
def code_words() -> set[str]:
    """Every word in them, and in their paths."""
    words: set[str] = set()
    for path in code_files():
        words.update(re.findall(r"\w+", str(path.relative_to(CHECKOUT))))
        if path != Path(__file__):
            words.update(re.findall(r"\w+", path.read_text(encoding="utf-8", errors="ignore")))
    return words


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
    marts = [path.stem for path in (CHECKOUT / "dbt_project" / "marts").rglob("*.sql")]
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
