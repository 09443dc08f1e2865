"""Models on disk: one folder for each version, with a card that describes it fully.

    home/models/<question>/current            the version that is in use
    home/models/<question>/<version>/card.json
    home/models/<question>/<version>/model.joblib
    home/models/<question>/refused            why the model learnt last is not in use

The name of a version is made from its content: the same days and libraries give the same name and
the same bytes. A model holds weights, bounds and sources that many people came from. It holds
nothing about a single person.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from conversion.evaluation import Tenths
from conversion.guardrails import Claim
from conversion.learning import SEED, Learnt, Model
from conversion.questions import Question
from conversion.trial_days import TrialDays
from ingestion.facts.disk import fsync_folder, replace_file
from ingestion.settings import Settings

CARD: Final = "card.json"
MODEL: Final = "model.joblib"
CURRENT: Final = "current"
REFUSED: Final = "refused"
#: A version is the last day of its window and a checksum of card and model.
VERSION: Final = r"\d{4}-\d\d-\d\d-[0-9a-f]{12}"


@dataclass(frozen=True)
class Kept:
    """A model with its card."""

    model: Model
    card: Mapping[str, Any]

    @property
    def version(self) -> str:
        """The last day of its window and a checksum."""
        return str(self.card["version"])

    @property
    def tenths(self) -> Tenths:
        """The tenths of the rows it was trained on."""
        return Tenths(*(np.array(self.card[f"decile_{name}"]) for name in ("bounds", "shares")))


def libraries() -> dict[str, str]:
    """The versions that a model needs to be reproduced."""
    # Read from metadata: importing scikit-learn takes a second, and most runs only compare.
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": version("scikit-learn"),
    }


def carded(question: Question, learnt: Learnt, days: TrialDays, claims: Mapping[str, Any]) -> Kept:
    """The model with its card. ``days`` are the days it was learnt from."""
    card = {
        "question": question.model_dump(mode="json", by_alias=True),
        "definition": question.fingerprint,
        "window": {"from": str(days.as_of.min()), "to": str(days.as_of.max())},
        "rows": len(days),
        "persons": days.persons,
        "converted_persons": days.converted_persons,
        "base_rate": learnt.base_rate,
        "features": [column.name for column in learnt.model.encoder.columns],
        "recipe": asdict(learnt.model.recipe),
        "chosen_by_log_loss": learnt.chosen_by,
        "rows_of_parts": learnt.parts,
        "evaluation": asdict(learnt.evaluation),
        "claims": dict(claims),
        "decile_bounds": learnt.tenths.bounds.tolist(),
        "decile_shares": learnt.tenths.shares.tolist(),
        "seed": SEED,
        "libraries": libraries(),
    }
    return named(card, learnt.model)


def named(card: Mapping[str, Any], model: Model) -> Kept:
    """The model with a version made from its card and content."""
    version = f"{card['window']['to'][:10]}-{_digest(card, _bytes(model))}"
    return Kept(model, {"version": version, **card})


def keep(settings: Settings, kept: Kept) -> None:
    """Store a model and use it from now on. The one before it stays on disk."""
    folder = _folder(settings, str(kept.card["question"]["name"]))
    target = folder / kept.version
    fresh = folder / f".{kept.version}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    replace_file(fresh / MODEL, _bytes(kept.model))
    replace_file(fresh / CARD, (json.dumps(kept.card, indent=2) + "\n").encode())
    shutil.rmtree(target, ignore_errors=True)
    os.replace(fresh, target)
    fsync_folder(folder)
    replace_file(folder / CURRENT, f"{kept.version}\n".encode())


def current(settings: Settings, question: Question) -> Kept | None:
    """The model in use for a question, or None.

    A model is not used if it was learnt for another definition of the question, or with other
    libraries: only the libraries that pickled it are sure to read it. It is also not used if its
    content does not match its name. Without a model, the next is learnt at once.
    """
    import joblib

    folder = _folder(settings, question.name)
    try:
        version = (folder / CURRENT).read_text().strip()
        if not re.fullmatch(VERSION, version):
            return None
        card = json.loads((folder / version / CARD).read_bytes())
        model = (folder / version / MODEL).read_bytes()
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(card, dict) or card.pop("version", None) != version:
        return None
    if _digest(card, model) != version.rpartition("-")[2]:
        return None
    if card.get("definition") != question.fingerprint or card.get("libraries") != libraries():
        return None
    try:
        return Kept(joblib.load(io.BytesIO(model)), {"version": version, **card})
    except (ImportError, AttributeError):
        # Written by another version of Footfall, whose code has other names.
        return None


def refuse(settings: Settings, question: Question, to: np.datetime64, claims: list[Claim]) -> None:
    """Store why the model learnt from the days up to ``to`` is not used."""
    folder = _folder(settings, question.name)
    folder.mkdir(parents=True, exist_ok=True)
    refused = {
        "definition": question.fingerprint,
        "libraries": libraries(),
        "to": str(to),
        "claims": [asdict(claim) for claim in claims],
    }
    replace_file(folder / REFUSED, (json.dumps(refused, indent=2) + "\n").encode())


def last_refused(
    settings: Settings, question: Question
) -> tuple[np.datetime64, list[Claim]] | None:
    """The last day that the last refused model was learnt from, and the claims on it.

    None if the record is missing, is of another definition or other libraries, or cannot be read.
    """
    try:
        refused = json.loads((_folder(settings, question.name) / REFUSED).read_bytes())
        found = refused["definition"], refused["libraries"]
        claims = [Claim(**claim) for claim in refused["claims"]]
        to = np.datetime64(refused["to"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return (to, claims) if found == (question.fingerprint, libraries()) else None


def _digest(card: Mapping[str, Any], model: bytes) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode() + model).hexdigest()[:12]


def _folder(settings: Settings, question: str) -> Path:
    return settings.home / "models" / question


def _bytes(model: Model) -> bytes:
    import joblib

    written = io.BytesIO()
    joblib.dump(model, written)
    return written.getvalue()
