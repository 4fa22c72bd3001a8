"""The v2beta1 messages that clients send, as data (field → kind), after the public proto files of KFP 2.17."""

from kfadapter.engine.protocol.wire import Enumeration, MapOf, Message, Repeated, Scalar

PACKAGE = "kubeflow.pipelines.backend.api.v2beta1"
STRING, BOOL, INT32, INT64 = Scalar.STRING, Scalar.BOOL, Scalar.INT32, Scalar.INT64
TIMESTAMP, STRUCT, VALUE = Scalar.TIMESTAMP, Scalar.STRUCT, Scalar.VALUE

RUNTIME_STATE = Enumeration(
    (
        "RUNTIME_STATE_UNSPECIFIED",
        "PENDING",
        "RUNNING",
        "SUCCEEDED",
        "SKIPPED",
        "FAILED",
        "CANCELING",
        "CANCELED",
        "PAUSED",
    )
)
STORAGE_STATE = Enumeration(("STORAGE_STATE_UNSPECIFIED", "AVAILABLE", "ARCHIVED"))
OPERATION = Enumeration(
    (
        "OPERATION_UNSPECIFIED",
        "EQUALS",
        "NOT_EQUALS",
        "GREATER_THAN",
        "GREATER_THAN_EQUALS",
        "LESS_THAN",
        "LESS_THAN_EQUALS",
        "IN",
        "IS_SUBSTRING",
    )
)
MODE = Enumeration(("MODE_UNSPECIFIED", "ENABLE", "DISABLE"))
RECURRING_STATUS = Enumeration(("STATUS_UNSPECIFIED", "ENABLED", "DISABLED"))
PLUGIN_STATE = Enumeration(("PLUGIN_STATE_UNSPECIFIED", "PLUGIN_RUNNING", "PLUGIN_SUCCEEDED", "PLUGIN_FAILED"))
RENDER_TYPE = Enumeration(("RENDER_TYPE_UNSPECIFIED", "TEXT", "LINK"))

