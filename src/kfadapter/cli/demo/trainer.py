"""What a Training Manager sends, byte for byte as AIMLFW's does: its uploads and its executions."""

import json
from dataclasses import dataclass
from typing import Any

from kfadapter.cli.http import Adapter, segment

BOUNDARY = "3f1c0a5be5d94d2aa7a0b4b2f6f1f1c7"


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A training job, as the Training Manager keeps it.

    Attributes:
        job_id: Its number.
        arguments: What the user wrote into the training's configuration; any JSON values.
    """

    job_id: int
    pipeline: str
    version: str
    feature_group: str
    model_name: str
    model_version: str
    arguments: dict[str, Any]

    def sent_arguments(self) -> dict[str, str]:
        """All arguments of the execution. The Training Manager makes text of every value with Python's `str`."""
        arguments = {
            **self.arguments,
            "trainingjob_id": self.job_id,
            "featuregroup_name": self.feature_group,
            "modelName": self.model_name,
            "modelVersion": self.model_version,
            "modellocation": "",
        }
        return {name: str(value) for name, value in arguments.items()}

    def wanted_inputs(self) -> dict[str, Any]:
        """What a pipeline with AIMLFW's inputs should get of all this."""
        return {
            **self.arguments,
            "featurepath": f"{self.feature_group}_{self.job_id}",
            "modelname": self.model_name,
            "modelversion": self.model_version,
        }


def upload(adapter: Adapter, name: str, package: bytes, description: str) -> dict[str, Any]:
    """Upload a pipeline: a form whose file is called "file" and has no content type."""
    lines = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="description"\r\n\r\n{description}\r\n'.encode(),
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'.encode(),
        package,
        f"\r\n--{BOUNDARY}--\r\n".encode(),
    ]
    answer, _ = adapter.fetch(
        "POST",
        f"/pipelineIds/{segment(name)}",
        content=b"".join(lines),
        headers={"content-type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    return dict(answer)


def execute(adapter: Adapter, job: TrainingJob) -> dict[str, Any]:
    """Start the job's run."""
    body = {
        "pipeline_name": job.pipeline,
        "experiment_name": "Default",
        "arguments": job.sent_arguments(),
        "pipeline_version": job.version,
    }
    answer, _ = adapter.fetch(
        "POST",
        f"/trainingjobs/{job.job_id}/execution",
        content=json.dumps(body).encode(),
        headers={"content-type": "application/json", "Accept-Charset": "UTF-8"},
    )
    return dict(answer)
