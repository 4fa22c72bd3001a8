"""kfadapter: the bridge between a Training Manager and Kubeflow Pipelines."""

__version__ = "0.1.0"
