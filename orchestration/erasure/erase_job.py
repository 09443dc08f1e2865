"""The job `erase_person`: an erasure from Dagster's UI, which does not keep the person's id."""

from typing import Any

import dagster as dg
from pydantic import Field

from ingestion.erasure.resolving import BadSubject, SharedDevice
from ingestion.erasure.wait_until_sealed import Unsettled
from ingestion.landing.tombstones import TombstoneFile
from ingestion.settings import get_settings
from orchestration.assets import PUBLISHED
from orchestration.checks.check_result import markdown_table
from orchestration.dagster_internals import hide_config
from orchestration.erasure.erase import Asked, Incomplete, NobodyThere, erase
from orchestration.prepare import POOL
from orchestration.runs.run_records import ERASURES

OP = "erase"

_settings = get_settings()


class Erasure(dg.Config):
    """Whom to erase: one of user_id, anonymous_id and subject."""

    user_id: str | None = Field(default=None, description="The person, by a user id of theirs.")
    anonymous_id: str | None = Field(default=None, description="The person, by their device.")
    subject: str | None = Field(
        default=None, description="The hash that an earlier attempt or its receipt gave."
    )
    # No default: with either one somebody could mistake a dry run for an erasure or the reverse.
    dry_run: bool = Field(description="True counts what would go. False erases it, for good.")


@dg.op(
    name=OP,
    pool=POOL,
    description=(
        "Take a person out of the landing, raw, the models and the published file, and keep them "
        "out. The run's own config is replaced by a hash first. See docs/erasure.md."
    ),
)
def erase_op(context: dg.OpExecutionContext, config: Erasure) -> dg.Output[None]:
    """Erase, and give the receipt as metadata."""
    try:
        asked = _forget_whom(context, config)
        receipt = erase(_settings, asked, dry_run=config.dry_run, run_id=context.run_id)
    except (BadSubject, NobodyThere, SharedDevice, Incomplete, Unsettled) as problem:
        raise dg.Failure(str(problem), allow_retries=False) from None
    metadata: dict[str, Any] = {
        "erasure": receipt.erasure_id,
        "subject": receipt.subject,
        "receipt": markdown_table(
            ["place", "erased"], [(place, f"{count:,}") for place, count in receipt.counts.items()]
        ),
        **{f"tombstones of {kind}": count for kind, count in receipt.tombstones.items()},
    }
    if not config.dry_run:
        context.log_event(dg.AssetMaterialization(PUBLISHED, metadata=metadata))
    return dg.Output(None, metadata=metadata)


def _forget_whom(context: dg.OpExecutionContext, config: Erasure) -> Asked:
    """Replace the id with its hash in Dagster's records; a retry finds the person by the hash.

    Raises BadSubject if the config names nobody or more than one; the ids are removed then too.
    """
    hidden: dict[str, Any] = {"dry_run": config.dry_run}
    try:
        asked = Asked(config.user_id, config.anonymous_id, config.subject)
        erasures = TombstoneFile(_settings.home)
        tombstones = erasures.salted()
        erasures.keep_salt(tombstones)
        hidden["subject"] = str(asked.hashed(tombstones))
    finally:
        if not context.instance.is_ephemeral:
            hide_config(_settings.dagster_home, context.run_id, OP, hidden)
    return asked


@dg.job(
    name=ERASURES,
    executor_def=dg.in_process_executor,
    description="Erase a person everywhere, for good: docs/erasure.md.",
)
def erase_person() -> None:
    """Erase one person."""
    erase_op()
