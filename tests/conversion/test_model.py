"""A model of conversion: what it learns, when it is silent, and what is kept of what it said."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversion import model_store
from conversion.evaluation import (
    Evaluation,
    Tenths,
    evaluate,
    standard_error,
    wilson,
)
from conversion.guardrails import claims_on, drift_claim
from conversion.learning import InsufficientData, Learnt, learn
from conversion.marts import tell
from conversion.questions import Question
from conversion.scoring import count_scores, forget_scores
from conversion.scoring_job import Foreseen, foresee
from conversion.similar_persons import MIN_PERSONS
from conversion.splitting import split
from conversion.trial_days import TrialDays, read_trial_days
from ingestion.settings import Settings
from tests.conversion.conversion_marts import DAY, EDGE, QUESTION, Law, Marts, by_use_of_a

FEATURES = ("a", "b", "c")
NIGHT = datetime(2026, 3, 1, 2, 15)
PEOPLE = 900


def no_law(used: Mapping[str, bool], at: datetime) -> float:
    return 0.15


def days_of(marts: Marts) -> TrialDays:
    return read_trial_days(marts.connection, "plan", FEATURES)


def mature_of(marts: Marts) -> TrialDays:
    days = days_of(marts)
    return days[days.is_mature]


def night(settings: Settings, marts: Marts, question: Question = QUESTION) -> Foreseen:
    (foreseen,) = foresee(settings, marts.connection, [question], NIGHT)
    tell(marts.connection, [question], "UTC")
    return foreseen


def with_card(kept: model_store.Kept, **changed: Any) -> model_store.Kept:
    card = {key: value for key, value in kept.card.items() if key != "version"}
    return model_store.named({**card, **changed}, kept.model)


def scores(marts: Marts, columns: str = "*") -> list[tuple[Any, ...]]:
    return marts.connection.execute(
        f"select {columns} from marts.fct_conversion_scores order by actor_id, trial_day"
    ).fetchall()


@pytest.fixture(scope="module")
def marts() -> Marts:
    return Marts.empty().people(PEOPLE)


@pytest.fixture(scope="module")
def learnt(marts: Marts) -> Learnt:
    return learn(mature_of(marts), FEATURES)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def site(marts: Marts, settings: Settings) -> Iterator[Marts]:
    """The people on a home of their own, whose scores are gone afterwards."""
    yield marts
    marts.connection.execute("drop table if exists meta.conversion_scores")


def test_a_model_finds_the_law(marts: Marts, learnt: Learnt) -> None:
    days = days_of(marts)
    predicted = learnt.model.probabilities(days)
    uses_a = days.measures["a.is_used"] > 0
    assert 0.42 < predicted[uses_a].mean() < 0.58
    assert 0.03 < predicted[~uses_a].mean() < 0.07
    assert all(claim.holds for claim in claims_on(learnt.evaluation))


def test_days_are_read_as_they_stand_in_the_marts(marts: Marts) -> None:
    days = days_of(marts)
    rows = marts.connection.execute(
        """
        select days.actor_id, days.trial_day, days.outcome, days.event_count,
            features.days_since_last, features.peer_share
        from marts.fct_trial_days as days
        inner join marts.fct_trial_day_features as features using (actor_id, trial_day)
        where features.feature_name = 'b'
        order by days.as_of, days.actor_id, days.trial_day
        """
    ).fetchall()
    assert len(rows) == len(days)
    for number, (actor, age, outcome, count, since, share) in enumerate(rows):
        assert (actor, age) == (days.actor_ids[number], days.trial_days[number])
        assert days.is_converted[number] == (outcome == "converted")
        assert days.is_open[number] == (outcome == "open")
        assert days.measures["event_count"][number] == count
        assert days.measures["b.peer_share"][number] == share
        told = days.measures["b.days_since_last"][number]
        assert np.isnan(told) if since is None else told == since


def test_what_is_learnt_from_was_over_before_what_is_predicted(marts: Marts) -> None:
    days = mature_of(marts)
    parts = split(days)
    assert days.horizon_at[parts.train].max() < days.as_of[parts.validate].min()
    assert days.horizon_at[parts.validate].max() < days.as_of[parts.test].min()
    assert not (parts.train & parts.validate).any()
    assert 0.25 < parts.test.mean() < 0.35
    # What lies between is left out, and no more than that.
    left_out = days[~(parts.learnt | parts.test)]
    horizon = np.timedelta64(QUESTION.horizon_days, "D")
    cuts = [days.as_of[parts.validate].min(), days.as_of[parts.test].min()]
    assert all(any(at <= cut <= at + horizon for cut in cuts) for at in left_out.as_of)


def test_the_same_days_give_the_same_model_bit_for_bit(
    marts: Marts, learnt: Learnt, tmp_path: Path
) -> None:
    days = mature_of(marts)
    first = model_store.carded(QUESTION, learnt, days, {})
    again = Marts.empty().people(PEOPLE)
    for table in ("fct_trial_days", "fct_trial_day_features"):
        again.connection.execute(
            f"create or replace table marts.{table} as from marts.{table} order by hash({table})"
        )
    second = model_store.carded(QUESTION, learn(mature_of(again), FEATURES), mature_of(again), {})
    written = []
    for number, kept in enumerate((first, second)):
        home = Settings(home=tmp_path / str(number))
        model_store.keep(home, kept)
        folder = home.home / "models" / "plan" / kept.version
        written.append([(folder / name).read_bytes() for name in ("card.json", "model.joblib")])
    assert written[0] == written[1]


def test_a_card_tells_of_the_model_and_of_nobody(learnt: Learnt, marts: Marts) -> None:
    card = model_store.carded(QUESTION, learnt, mature_of(marts), {"a": 1}).card
    assert card["window"]["to"] < str(EDGE - 2 * DAY).replace(" ", "T")
    assert set(card["libraries"]) == {"python", "numpy", "scikit-learn"}
    assert "a.is_used" in card["features"]
    assert card["evaluation"]["rows"] == card["rows_of_parts"]["test"]
    assert "s1u" not in json.dumps(dict(card))


def test_a_kept_model_says_the_same_when_it_is_read_again(
    learnt: Learnt, marts: Marts, settings: Settings
) -> None:
    model_store.keep(settings, model_store.carded(QUESTION, learnt, mature_of(marts), {}))
    kept = model_store.current(settings, QUESTION)
    assert kept is not None
    days = days_of(marts)
    assert (kept.model.probabilities(days) == learnt.model.probabilities(days)).all()


def test_a_model_of_another_question_does_not_speak(
    learnt: Learnt, marts: Marts, settings: Settings
) -> None:
    model_store.keep(settings, model_store.carded(QUESTION, learnt, mature_of(marts), {}))
    other = QUESTION.model_copy(update={"horizon_days": QUESTION.horizon_days + 1})
    assert model_store.current(settings, other) is None


def test_a_model_of_other_libraries_does_not_speak(
    learnt: Learnt, marts: Marts, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_store.keep(settings, model_store.carded(QUESTION, learnt, mature_of(marts), {}))
    monkeypatch.setattr(model_store, "libraries", lambda: {"scikit-learn": "1.0"})
    assert model_store.current(settings, QUESTION) is None


def test_a_model_of_another_footfall_does_not_speak(
    learnt: Learnt, marts: Marts, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pickle names modules of ours, which have other names by now."""
    model_store.keep(settings, model_store.carded(QUESTION, learnt, mature_of(marts), {}))
    monkeypatch.setitem(sys.modules, type(learnt.model).__module__, None)
    assert model_store.current(settings, QUESTION) is None


