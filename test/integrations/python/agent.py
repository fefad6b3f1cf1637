# region docs
import os

os.environ.setdefault("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.util.genai.handler import get_telemetry_handler

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))  # to OTEL_EXPORTER_OTLP_ENDPOINT, or localhost:4318
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()  # model calls are told by themselves
telemetry = get_telemetry_handler()  # agents and tools by you
# endregion
import json

from openai import BadRequestError, OpenAI

client = OpenAI(max_retries=0)
parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [{"type": "function", "function": {"name": "forecast", "description": "Rain today", "parameters": parameters}}]


def forecast(call):
    with telemetry.tool("forecast", tool_type="function", agent_name="weather") as tool:
        tool.tool_call_id = call.id
        tool.arguments = call.function.arguments
        tool.tool_result = f"{json.loads(call.function.arguments)['city']}: rain from noon"
        return {"role": "tool", "tool_call_id": call.id, "content": tool.tool_result}


with telemetry.invoke_local_agent(agent_name="weather"):
    messages = [
        {"role": "system", "content": "You know the weather."},
        {"role": "user", "content": "Where does it rain today?"},
    ]
    answer = client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools, temperature=0.2)
    message = answer.choices[0].message
    messages.append(message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
    messages.extend(forecast(call) for call in message.tool_calls)
    options = {"stream": True, "stream_options": {"include_usage": True}}
    for _ in client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools, **options):
        pass
    client.embeddings.create(model="text-embedding-3-small", input="rain")
    try:
        client.chat.completions.create(model="gpt-4o", messages=[])
    except BadRequestError:
        pass
provider.shutdown()
