"""The jobs: what the UI's launchpad and `python -m orchestration run` can start."""

import dagster as dg

from orchestration.assets import model_assets, published_footfall
from orchestration.conversion_assets import conversion_assets
from orchestration.received_days import received_days
from orchestration.repair import (
    reload_files,
    replay_quarantine,
    sweep_op,
    verify_exactness,
)

# Received days are partitions. Only rebuild_days says which of them it takes.
_nightly = dg.AssetSelection.all() - dg.AssetSelection.assets(received_days)
_published = dg.AssetSelection.assets(published_footfall)
# What is built from raw, and its checks.
_models = dg.AssetSelection.assets(model_assets, conversion_assets)


nightly = dg.define_asset_job(
    "nightly",
    selection=_nightly,
    executor_def=dg.in_process_executor,
    description="Load what has landed, build and check the models, publish the file people read, "
    "and write the report of a day that is over.",
)
load_and_build = dg.define_asset_job(
    "load_and_build",
    selection=_nightly - _published.downstream(),
    executor_def=dg.in_process_executor,
    description="Load what has landed, build and check the models, and publish nothing.",
)
full_refresh = dg.define_asset_job(
    "full_refresh",
    selection=_models | _published,
    executor_def=dg.in_process_executor,
    config={"ops": {"build": {"config": {"full_refresh": True}}}},
    description="Build every model anew from the raw rows, check and publish.",
)
rebuild_days = dg.define_asset_job(
    "rebuild_days",
    selection=dg.AssetSelection.assets(received_days) | _models | _published,
    executor_def=dg.in_process_executor,
    description="Work the events of some received days in again, check and publish.",
)


# An op may not have the name of a job. Inside the job it has the alias of that name, so that config
# uses one name for both.
@dg.job(name="replay_quarantine", executor_def=dg.in_process_executor)
def replay_quarantine_job() -> None:
    """Validate refused events again, fixed or as they are; the next load takes those that pass."""
    replay_quarantine.alias("replay_quarantine")()


@dg.job(name="reload_files", executor_def=dg.in_process_executor)
def reload_files_job() -> None:
    """Have loaded files loaded again by the next nightly, which then rebuilds in full."""
    reload_files.alias("reload_files")()


@dg.job(name="verify_exactness", executor_def=dg.in_process_executor)
def verify_exactness_job() -> None:
    """Prove that the warehouse is what a full rebuild gives; say which rows are not."""
    verify_exactness.alias("verify_exactness")()


@dg.job(name="sweep", executor_def=dg.in_process_executor)
def sweep_job() -> None:
    """Delete what runs left behind, and what is past its retention. A dry run unless told."""
    sweep_op.alias("sweep")()