@pytest.mark.parametrize("name", [model_store.CURRENT, model_store.CARD, model_store.MODEL])
@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"\x00\xff{]" * 100,
        lambda whole: b"[]",
        lambda whole: b"{}",
        lambda whole: whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
    ],
    ids=["half", "empty", "garbage", "a list", "an object", "bent"],
)
def test_a_damaged_model_does_not_speak_and_is_learnt_anew(
    learnt: Learnt,
    marts: Marts,
    settings: Settings,
    name: str,
    damage: Callable[[bytes], bytes],
) -> None:
    kept = model_store.carded(QUESTION, learnt, mature_of(marts), {})
    model_store.keep(settings, kept)
    folder = settings.home / "models" / QUESTION.name
    path = folder / name if name == model_store.CURRENT else folder / kept.version / name
    path.write_bytes(damage(path.read_bytes()))
    assert model_store.current(settings, QUESTION) is None

    model_store.keep(settings, kept)
    assert model_store.current(settings, QUESTION) is not None


def test_the_reasons_add_up_to_the_log_odds(marts: Marts, learnt: Learnt) -> None:
    assert learnt.model.recipe.kind == "logistic_regression"
    days = days_of(marts)
    predicted = learnt.model.probabilities(days)
    reasons = learnt.model.reasons(days)
    total = learnt.model.learner.intercept_[0] + sum(reasons.values())
    assert np.allclose(total, np.log(predicted / (1 - predicted)))
    uses_a = days.measures["a.is_used"] > 0
    assert (reasons["a"][uses_a] > 1).all()
    assert (reasons["a"][~uses_a] < 0).all()


