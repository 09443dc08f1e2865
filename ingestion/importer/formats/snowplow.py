"""Snowplow's enriched events: lines of 131 values without names, as the pipeline writes them.

https://docs.snowplow.io/docs/pipeline/enriched-tsv-format/ lists the values in their order. A CSV
file with these names in its first line is read too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ingestion.facts.envelope import Json
from ingestion.importer.formats.format import Format, Options
from ingestion.protocols.snowplow import SNOWPLOW

_NAMES: Final = """
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id
name_tracker v_tracker v_collector v_etl user_id user_ipaddress user_fingerprint
domain_userid domain_sessionidx network_userid geo_country geo_region geo_city
geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain
ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost page_urlport
page_urlpath page_urlquery page_urlfragment refr_urlscheme refr_urlhost refr_urlport
refr_urlpath refr_urlquery refr_urlfragment refr_medium refr_source refr_term mkt_medium
mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action se_label
se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax
tr_shipping tr_city tr_state tr_country ti_orderid ti_sku ti_name ti_category ti_price
ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent
br_name br_family br_version br_type br_renderengine br_lang br_features_pdf
br_features_flash br_features_java br_features_director br_features_quicktime
br_features_realplayer br_features_windowsmedia br_features_gears
br_features_silverlight br_cookies br_colordepth br_viewwidth br_viewheight os_name
os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth
dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base
tr_shipping_base ti_currency ti_price_base base_currency geo_timezone mkt_clickid
mkt_network etl_tags dvce_sent_tstamp refr_domain_userid refr_device_tstamp
derived_contexts domain_sessionid derived_tstamp event_vendor event_name event_format
event_version event_fingerprint true_tstamp
"""
#: The values of a line in their order. Files of older pipelines end earlier.
HEADER: Final = tuple(_NAMES.split())
#: Column → the parameter of the tracker that it was made of.
_PARAMETERS: Final = {
    "event_id": "eid",
    "user_id": "uid",
    "domain_userid": "duid",
    "network_userid": "nuid",
    "true_tstamp": "ttm",
    "page_url": "url",
    "page_title": "page",
    "page_referrer": "refr",
    "br_lang": "lang",
    "useragent": "ua",
    "os_timezone": "tz",
    "platform": "p",
    "v_tracker": "tv",
    "contexts": "co",
    "unstruct_event": "ue_pr",
    "se_category": "se_ca",
    "se_action": "se_ac",
    "se_label": "se_la",
    "se_property": "se_pr",
    "se_value": "se_va",
}
_KINDS: Final = {
    "page_view": "pv",
    "page_ping": "pp",
    "struct": "se",
    "unstruct": "ue",
    "transaction": "tr",
    "transaction_item": "ti",
}


def _read(record: Json, options: Options) -> Iterator[Json]:
    told = {name: value for name, value in record.items() if value not in (None, "")}
    received = told.pop("collector_tstamp", None)
    event = {_PARAMETERS.get(name, name): value for name, value in told.items()}
    event["e"] = _KINDS.get(str(event.pop("event", None)))
    # Snowplow corrected the device's clock: that is the derived time.
    event["dtm"] = told.get("derived_tstamp") or told.get("dvce_created_tstamp")
    if event["e"] == "ue" and "ue_pr" not in event:
        event["ue_pr"] = _of_columns(told)
    yield SNOWPLOW.read(event, {}) | {"receivedAt": received}


def _of_columns(told: Json) -> str:
    """The self-describing event of a warehouse's row, which has its data in a column of its own."""
    vendor, name = told.get("event_vendor"), told.get("event_name")
    schema = f"iglu:{vendor}/{name}/jsonschema/{told.get('event_version')}"
    return msgspec.json.encode({"data": {"schema": schema, "data": {}}}).decode()


SNOWPLOW_ENRICHED: Final = Format(
    name="snowplow",
    title="Snowplow, enriched events",
    read=_read,
    fits=lambda record, _: {"event_id", "collector_tstamp", "event"} <= record.keys(),
    header=HEADER,
    fields={
        "event_id": "event_id, as the same event has live",
        "event, se_action, unstruct_event": "type, event_name and properties, as live",
        "user_id": "user_id",
        "domain_userid, else the session's context, else network_userid": "anonymous_id",
        "true_tstamp, else derived_tstamp, else dvce_created_tstamp": "original_timestamp",
        "collector_tstamp": "received_at",
        "page_*, useragent, br_lang, os_timezone, contexts": "context, as live",
    },
)
