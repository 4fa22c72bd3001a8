"""What to try while the demo is left running: each line works as it is."""


def suggestions(adapter_url: str, engine_url: str, run_id: str) -> list[str]:
    """Lines for a shell and for Python.

    Args:
        adapter_url: The adapter.
        engine_url: The embedded engine: a Kubeflow Pipelines API.
        run_id: The run of the story.
    """
    return [
        "",
        "Everything goes on running. Try, in another terminal:",
        "",
        "# the Training Manager's routes, and ours",
        f"curl -s {adapter_url}/pipelines",
        f"curl -s {adapter_url}/v1/runs/{run_id}",
        f"curl -s '{adapter_url}/v1/runs/{run_id}/logs?task=train'",
        f"curl -s {adapter_url}/v1/training-jobs/7",
        "",
        "# the command line",
        f"export KFADAPTER_URL={adapter_url}",
        "kfadapter pipelines show qoe_throughput",
        f"kfadapter runs logs {run_id} --task train",
        "kfadapter jobs start 8 --pipeline qoe_throughput --arg featurepath=here --arg epochs=10 \\",
        "    --arg modelname=mine --arg modelversion=2",
        "",
        "# the kfp SDK: the engine is a Kubeflow Pipelines (pip install kfp)",
        "python3 - <<'END'",
        "import kfp",
        f'client = kfp.Client(host="{engine_url}")',
        "print(client.list_pipelines().pipelines[0].display_name)",
        'arguments = {"featurepath": "x", "epochs": 5, "modelname": "mine", "modelversion": "3"}',
        'pipeline_id = client.get_pipeline_id("qoe_throughput")',
        "version_id = client.list_pipeline_versions(pipeline_id).pipeline_versions[0].pipeline_version_id",
        'experiment = client.create_experiment("by-hand")',
        "run = client.run_pipeline(experiment.experiment_id, 'by hand',",
        "    pipeline_id=pipeline_id, version_id=version_id, params=arguments)",
        "print(client.wait_for_run_completion(run.run_id, timeout=120).state)",
        "END",
        "",
        "Ctrl-C ends everything and removes it.",
    ]