def test_an_outlier_counts_as_the_farthest_of_the_training(marts: Marts, learnt: Learnt) -> None:
    days = days_of(marts)[np.arange(5)]
    most = float(mature_of(marts).measures["event_count"].max())
    predicted = [
        learnt.model.probabilities(
            replace(days, measures={**days.measures, "event_count": np.full(5, count)})
        )
        for count in (most, 1e9)
    ]
    assert (predicted[0] == predicted[1]).all()


@pytest.mark.parametrize(
    ("law", "people", "said"),
    [
        (by_use_of_a, 90, "persons of the past converted, and a model takes 50"),
        (lambda used, at: 0.0, 200, "0 persons of the past converted"),
        (lambda used, at: 1.0, 200, "0 persons of the past did not convert"),
    ],
)
def test_too_little_is_told_and_no_number_made_up(
    settings: Settings, law: Law, people: int, said: str
) -> None:
    few = Marts.empty().people(people, law)
    with pytest.raises(InsufficientData, match=said):
        learn(mature_of(few), FEATURES)
    foreseen = night(settings, few)
    assert said in foreseen.silence
    told = scores(few, "probability, decile, verdict")
    assert told
    assert set(told) == {(None, None, foreseen.silence)} or law(dict.fromkeys("abc", True), EDGE)


def test_nobody_at_all_is_too_little(settings: Settings) -> None:
    foreseen = night(settings, Marts.empty())
    assert foreseen.silence.startswith("insufficient data: 0 persons of the past converted")
    assert foreseen.scored == 0


@pytest.mark.parametrize("at_risk", [0, 1])
def test_a_model_is_learnt_and_speaks_when_hardly_anybody_is_at_risk(
    settings: Settings, at_risk: int
) -> None:
    """With nobody at risk scikit-learn refused the rows, and the night published nothing."""
    marts = Marts.empty().people(PEOPLE, until=EDGE - 10 * DAY)
    if at_risk:
        marts.people(at_risk, seed=2, days=2)
    foreseen = night(settings, marts)
    assert foreseen.is_taken
    assert (foreseen.scored > 0) == bool(at_risk)
    assert {verdict for (verdict,) in scores(marts, "verdict")} == ({"ok"} if at_risk else set())

    told = tell(marts.connection, [QUESTION], "UTC")
    assert told["fct_conversion_scores"] == foreseen.scored

    again = night(settings, marts)
    assert (again.version, again.learnt, again.scored) == (foreseen.version, None, 0)


def test_of_nobody_no_reasons_are_told(marts: Marts, learnt: Learnt) -> None:
    nobody = days_of(marts)[np.zeros(len(days_of(marts)), dtype=bool)]
    assert len(learnt.model.probabilities(nobody)) == 0
    assert all(len(parts) == 0 for parts in learnt.model.reasons(nobody).values())


def test_conversions_of_the_last_days_alone_are_too_few_to_learn_from() -> None:
    late = Marts.empty().people(900, lambda used, at: 0.3 if at > EDGE - 15 * DAY else 0.0, seed=3)
    with pytest.raises(InsufficientData, match="0 persons in the part to train converted"):
        learn(mature_of(late), FEATURES)


def test_a_model_that_knows_nothing_does_not_speak(settings: Settings) -> None:
    noise = Marts.empty().people(400, no_law, seed=5)
    foreseen = night(settings, noise)
    assert "models_beat_the_base_rate" in foreseen.silence
    assert not foreseen.is_taken
    kept = settings.home / "models" / QUESTION.name
    assert [path.name for path in kept.iterdir()] == [model_store.REFUSED]
    told = scores(noise, "probability, verdict, like_n >= 30, like_rate is not null")
    assert set(told) == {(None, foreseen.silence, True, True)}


