// A product that logs events with OpenTelemetry's SDK: `opentelemetry.js URL KEY [proto]`.
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";

const [url, key, form = "http"] = process.argv.slice(2);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${form}`);
const exporter = new OTLPLogExporter({ url: `${url}/v1/logs`, headers: { Authorization: `Bearer ${key}` } });
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ "service.name": "shop", "service.version": "1.2" }),
  processors: [new BatchLogRecordProcessor({ exporter })],
});
const logger = provider.getLogger("shop");
for (let step = 0; step < 50; step++)
  logger.emit({ eventName: "step_done", timestamp: Date.now(), attributes: { "user.id": "u1", "session.id": "s1", step } });
await provider.shutdown();
