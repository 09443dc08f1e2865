"""Conversion prediction as assets: training data, validation, the model and its predictions."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from conversion.evaluation import Evaluation
from conversion.marts import CALIBRATION, COLUMNS, COMMENTS, SCORES, tell
from conversion.scoring_job import Foreseen, foresee
from ingestion.settings import Settings, get_settings
from orchestration.audit import as_before
from orchestration.checks.check_result import markdown_table
from orchestration.definition_files import questions_asked
from orchestration.prepare import POOL
from orchestration.raw_metadata import COLUMN_SCHEMA, ROW_COUNT
from publishing.charts import calibration_chart
from transformation.current import Outcome, keep_outcomes, outcomes_kept
from warehouse.connection import connect, writer_lock

TRAINING_SET: Final = dg.AssetKey(["conversion", "training_set"])
MODEL: Final = dg.AssetKey(["conversion", "model"])
EVALUATION: Final = dg.AssetKey(["conversion", "evaluation"])
MARTS: Final = {name: dg.AssetKey(["marts", name]) for name in (SCORES, CALIBRATION)}
TRIALS: Final = [
    dg.AssetKey(["marts", name])
    for name in ("fct_trials", "fct_trial_days", "fct_trial_day_features")
]

_settings = get_settings()


#: Claim of conversion/guardrails.py → what it flags, why it matters and what to do.
CLAIMS: Final = {
    "models_beat_the_base_rate": (
        "Flags: a model whose log loss on the last days is no better than that of the base rate.\n"
        "Matters: its probabilities would say no more than how many convert anyway.\n"
        "Do: nothing is lost, the model before goes on. Look whether the features of the question "
        "have anything to do with the conversion, and whether there are enough conversions."
    ),
    "models_are_calibrated": (
        "Flags: a model that predicts more or fewer conversions than came, or does in some "
        "tenth.\n"
        "Matters: a probability of 10 % would not mean one of ten.\n"
        "Do: nothing is lost, the model before goes on. Look whether the product, its price or "
        "the trial has changed within the last weeks; the evaluation shows where it is off."
    ),
    "models_have_not_drifted": (
        "Flags: a model in whose tenths those at risk now lie otherwise than those of the past.\n"
        "Matters: what was learnt of other people may not hold of these.\n"
        "Do: nothing is lost, the model before goes on. Look for a new source of sign-ups, or for "
        "an event that is sent no longer."
    ),
}


def _mart_spec(name: str, deps: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        MARTS[name],
        deps=deps,
        group_name="marts",
        kinds={"duckdb", "python"},
        description=COMMENTS[name],
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=_settings.freshness_hours)
        ),
        metadata={
            COLUMN_SCHEMA: dg.TableSchema(
                [
                    dg.TableColumn(column, kind, description=meaning)
                    for column, (kind, meaning) in COLUMNS[name].items()
                ]
            )
        },
    )


def _spec(key: dg.AssetKey, deps: Sequence[dg.AssetKey], description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        deps=deps,
        group_name="conversion",
        kinds={"python", "scikitlearn"},
        description=description,
    )


@dg.multi_asset(
    name="foresee",
    specs=[
        _spec(
            TRAINING_SET,
            TRIALS,
            "The days of trials whose horizon is over, of each conversion question. Read from "
            "the marts and stored nowhere else.",
        ),
        _spec(
            EVALUATION,
            [TRAINING_SET],
            "How the recipe of a new model did on the last days, which it had not seen.",
        ),
        _spec(
            MODEL,
            [TRAINING_SET, EVALUATION],
            "The model that speaks for each conversion question, in home/models; learnt anew "
            "after a week.",
        ),
        _mart_spec(SCORES, [MODEL, *TRIALS]),
        _mart_spec(CALIBRATION, [MARTS[SCORES], *TRIALS]),
    ],
    check_specs=[
        dg.AssetCheckSpec(claim, asset=MODEL, description=description)
        for claim, description in CLAIMS.items()
    ],
    pool=POOL,
)
def conversion_assets(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Train, validate and score each conversion question; a failed model gives no prediction."""
    questions = questions_asked(_settings)
    with writer_lock(_settings), connect(_settings) as connection:
        if (found := outcomes_kept(_settings, connection)) is not None:
            yield from as_before(context, found)
            return
        foreseen = foresee(_settings, connection, questions, datetime.now(UTC).replace(tzinfo=None))
        rows = tell(connection, questions, _settings.reporting_time_zone)
        checks = [_check(claim, foreseen) for claim in CLAIMS]
        keep_outcomes(connection, map(_outcome, checks))
    yield dg.MaterializeResult(asset_key=TRAINING_SET, metadata=_of_training(foreseen))
    yield dg.MaterializeResult(asset_key=EVALUATION, metadata=_of_evaluations(foreseen))
    yield dg.MaterializeResult(asset_key=MODEL, metadata=_of_models(foreseen, _settings))
    for name, key in MARTS.items():
        scored = {"scored_now": sum(each.scored for each in foreseen)} if name == SCORES else {}
        yield dg.MaterializeResult(asset_key=key, metadata={ROW_COUNT: rows[name], **scored})
    yield from checks