EMPTY = Message(full_name="google.protobuf.Empty", fields={})
STATUS = Message(full_name="google.rpc.Status", fields={"code": INT32, "message": STRING, "details": Repeated(STRUCT)})
URL = Message(full_name=f"{PACKAGE}.Url", fields={"pipeline_url": STRING})
PIPELINE = Message(
    full_name=f"{PACKAGE}.Pipeline",
    fields={
        "pipeline_id": STRING,
        "display_name": STRING,
        "name": STRING,
        "description": STRING,
        "created_at": TIMESTAMP,
        "namespace": STRING,
        "error": STATUS,
        "tags": MapOf(STRING),
    },
)
PIPELINE_VERSION = Message(
    full_name=f"{PACKAGE}.PipelineVersion",
    fields={
        "pipeline_id": STRING,
        "pipeline_version_id": STRING,
        "display_name": STRING,
        "name": STRING,
        "description": STRING,
        "created_at": TIMESTAMP,
        "package_url": URL,
        "code_source_url": STRING,
        "pipeline_spec": STRUCT,
        "error": STATUS,
        "tags": MapOf(STRING),
    },
)
CREATE_PIPELINE_AND_VERSION = Message(
    full_name=f"{PACKAGE}.CreatePipelineAndVersionRequest",
    fields={"pipeline": PIPELINE, "pipeline_version": PIPELINE_VERSION},
)
EXPERIMENT = Message(
    full_name=f"{PACKAGE}.Experiment",
    fields={
        "experiment_id": STRING,
        "display_name": STRING,
        "description": STRING,
        "created_at": TIMESTAMP,
        "namespace": STRING,
        "storage_state": STORAGE_STATE,
        "last_run_created_at": TIMESTAMP,
    },
)
VERSION_REFERENCE = Message(
    full_name=f"{PACKAGE}.PipelineVersionReference",
    fields={"pipeline_id": STRING, "pipeline_version_id": STRING},
)
RUNTIME_CONFIG = Message(
    full_name=f"{PACKAGE}.RuntimeConfig",
    fields={"parameters": MapOf(VALUE), "pipeline_root": STRING},
)
RUNTIME_STATUS = Message(
    full_name=f"{PACKAGE}.RuntimeStatus",
    fields={"update_time": TIMESTAMP, "state": RUNTIME_STATE, "error": STATUS},
)
PLUGIN_VALUE = Message(
    full_name=f"{PACKAGE}.MetadataValue",
    fields={"value": VALUE, "render_type": RENDER_TYPE},
)
PLUGIN_OUTPUT = Message(
    full_name=f"{PACKAGE}.PluginOutput",
    fields={"entries": MapOf(PLUGIN_VALUE), "state": PLUGIN_STATE, "state_message": STRING},
)
CHILD_TASK = Message(
    full_name=f"{PACKAGE}.PipelineTaskDetail.ChildTask",
    fields={"task_id": STRING, "pod_name": STRING},
    one_ofs={"child_task": ("task_id", "pod_name")},
)
ARTIFACT_LIST = Message(full_name=f"{PACKAGE}.ArtifactList", fields={"artifact_ids": Repeated(INT64)})
EXECUTOR_DETAIL = Message(
    full_name=f"{PACKAGE}.PipelineTaskExecutorDetail",
    fields={
        "main_job": STRING,
        "pre_caching_check_job": STRING,
        "failed_main_jobs": Repeated(STRING),
        "failed_pre_caching_check_jobs": Repeated(STRING),
    },
)
TASK_DETAIL = Message(
    full_name=f"{PACKAGE}.PipelineTaskDetail",
    fields={
        "run_id": STRING,
        "task_id": STRING,
        "display_name": STRING,
        "create_time": TIMESTAMP,
        "start_time": TIMESTAMP,
        "end_time": TIMESTAMP,
        "executor_detail": EXECUTOR_DETAIL,
        "state": RUNTIME_STATE,
        "execution_id": INT64,
        "error": STATUS,
        "inputs": MapOf(ARTIFACT_LIST),
        "outputs": MapOf(ARTIFACT_LIST),
        "parent_task_id": STRING,
        "state_history": Repeated(RUNTIME_STATUS),
        "pod_name": STRING,
        "child_tasks": Repeated(CHILD_TASK),
    },
)
RUN_DETAILS = Message(
    full_name=f"{PACKAGE}.RunDetails",
    fields={"pipeline_context_id": INT64, "pipeline_run_context_id": INT64, "task_details": Repeated(TASK_DETAIL)},
)
PIPELINE_SOURCE = {"pipeline_source": ("pipeline_version_id", "pipeline_spec", "pipeline_version_reference")}
RUN = Message(
    full_name=f"{PACKAGE}.Run",
    fields={
        "experiment_id": STRING,
        "run_id": STRING,
        "display_name": STRING,
        "storage_state": STORAGE_STATE,
        "description": STRING,
        "pipeline_version_id": STRING,
        "pipeline_spec": STRUCT,
        "pipeline_version_reference": VERSION_REFERENCE,
        "runtime_config": RUNTIME_CONFIG,
        "service_account": STRING,
        "created_at": TIMESTAMP,
        "scheduled_at": TIMESTAMP,
        "finished_at": TIMESTAMP,
        "state": RUNTIME_STATE,
        "error": STATUS,
        "run_details": RUN_DETAILS,
        "recurring_run_id": STRING,
        "state_history": Repeated(RUNTIME_STATUS),
        "plugins_input": MapOf(STRUCT),
        "plugins_output": MapOf(PLUGIN_OUTPUT),
    },
    one_ofs=PIPELINE_SOURCE,
)
CRON_SCHEDULE = Message(
    full_name=f"{PACKAGE}.CronSchedule",
    fields={"start_time": TIMESTAMP, "end_time": TIMESTAMP, "cron": STRING},
)
PERIODIC_SCHEDULE = Message(
    full_name=f"{PACKAGE}.PeriodicSchedule",
    fields={"start_time": TIMESTAMP, "end_time": TIMESTAMP, "interval_second": INT64},
)
TRIGGER = Message(
    full_name=f"{PACKAGE}.Trigger",
    fields={"cron_schedule": CRON_SCHEDULE, "periodic_schedule": PERIODIC_SCHEDULE},
    one_ofs={"trigger": ("cron_schedule", "periodic_schedule")},
)
RECURRING_RUN = Message(
    full_name=f"{PACKAGE}.RecurringRun",
    fields={
        "recurring_run_id": STRING,
        "display_name": STRING,
        "description": STRING,
        "pipeline_version_id": STRING,
        "pipeline_spec": STRUCT,
        "pipeline_version_reference": VERSION_REFERENCE,
        "runtime_config": RUNTIME_CONFIG,
        "service_account": STRING,
        "max_concurrency": INT64,
        "trigger": TRIGGER,
        "mode": MODE,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
        "status": RECURRING_STATUS,
        "error": STATUS,
        "no_catchup": BOOL,
        "namespace": STRING,
        "experiment_id": STRING,
        "plugins_input": MapOf(STRUCT),
    },
    one_ofs=PIPELINE_SOURCE,
)
VISUALIZATION = Message(
    full_name=f"{PACKAGE}.Visualization",
    fields={
        "type": Enumeration(("ROC_CURVE", "TFDV", "TFMA", "TABLE", "CUSTOM")),
        "source": STRING,
        "arguments": STRING,
        "html": STRING,
        "error": STRING,
    },
)
INT_VALUES = Message(full_name=f"{PACKAGE}.Predicate.IntValues", fields={"values": Repeated(INT32)})
LONG_VALUES = Message(full_name=f"{PACKAGE}.Predicate.LongValues", fields={"values": Repeated(INT64)})
STRING_VALUES = Message(full_name=f"{PACKAGE}.Predicate.StringValues", fields={"values": Repeated(STRING)})
PREDICATE = Message(
    full_name=f"{PACKAGE}.Predicate",
    fields={
        "operation": OPERATION,
        "key": STRING,
        "int_value": INT32,
        "long_value": INT64,
        "string_value": STRING,
        "timestamp_value": TIMESTAMP,
        "int_values": INT_VALUES,
        "long_values": LONG_VALUES,
        "string_values": STRING_VALUES,
    },
    one_ofs={
        "value": (
            "int_value",
            "long_value",
            "string_value",
            "timestamp_value",
            "int_values",
            "long_values",
            "string_values",
        )
    },
)
FILTER = Message(full_name=f"{PACKAGE}.Filter", fields={"predicates": Repeated(PREDICATE)})