@pytest.mark.parametrize("change", ["a day more", "a day less", "damage", "another question"])
def test_a_model_that_may_not_speak_is_tried_again_with_a_day_more(
    settings: Settings, change: str
) -> None:
    noise = Marts.empty().people(400, no_law, seed=5)
    first = night(settings, noise)
    again = night(settings, noise)
    assert first.learnt is not None
    assert again.learnt is None
    assert (again.silence, list(again.claims)) == (first.silence, list(first.claims))
    assert (again.is_taken, again.scored) == (False, 0)

    path = settings.home / "models" / QUESTION.name / model_store.REFUSED
    refused = json.loads(path.read_text())
    day = np.timedelta64(-1 if change == "a day more" else 1, "D")
    if change.startswith("a day"):
        refused["to"] = str(np.datetime64(refused["to"]) + day)
    if change == "another question":
        refused["definition"] = "another"
    text = json.dumps(refused)
    path.write_text(text[:-9] if change == "damage" else text)
    assert night(settings, noise).learnt is not None


def test_a_model_speaks_for_a_week_and_the_next_takes_its_place(
    site: Marts, settings: Settings
) -> None:
    first = night(settings, site)
    assert first.is_taken
    assert first.scored == len(scores(site))
    again = night(settings, site)
    assert (again.learnt, again.version, again.scored) == (None, first.version, 0)
    # As if it had been learnt eight days ago.
    kept = model_store.current(settings, QUESTION)
    assert kept is not None
    to = str(np.datetime64(kept.card["window"]["to"]) - np.timedelta64(8, "D"))
    model_store.keep(settings, with_card(kept, window={"to": to}))
    assert night(settings, site).version == first.version


def test_a_model_that_is_off_leaves_the_one_before_in_its_place(
    settings: Settings, learnt: Learnt, marts: Marts
) -> None:
    kept = model_store.carded(QUESTION, learnt, mature_of(marts), {})
    kept = with_card(kept, window={"to": "2025-12-01"})
    model_store.keep(settings, kept)
    # Five weeks ago the product changed: whoever uses a converts seldom now, others often.
    turned = Marts.empty().people(
        PEOPLE, lambda used, at: 0.05 + 0.45 * (used["a"] == (at < EDGE - 35 * DAY)), seed=7
    )
    foreseen = night(settings, turned)
    assert foreseen.learnt is not None
    assert not foreseen.is_taken
    assert foreseen.version == kept.version
    assert {version for (version,) in scores(turned, "model_version")} == {kept.version}


def test_where_people_have_changed_no_model_speaks(
    settings: Settings, learnt: Learnt, marts: Marts
) -> None:
    model_store.keep(settings, model_store.carded(QUESTION, learnt, mature_of(marts), {}))
    others = Marts.empty().people(400, seed=9, days=4, uses={"a": 1.0})
    night(settings, others)
    told = scores(
        others, "probability, starts_with(verdict, 'no model: people at risk are unlike')"
    )
    assert set(told) == {(None, True)}


def test_what_nobody_of_the_training_did_is_not_predicted(settings: Settings) -> None:
    marts = Marts.empty().people(PEOPLE, uses={"c": 0.0})
    marts.people(12, seed=2, days=3, uses={"c": 1.0})
    assert night(settings, marts).is_taken
    told = marts.connection.execute(
        """
        select distinct starts_with(actor_id, 's2'), probability is null,
            starts_with(verdict, 'insufficient data: nobody of the training')
        from marts.fct_conversion_scores order by all
        """
    ).fetchall()
    assert told == [(False, False, False), (True, True, True)]


def test_the_rate_of_like_persons_is_counted_as_by_hand(site: Marts, settings: Settings) -> None:
    night(settings, site)
    days = days_of(site)
    used = {
        (actor, age): tuple(bool(days.measures[f"{name}.is_used"][row]) for name in FEATURES)
        for row, (actor, age) in enumerate(zip(days.actor_ids, days.trial_days, strict=True))
    }
    past = days[days.is_mature]
    told = scores(
        site, "actor_id, trial_day, like_state, like_n, like_rate, like_low, like_high, base_n"
    )
    depths = set()
    for actor, age, state, n, rate, low, high, base_n in told:
        for depth in (3, 2, 1, 0):
            outcomes = [
                won
                for other, its_age, won in zip(
                    past.actor_ids, past.trial_days, past.is_converted, strict=True
                )
                if its_age == age and used[other, its_age][:depth] == used[actor, age][:depth]
            ]
            if len(outcomes) >= MIN_PERSONS:
                break
        depths.add(depth)
        assert (
            state
            == "; ".join(
                [f"day {age}"]
                # Of these people whoever uses a feature is among its top users.
                + [
                    f"{name} {'top user' if does else 'not used'}"
                    for name, does in list(zip(FEATURES, used[actor, age], strict=True))[:depth]
                ]
            )
        )
        assert (n, rate) == (len(outcomes), pytest.approx(np.mean(outcomes)))
        assert (low, high) == pytest.approx(wilson(float(np.mean(outcomes)), n))
        assert base_n == int((past.trial_days == age).sum())
    assert depths >= {2, 3}


