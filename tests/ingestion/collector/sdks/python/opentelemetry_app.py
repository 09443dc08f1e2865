"""A product that logs events with OpenTelemetry's Python SDK: `opentelemetry_app.py URL KEY`."""

import sys
import time

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

url, key = sys.argv[1:3]
provider = LoggerProvider(Resource.create({"service.name": "shop", "service.version": "1.2"}))
exporter = OTLPLogExporter(f"{url}/v1/logs", headers={"authorization": f"Bearer {key}"})
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logger = provider.get_logger("shop")
for step in range(50):
    logger.emit(
        timestamp=time.time_ns(),
        event_name="step_done",
        severity_number=SeverityNumber.INFO,
        attributes={"user.id": "u1", "session.id": "s1", "step": step},
    )
provider.shutdown()