def _outcome(check: dg.AssetCheckResult) -> Outcome:
    return Outcome(
        asset=MODEL.to_user_string(),
        check=str(check.check_name),
        passed=check.passed,
        severity=check.severity.value,
        description=check.description,
        failing_rows=None,
    )


def _check(name: str, foreseen: Sequence[Foreseen]) -> dg.AssetCheckResult:
    """WARN: a model that may give no prediction does not stop us publishing the other figures."""
    seen = [
        (each.question.name, claim)
        for each in foreseen
        for claim in each.claims
        if claim.name == name
    ]
    return dg.AssetCheckResult(
        asset_key=MODEL,
        check_name=name,
        passed=all(claim.holds for _, claim in seen),
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{question}: {claim.seen}" for question, claim in seen)
        or "no model was learnt this time",
    )


def _of_training(foreseen: Sequence[Foreseen]) -> dict[str, Any]:
    return {
        ROW_COUNT: sum(each.mature_rows for each in foreseen),
        "questions": markdown_table(
            ("question", "days of trials", "with known outcome", "persons who converted"),
            [
                (each.question.name, each.rows, each.mature_rows, each.converted_persons)
                for each in foreseen
            ],
        ),
    }


def _of_models(foreseen: Sequence[Foreseen], settings: Settings) -> dict[str, Any]:
    return {
        "path": dg.MetadataValue.path(str(settings.home / "models")),
        "models": markdown_table(
            ("question", "model", "this time", "scores"),
            [
                (each.question.name, each.version or "none", _told(each), each.scored)
                for each in foreseen
            ],
        ),
    }


def _told(each: Foreseen) -> str:
    if each.is_taken and each.learnt:
        recipe = each.learnt.model.recipe
        return f"learnt: {recipe.kind.replace('_', ' ')}, strength {recipe.strength:g}"
    if each.silence:
        return each.silence + (": the model before goes on" if each.version else "")
    return "speaks on"


def _of_evaluations(foreseen: Sequence[Foreseen]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for each in foreseen:
        if each.learnt:
            name, judged = each.question.name, each.learnt.evaluation
            metadata[f"{name}: losses"] = markdown_table(
                ("", "model", "base rate"),
                [
                    ("log loss", f"{judged.log_loss:.4f}", f"{judged.base_log_loss:.4f}"),
                    ("Brier score", f"{judged.brier:.4f}", f"{_base_brier(judged):.4f}"),
                    ("AUC", f"{judged.auc:.3f}", "0.500"),
                    ("rows, persons", f"{judged.rows:,}", f"{judged.persons:,}"),
                    ("converted", f"{judged.conversions:,}", f"{judged.base_rate:.2%} before"),
                ],
            )
            metadata[f"{name}: calibration"] = markdown_table(
                ("tenth", "rows", "persons", "predicted", "observed", "95 % interval"),
                [
                    (
                        tenth.decile,
                        f"{tenth.rows:,}",
                        f"{tenth.persons:,}",
                        f"{tenth.predicted_rate:.2%}",
                        f"{tenth.observed_rate:.2%}",
                        f"{tenth.low:.2%} to {tenth.high:.2%}",
                    )
                    for tenth in judged.deciles
                ],
            )
            metadata[f"{name}: calibration, drawn"] = dg.MetadataValue.md(
                calibration_chart(
                    f"{name}: predicted and observed",
                    [
                        (tenth.predicted_rate, tenth.observed_rate, tenth.low, tenth.high)
                        for tenth in judged.deciles
                    ],
                )
            )
    return metadata


def _base_brier(judged: Evaluation) -> float:
    observed = judged.conversions / judged.rows
    return observed * (1 - judged.base_rate) ** 2 + (1 - observed) * judged.base_rate**2