def test_of_too_few_no_rate_is_told(settings: Settings) -> None:
    few = Marts.empty().people(25)
    night(settings, few)
    assert {rate for rate, n in scores(few, "like_rate, like_n") if n < MIN_PERSONS} == {None}
    assert {rate for rate, n in scores(few, "base_rate, base_n") if n < MIN_PERSONS} == {None}


def test_what_was_said_stays_as_it_was_said(site: Marts, settings: Settings) -> None:
    night(settings, site)
    before = site.connection.execute("from meta.conversion_scores order by all").fetchall()
    site.connection.execute("update marts.fct_trial_days set event_count = 100 where trial_day = 3")
    try:
        foresee(settings, site.connection, [QUESTION], NIGHT + DAY)
        assert (
            site.connection.execute("from meta.conversion_scores order by all").fetchall() == before
        )
    finally:
        site.connection.execute("drop table meta.conversion_scores")


def test_scores_of_a_question_that_asks_something_else_are_kept_but_no_answers(
    site: Marts, settings: Settings
) -> None:
    first = night(settings, site)
    other = QUESTION.model_copy(update={"horizon_days": 1})
    reworded = QUESTION.model_copy(update={"description": "In other words."})
    assert reworded.fingerprint == QUESTION.fingerprint != other.fingerprint
    second = night(settings, site, other)
    assert second.scored == first.scored == len(scores(site))
    kept = site.connection.execute("select count(*) from meta.conversion_scores").fetchall()
    assert kept == [(first.scored + second.scored,)]


def test_what_came_of_it_is_filled_in_as_horizons_pass(settings: Settings) -> None:
    marts = Marts.empty().people(PEOPLE)
    night(settings, marts)
    (open_count,) = marts.connection.execute(
        "select sum(open_count) from marts.fct_conversion_calibration where mature_count = 0"
    ).fetchone() or (None,)
    said = scores(marts, "actor_id, trial_day, decile, probability")
    assert open_count == len(said)
    # Every third converted, one turned out to have done so before, and one is still open.
    for number, (actor, age, *_) in enumerate(said):
        marts.connection.execute(
            """
            update marts.fct_trial_days set is_mature = true, outcome = ?
            where actor_id = ? and trial_day = ?
            """,
            ["not_converted" if number % 3 else "converted", actor, age],
        )
    gone, still = said[0], said[-1]
    marts.connection.execute(
        "delete from marts.fct_trial_days where actor_id = ? and trial_day = ?", gone[:2]
    )
    marts.connection.execute(
        """
        update marts.fct_trial_days set is_mature = false, outcome = 'open'
        where actor_id = ? and trial_day = ?
        """,
        still[:2],
    )
    tell(marts.connection, [QUESTION], "UTC")
    found = marts.connection.execute(
        """
        select decile, mature_count, mature_persons, predicted_rate, observed_rate, observed_low,
            observed_high, open_count, withdrawn_count
        from marts.fct_conversion_calibration order by decile
        """
    ).fetchall()
    assert [row[0] for row in found] == sorted({decile for _, _, decile, _ in said})
    for decile, count, persons, predicted, observed, low, high, still_open, withdrawn in found:
        counted = [
            (actor, probability, number % 3 == 0)
            for number, (actor, age, its_decile, probability) in enumerate(said)
            if its_decile == decile and (actor, age) not in (gone[:2], still[:2])
        ]
        assert count == len(counted)
        assert persons == len({actor for actor, _, _ in counted})
        assert predicted == pytest.approx(np.mean([each[1] for each in counted]))
        rate = float(np.mean([each[2] for each in counted]))
        assert observed == pytest.approx(rate)
        assert (low, high) == pytest.approx(wilson(rate, persons))
        assert (still_open, withdrawn) == (still[2] == decile, gone[2] == decile)
    outcomes = {outcome for (outcome,) in scores(marts, "outcome")}
    assert outcomes == {"converted", "not_converted", "open", "withdrawn"}


