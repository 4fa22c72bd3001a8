"""Events as CloudEvents 1.0 (JSON, structured mode): what receivers get and what the stream shows.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md, with the extensions `sequence`
and, where a trace is known, `traceparent`.
"""

from typing import Any

from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from kfadapter.events.records import Event

CONTENT_TYPE = JSONFormat.CONTENT_TYPE
# The extension `sequence` is compared as a text.
SEQUENCE_DIGITS = 20


def cloud_event(event: Event, source: str) -> CloudEvent:
    """The event in its envelope.

    Args:
        source: Which adapter says so (`KFADAPTER_EVENTS_SOURCE`).
    """
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": event.type,
        "subject": event.subject or "unknown",
        "time": event.at,
        "datacontenttype": "application/json",
        "sequence": f"{event.position:0{SEQUENCE_DIGITS}}",
    }
    if event.traceparent:
        attributes["traceparent"] = event.traceparent
    return CloudEvent(attributes, facts(event))


def facts(event: Event) -> dict[str, Any]:
    """What the event says, in the words of the other routes; null where it is not known."""
    return {
        **event.data,
        "run_id": event.run_id or None,
        "training_job_id": event.job_id or None,
        "pipeline_id": event.pipeline_id or None,
        "pipeline_name": event.pipeline_name or None,
        "pipeline_version_id": event.pipeline_version_id or None,
        "pipeline_version": event.version_name or None,
        "experiment_id": event.experiment_id or None,
        "experiment_name": event.experiment_name or None,
        "state": event.state or None,
    }


def body_of(event: Event, source: str) -> bytes:
    """The envelope's JSON, in one line: the same bytes in every delivery and in the stream."""
    return to_structured(cloud_event(event, source), JSONFormat()).body