def test_scores_go_with_the_start_of_their_trial(site: Marts, settings: Settings) -> None:
    night(settings, site)
    (actor,) = scores(site, "actor_id")[0]
    site.connection.execute("create schema raw; create table raw.events (event_id varchar)")
    site.connection.execute("insert into raw.events values ('start of ' || ?)", [actor])
    site.connection.execute(
        "create temp table erased_events as select rowid as row_id from raw.events"
    )
    try:
        count = count_scores(site.connection)
        assert count == sum(each == (actor,) for each in scores(site, "actor_id")) > 0
        forget_scores(site.connection)
        tell(site.connection, [QUESTION], "UTC")
        assert (actor,) not in scores(site, "actor_id")
        assert scores(site)
    finally:
        site.connection.execute("drop schema raw cascade; drop table erased_events")


def judged(predicted: float, came: float, rows: int = 5000, per_person: int = 1) -> Evaluation:
    """Everybody is predicted the same, half of them as much more as the others less."""
    rng = np.random.default_rng(1)
    spread = np.where(np.arange(rows) % 2, 0.5, 1.5)
    persons = np.repeat(np.arange(rows // per_person), per_person).astype(str).astype(object)
    return evaluate(predicted * spread, 0.1, rng.random(rows) < came * spread, persons)


@pytest.mark.parametrize(
    ("predicted", "came", "holds"),
    [(0.1, 0.1, True), (0.1, 0.11, True), (0.2, 0.1, False), (0.1, 0.2, False)],
)
def test_a_model_is_calibrated_where_as_many_come_as_are_predicted(
    predicted: float, came: float, holds: bool
) -> None:
    claims = {claim.name: claim.holds for claim in claims_on(judged(predicted, came))}
    assert claims["models_are_calibrated"] is holds


def test_a_model_may_be_right_on_the_whole_and_wrong_in_its_tenths() -> None:
    rng = np.random.default_rng(2)
    spread = np.where(np.arange(5000) % 2, 0.05, 0.35)
    persons = np.arange(5000).astype(str).astype(object)
    uneven = evaluate(spread, 0.2, rng.random(5000) < 0.2, persons)
    assert abs(uneven.excess) < 0.02
    assert not {claim.name: claim.holds for claim in claims_on(uneven)}["models_are_calibrated"]


def test_the_days_of_one_person_are_one_draw() -> None:
    draws = np.random.default_rng(3).random(500)
    persons = np.arange(500).astype(str).astype(object)
    once = standard_error(draws, persons)
    ten_times = standard_error(np.repeat(draws, 10), np.repeat(persons, 10))
    assert ten_times == pytest.approx(once)
    assert standard_error(draws, persons) == pytest.approx(draws.std(ddof=1) / 500**0.5)


def test_drift_is_the_population_stability_index() -> None:
    halves = Tenths(bounds=np.array([0.5]), shares=np.array([0.5, 0.5]))
    same = drift_claim(halves, np.array([0.2, 0.8] * 100))
    assert (same.holds, same.seen) == (True, "population stability index 0.000")
    # (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5) = 0.416
    moved = drift_claim(halves, np.array([0.2] * 8000 + [0.8] * 2000))
    assert (moved.holds, moved.seen) == (False, "population stability index 0.416")
    assert drift_claim(halves, np.array([0.2] * 20)).holds


def test_boosting_is_taken_where_a_sum_of_parts_cannot_tell() -> None:
    crossed = Marts.empty().people(
        3000,
        lambda used, at: 0.45 if used["a"] != used["b"] else 0.02,
        uses={"a": 0.5, "b": 0.5},
    )
    learnt = learn(mature_of(crossed), FEATURES)
    assert learnt.model.recipe.kind == "boosting"
    assert all(claim.holds for claim in claims_on(learnt.evaluation))
    reasons = learnt.model.reasons(days_of(crossed))
    assert np.abs(reasons["a"]).mean() > 5 * np.abs(reasons["c"]).mean()


def test_a_mart_keeps_the_day_of_the_reporting_time_zone(site: Marts, settings: Settings) -> None:
    night(settings, site)
    tell(site.connection, [QUESTION], "Pacific/Auckland")
    days = scores(site, "as_of, as_of_date")
    assert {(as_of + timedelta(hours=13)).date() == date for as_of, date in days} == {True}
